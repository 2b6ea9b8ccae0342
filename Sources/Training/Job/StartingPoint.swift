import Checkpoints
import Communication
import Configurations
import Datasets
import Foundation
import Kernels
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
    /// Earlier steps whose checkpoint is there and still to be validated.
    var validationsDue: [Int] = []
    /// The step of the newest checkpoint; nil where there is none.
    var checkpoint: Int?
    /// The machine in whose memory the state was kept; nil where it is the checkpoint's, or the beginning.
    var keeper: String?
    /// Steps that the log lacks.
    var lost: [StepReport] = []
    /// What is to be known of a resumed run: why newer checkpoints were passed over, what is otherwise than it was, and why
    /// bits may differ from here; of a new one, those of `initializeFromFile`.
    let remarks: [String]

    /// Whether no checkpoint has this state yet.
    var isUnsaved: Bool { keeper != nil }

    /// What a resumed run goes on from.
    var origin: String {
        if let keeper { return "going on from step \(state.step), kept in the memory of \(keeper)" }
        return checkpoint == nil
            ? "the run has no checkpoint yet: beginning again" : "going on from the checkpoint of this step"
    }
}

extension RunSetup {
    /// Where the run begins: read or drawn on rank 0, or kept in the memory of a machine; the same on all ranks.
    ///
    /// - Parameters:
    ///   - contents: `DatasetReview.contents` of its images.
    ///   - memories: where a newer state than the newest checkpoint's is looked for; nil: nowhere.
    ///   - until: the step at which this start of the run ends.
    func startingPoint(
        _ world: any Communicator, contents: String, memories: MachineMemories?, until: Int?
    ) throws -> StartingPoint {
        struct Start: Codable {
            var step = 0
            var elapsed = 0.0
            var best: BestScore?
            var run: String?
            var isValidationDue = false
            var due: [Int] = []
            var checkpoint: Int?
            var remarks: [String]
            var search: KeptStateSearch.Request?
        }
        var loaded: TrainingState?
        let state = TrainingState(
            ParameterLayout(configuration.model.architecture), isAveraged: configuration.training.ema > 0)
        func search(_ run: String?, checkpoint: Int, due: [Int]) throws -> KeptStateSearch.Request? {
            guard memories != nil, let run else { return nil }
            let kept = try keptRun(run, folder: realPath(specification.directory), contents: contents, state)
            return .init(run: kept, checkpoint: checkpoint, due: due, until: until)
        }
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
                loaded = checkpoint.state
                // A score of another metric or of other images is no measure of what comes.
                let hasSameImages = checkpoint.images == nil || checkpoint.images == specification.imagesDigest
                let changed = hasSameImages ? changedSamples(since: checkpoint.contents, contents) : []
                let isComparable =
                    checkpoint.configuration.validation.metric == configuration.validation.metric
                    && checkpoint.configuration.data.validation == configuration.data.validation && hasSameImages
                    && !changed.contains { $0 >= specification.train.count }
                let best = isComparable ? checkpoint.best : nil
                let damagedBest = best.flatMap { remark(onDamagedBest: $0, at: state.step, in: directory) }
                let due = checkpoint.isValidationDue ? directory.stepsDue(before: state.step) : []
                let hasEnded = best?.exhausts(patience: configuration.validation.patience) == true
                return Start(
                    step: state.step, elapsed: state.elapsed, best: damagedBest == nil ? best : nil,
                    run: checkpoint.run, isValidationDue: checkpoint.isValidationDue, due: due,
                    checkpoint: state.step,
                    remarks: try damage.map { "passed over: \($0)" }
                        + [
                            checkpoint.metadata?.remark(on: directory.checkpoint(step: state.step)),
                            checkpoint.metadata?.divergence(engine: configuration.run.engine),
                            remark(onChanged: changed), try remark(onLogOf: state.step, in: directory),
                            hasSameImages ? nil : specification.remarkOnOtherImages(configuration.data.validation),
                            state.average != nil && checkpoint.state.average == nil
                                ? "the checkpoint has no averaged weights: averaging begins here" : nil,
                            remarkOnRate(since: checkpoint.configuration, state), damagedBest,
                        ].compactMap { $0 }
                        + configuration.changes(since: checkpoint.configuration, haveSameImages: hasSameImages),
                    search: try search(
                        hasEnded ? nil : checkpoint.run ?? directory.identity, checkpoint: state.step,
                        due: due + (checkpoint.isValidationDue ? [state.step] : [])))
            }
            state.weights.initializeWeights(seed: configuration.seed)
            let remarks = try initializeFromFile(state.weights)
            state.average?.copy(from: state.weights)
            return Start(
                remarks: remarks,
                search: try search(specification.isResume ? directory.identity : nil, checkpoint: 0, due: []))
        }
        var passedOver: [String] = []
        if let memories, let request = start.search {
            let search = KeptStateSearch(
                world: world, memories: memories, request: request, learningRate: learningRate
            ) { due in
                var checkpoint = Checkpoint(
                    configuration: configuration, state: due, best: start.best, images: specification.imagesDigest)
                (checkpoint.contents, checkpoint.run) = (contents, request.run.run)
                checkpoint.isValidationDue = true
                let directory = RunDirectory(specification.directory)
                try directory.create()
                try checkpoint.write(to: directory.checkpoint(step: due.step), by: directory.unfinishedCheckpoint)
            }
            if world.rank == 0, loaded == nil { loaded = state.copied() }
            if let kept = try search.run(into: state, remarks: &passedOver) {
                return try startingPoint(
                    world, kept, state: state, best: start.best, run: request.run.run, checkpoint: start.checkpoint,
                    until: until,
                    remarks: start.remarks.filter { $0.hasPrefix("passed over: ") } + passedOver)
            }
            if let loaded { state.copy(from: loaded) }
        }
        state.step = start.step
        state.elapsed = start.elapsed
        for buffer in state.buffers { try world.broadcast(buffer.bytes, root: 0) }
        return StartingPoint(
            state: state, best: start.best, run: start.run, isValidationDue: start.isValidationDue,
            validationsDue: start.due, checkpoint: start.checkpoint, remarks: start.remarks + passedOver)
    }

    /// Where a run goes on from a state that was kept in memory.
    ///
    /// - Parameters:
    ///   - best: the newest checkpoint's, which is that of the step `checkpoint`.
    private func startingPoint(
        _ world: any Communicator, _ kept: KeptStart, state: TrainingState, best: BestScore?, run: String,
        checkpoint: Int?, until: Int?, remarks: [String]
    ) throws -> StartingPoint {
        struct Behind: Codable {
            var best: BestScore?
            var isValidated: Bool
            var lost: [StepReport]
            var remarks: [String]
        }
        let (step, first) = (state.step, checkpoint ?? 0)
        let isDue = kept.state.validationsDue.contains(step)
        let behind: Behind = try world.agreeOnRoot {
            let directory = RunDirectory(specification.directory)
            let course = try RunCourse(directory.metrics, after: first, metric: metric)
            let best = course.best(
                from: best, upTo: step, due: Set(kept.validationsDue + (isDue ? [step] : [])), metric: metric
            ) { FileManager.default.fileExists(atPath: directory.checkpoint(step: $0)) }
            let lost = kept.state.course.compactMap { try? Messages.decode(StepReport.self, from: $0) }
                .filter { (first + 1...step).contains($0.step) && !course.trained.contains($0.step) }
            let missing = Set(first + 1...step).subtracting(course.trained).subtracting(lost.map(\.step))
            let words =
                "the log lacks \(missing.count) steps up to \(missing.max() ?? step), which were lost with the coordinator"
            return Behind(
                best: best, isValidated: course.validations.contains { $0.step == step }, lost: lost,
                remarks: missing.isEmpty ? [] : [words])
        }
        let hasValidation = !specification.validation.isEmpty
        return StartingPoint(
            state: state, best: behind.best, run: run,
            isValidationDue: isDue || step == until && hasValidation && !behind.isValidated,
            validationsDue: kept.validationsDue, checkpoint: checkpoint, keeper: kept.host, lost: behind.lost,
            remarks: remarks + behind.remarks)
    }

    /// What states of the run say that are kept in memory; its folder as rank 0 knows it.
    func keptRun(
        _ run: String, folder: String, contents: String, _ state: TrainingState
    ) throws -> KeptState.Run {
        let engine = configuration.run.engine
        return KeptState.Run(
            run: run, folder: folder, configuration: try configuration.resultDigest,
            images: specification.imagesDigest, contents: contents,
            engine: "\(engine.rawValue) \(Engine.version)"
                + (engine == .openblas ? " \(BuildInformation.blas)" : ""),
            state: state)
    }

    /// The learning rate of the step after `step`.
    func learningRate(step: Int, elapsed: Double) -> Double {
        configuration.optimizer.schedule.rate(
            base: configuration.optimizer.learningRate, step: step,
            progress: limit.progress(step: step, elapsed: elapsed))
    }

    /// What the log lacks of the steps before a checkpoint; nil where it has all.
    private func remark(onLogOf step: Int, in directory: RunDirectory) throws -> String? {
        let trained = try RunCourse(directory.metrics, after: 0, metric: metric).trained
        let missing = step - trained.filter { (1...max(step, 1)).contains($0) }.count
        guard missing > 0 else { return nil }
        return "the log lacks \(missing) of the \(step) steps before this one: it was cut, or its disk was full"
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
