import Checkpoints
import Communication
import Configurations
import Datasets
import Foundation
import Network
import Optimization
import Support

/// Where a run begins.
struct StartingPoint {
    let state: TrainingState
    let best: BestScore?
    /// The run's identity; nil of a new one, and of one that has none.
    let run: String?
    /// Whether the state is still to be validated.
    let isValidationDue: Bool
    /// What is to be known of a resumed run: why newer checkpoints were passed over, what is otherwise than it was, and why
    /// bits may differ from here; of a new one, those of `initializeFromFile`.
    let remarks: [String]
}

extension RunSetup {
    /// Where the run begins: read or drawn on rank 0, and the same on all.
    ///
    /// - Parameter contents: `DatasetReview.contents` of its images.
    func startingPoint(_ world: any Communicator, contents: String) throws -> StartingPoint {
        struct Start: Codable {
            var step = 0
            var elapsed = 0.0
            var best: BestScore?
            var run: String?
            var isValidationDue = false
            var remarks: [String]
        }
        let state = TrainingState(
            ParameterLayout(configuration.model.architecture), isAveraged: configuration.training.ema > 0)
        let start: Start = try world.agreeOnRoot {
            let directory = RunDirectory(specification.directory)
            // A run that was lost before its first checkpoint begins again.
            if specification.isResume, try directory.hasCheckpoint() {
                let (checkpoint, damage) = try directory.newestCheckpoint()
                var then = checkpoint.configuration.model.architecture
                then.dropout = configuration.model.architecture.dropout
                guard then == configuration.model.architecture else {
                    throw Failure.request(
                        "\(specification.directory) holds a run of another network: leave model as it is in its config.yaml"
                    )
                }
                state.copy(from: checkpoint.state)
                // A score of another metric or of other images is no measure of what comes.
                let hasSameImages = checkpoint.images == nil || checkpoint.images == specification.imagesDigest
                let changed = hasSameImages ? changedSamples(since: checkpoint.contents, contents) : []
                let isComparable =
                    checkpoint.configuration.validation.metric == configuration.validation.metric
                    && checkpoint.configuration.data.validation == configuration.data.validation && hasSameImages
                    && !changed.contains { $0 >= specification.train.count }
                let best = isComparable ? checkpoint.best : nil
                let damagedBest = best.flatMap { remark(onDamagedBest: $0, at: state.step, in: directory) }
                return Start(
                    step: state.step, elapsed: state.elapsed, best: damagedBest == nil ? best : nil,
                    run: checkpoint.run, isValidationDue: checkpoint.isValidationDue,
                    remarks: try damage.map { "passed over: \($0)" }
                        + [
                            checkpoint.metadata?.remark(on: directory.checkpoint(step: state.step)),
                            checkpoint.metadata?.divergence(engine: configuration.run.engine),
                            remark(onChanged: changed),
                            hasSameImages ? nil : specification.remarkOnOtherImages(configuration.data.validation),
                            state.average != nil && checkpoint.state.average == nil
                                ? "the checkpoint has no averaged weights: averaging begins here" : nil,
                            remarkOnRate(since: checkpoint.configuration, state), damagedBest,
                        ].compactMap { $0 }
                        + configuration.changes(since: checkpoint.configuration, haveSameImages: hasSameImages)
                )
            }
            state.weights.initializeWeights(seed: configuration.seed)
            let remarks = try initializeFromFile(state.weights)
            state.average?.copy(from: state.weights)
            return Start(remarks: remarks)
        }
        state.step = start.step
        state.elapsed = start.elapsed
        for buffer in state.buffers { try world.broadcast(buffer.bytes, root: 0) }
        return StartingPoint(
            state: state, best: start.best, run: start.run, isValidationDue: start.isValidationDue,
            remarks: start.remarks)
    }

    /// Why the checkpoint of the best score is no longer good for anything, if so: the best is then sought anew.
    private func remark(onDamagedBest best: BestScore, at step: Int, in directory: RunDirectory) -> String? {
        let path = directory.checkpoint(step: best.step)
        guard best.step != step, FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            _ = try Checkpoint(reading: path)
            return nil
        } catch { return "the best score is sought anew: \(error)" }
    }

    /// The samples, by their place among training and then validation samples, whose image or labels are not what they
    /// were.
    private func changedSamples(since old: String?, _ contents: String) -> [Int] {
        guard let old, old.utf8.count == contents.utf8.count else { return [] }
        let (before, now) = (Array(old.utf8), Array(contents.utf8))
        return stride(from: 0, to: now.count, by: 8).filter { before[$0..<$0 + 8] != now[$0..<$0 + 8] }.map { $0 / 8 }
    }

    /// What is to be known of samples that were changed while the run stood still; nil where none was.
    private func remark(onChanged places: [Int]) -> String? {
        guard let first = places.first else { return nil }
        let pair = (specification.train + specification.validation)[first]
        let more = places.count == 1 ? "" : " and \(places.count - 1) more"
        return
            "image \(pair.image.name) or its label \(pair.labels.name)\(more) was changed since the checkpoint was written: from "
            + "here the run differs from one that was never stopped"
    }

    /// What is to be known of a learning rate that jumps where a run goes on; nil where it does not.
    private func remarkOnRate(since old: Configuration, _ state: TrainingState) -> String? {
        func rate(_ configuration: Configuration) -> Double {
            let schedule = SampleSchedule(
                count: specification.train.count, batch: configuration.training.batch, seed: configuration.seed,
                shuffle: configuration.training.shuffle)
            let progress = TrainingLimit(configuration.training.length, schedule: schedule)
                .progress(step: state.step, elapsed: state.elapsed)
            return configuration.optimizer.schedule.rate(
                base: configuration.optimizer.learningRate, step: state.step, progress: progress)
        }
        let (was, now) = (rate(old), rate(configuration))
        guard abs(now - was) > 1e-9 * max(was, now) else { return nil }
        let isLonger = old.training.length != configuration.training.length
        let cause =
            old.optimizer.learningRate != configuration.optimizer.learningRate
            ? "optimizer.learning_rate"
            : old.optimizer.schedule == configuration.optimizer.schedule && isLonger
                ? "the schedule follows the run's new length" : "optimizer.schedule"
        return
            "the learning rate jumps from \(significant(was)) to \(significant(now)) at this step (\(cause))"
    }
}
