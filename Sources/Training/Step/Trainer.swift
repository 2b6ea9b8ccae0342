import Checkpoints
import Communication
import Configurations
import Datasets
import FailureDetection
import Foundation
import Kernels
import Network
import Optimization
import Support

/// Data-parallel training, a step at a time: a worker computes the gradients of its own slots of the batch, all workers
/// sum theirs, and each makes the same update of its replica of the weights.
package final class Trainer {
    private let configuration: Configuration
    private let limit: TrainingLimit
    private let workers: any Communicator
    package let state: TrainingState
    private let network: UNet
    private let tiles: Prefetcher<TrainingTile>
    private let allReduce: GradientAllReduce
    private let optimizer: MomentumSGD
    private let averaging: WeightAveraging
    private let trained: TrainedParameters
    private let recorder: Recorder
    private let team: ThreadTeam
    /// Steps without an update since the last one with.
    private var skipped = 0

    /// So many steps in a row may be skipped: then it is the weights or all of the data, and no step will mend it.
    private static let mostSkipped = 20

    /// Called by all workers.
    ///
    /// - Parameters:
    ///   - limit: when the run ends, for schedules and for whoever prepares tiles.
    ///   - workers: all workers, in order.
    ///   - state: where the run begins, the same on every worker.
    ///   - recorder: is told of each phase.
    ///   - source: the tile of a step's slot; called by loader threads, ahead of the step.
    package init(
        configuration: Configuration, limit: TrainingLimit, workers: any Communicator, state: TrainingState,
        engine: Engine, recorder: Recorder,
        source: @escaping @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    ) throws {
        self.configuration = configuration
        self.limit = limit
        self.workers = workers
        self.state = state
        self.recorder = recorder
        team = engine.team
        network = UNet(configuration.model.architecture, engine: engine)
        let communication = configuration.communication
        allReduce = try GradientAllReduce(
            slots: configuration.training.batch, communicator: workers,
            buckets: GradientBuckets(
                gradient: state.weights.count, tail: StepTail.count(workers: workers.size),
                floats: communication.bucketFloats),
            overlap: communication.overlap, hostSums: communication.hostSums, route: communication.route,
            compression: communication.compression, team: engine.team)
        optimizer = MomentumSGD(
            momentum: configuration.optimizer.momentum, nesterov: configuration.optimizer.nesterov,
            weightDecay: configuration.optimizer.weightDecay)
        averaging = WeightAveraging(decay: configuration.training.ema)
        trained = TrainedParameters(state.weights.layout, freezing: configuration.training.freeze)
        let (first, slots, threads) = (state.step, allReduce.ownSlots, configuration.data.loaderThreads)
        tiles = Prefetcher(ahead: max(2, 2 * threads), threads: threads) { index in
            let step = first + index / slots.count
            return limit.ends(atStep: step) ? nil : try source(step, slots.lowerBound + index % slots.count)
        }
    }

    /// Ends the loader's threads.
    package func stop() { tiles.stop() }

    /// The parts in which gradients travel.
    package var buckets: GradientBuckets { allReduce.buckets }

    /// Why workers of one host do not share memory though they should, if so.
    package var remark: String? { allReduce.remark }

    /// One training step; throws on all workers alike.
    ///
    /// The slots are computed on a thread of their own, while this one exchanges what is complete with the other workers.
    ///
    /// - Parameters:
    ///   - control: what this worker tells the others.
    ///   - meanwhile: called again and again while slots are computed, see `GradientAllReduce.sum`.
    package func step(_ control: Control = Control(), meanwhile: () throws -> Bool = { false }) throws -> StepOutcome {
        let (begin, step, weights) = (Timeline.now, state.step + 1, state.weights.base)
        let sum = try allReduce.sum(meanwhile: meanwhile) { batch in
            if let failure = control.failure { throw failure }
            for slot in batch.slots {
                let tile = try recorder.during(.data, step: step, slot: slot) { try nextTile(step: step) }
                // Its memory is read through views until the backward pass is over.
                defer { withExtendedLifetime(tile) {} }
                let logits = try recorder.during(.forward, step: step, slot: slot) {
                    network.forward(tile.image.view, parameters: weights, dropout: dropout(ofSlot: slot))
                }
                try StepTail(batch.tail(ofSlot: slot)).loss = recorder.during(.loss, step: step, slot: slot) {
                    configuration.loss.function.value(
                        logits: logits, labels: tile.labels, weights: tile.weights.map { UnsafePointer($0.base) },
                        gradient: network.logitsGradient, team: team)
                }
                try recorder.during(.backward, step: step, slot: slot) {
                    let gradient = try batch.gradient(ofSlot: slot)
                    for offset in network.backwardPass(
                        tile.image.view, parameters: weights, gradient: gradient, trained: trained)
                    {
                        batch.complete(slot: slot, downTo: offset)
                    }
                }
                batch.add(slot: slot)
            }
            try recorder.enter(.reduction, step: step)
            try StepTail(batch.tail(ofSlot: batch.slots.upperBound - 1))
                .write(control, times: recorder.takeTimes(), worker: workers.rank)
        }
        recorder.addMessages(of: sum, in: allReduce.buckets, step: step)
        return try recorder.during(.update, step: step) { try update(sum, begin: begin) }
    }

    /// Momentum SGD with the batch's mean gradient, clipped by its global norm; the state is then that of the next step.
    private func update(_ sum: GradientAllReduce.Sum, begin: Double) throws -> StepOutcome {
        let tail = StepTail(sum.tail)
        let batch = Double(configuration.training.batch)
        let loss = Double(tail.loss) / batch
        let norm = sum.squaredNorm.squareRoot() / batch
        let control = tail.control
        let rate = configuration.optimizer.schedule.rate(
            base: configuration.optimizer.learningRate, step: state.step,
            progress: limit.progress(step: state.step, elapsed: control.elapsed))
        let isFinite = loss.isFinite && norm.isFinite
        skipped = isFinite ? 0 : skipped + 1
        if isFinite {
            let scale = GradientClipping.scale(norm: norm, limit: configuration.optimizer.clipNorm) / batch
            apply(sum.gradient, learningRate: rate, scale: scale)
        } else if configuration.training.onNonFinite == .stop {
            throw Failure.running(
                "the loss or its gradient is not finite at step \(state.step + 1) (loss \(significant(loss)), learning rate \(significant(rate))): lower optimizer.learning_rate, set optimizer.clip_norm, or go on with training.on_nonfinite: skip",
                repeats: true)
        } else if skipped > Self.mostSkipped {
            throw Failure.running(
                "the loss or its gradient was not finite in \(skipped) steps in a row, up to step \(state.step + 1): training.on_nonfinite: skip cannot help; lower optimizer.learning_rate, set optimizer.clip_norm, or look at the images",
                repeats: true)
        }
        state.step += 1
        state.elapsed = control.elapsed
        return StepOutcome(
            step: state.step, loss: loss, learningRate: rate, gradientNorm: norm, isSkipped: !isFinite,
            control: control,
            workers: tail.times(workers: workers.size), begin: begin, computed: sum.computed, summed: sum.summed,
            end: Timeline.now, bucketTimes: sum.bucketTimes)
    }

    /// Updates what is trained, and takes all weights into their moving average.
    private func apply(_ gradient: UnsafePointer<Float>, learningRate: Double, scale: Double) {
        let (weights, velocity) = (state.weights.base, state.momentum.base)
        let share = Float(averaging.share(step: state.step))
        func average(_ range: Range<Int>) -> RunningAverage? {
            state.average.map { RunningAverage(values: $0.base + range.lowerBound, share: share) }
        }
        for range in trained.trained {
            let first = range.lowerBound
            optimizer.step(
                weights: weights + first, velocity: velocity + first, gradient: gradient + first, count: range.count,
                learningRate: learningRate, gradientScale: scale, average: average(range), team: team)
        }
        // Where frozen weights were trained before, their average still comes nearer.
        for range in trained.frozen {
            guard let average = average(range) else { break }
            team.forRanges(of: range.count) { average.take(weights + range.lowerBound, at: $0) }
        }
    }

    private func nextTile(step: Int) throws -> TrainingTile {
        do {
            guard let tile = try tiles.next() else { preconditionFailure("no tile for step \(step)") }
            return tile
        } catch let failure as Failure {
            throw failure.at(workers.name, step: step)
        }
    }

    /// The random numbers of a slot's dropout: which activations are set to zero.
    private func dropout(ofSlot slot: Int) -> RandomStream {
        RandomStream(seed: configuration.seed, use: .dropout, state.step, slot)
    }
}

/// A step as all workers know it, and when things happened on this one, on `Timeline`'s clock.
package struct StepOutcome {
    /// The step's number, from 1.
    package let step: Int
    /// Mean over the batch.
    package let loss: Double
    package let learningRate: Double
    /// Of the batch's mean gradient, before clipping.
    package let gradientNorm: Double
    /// Whether the update was left out because the gradient was not finite.
    package let isSkipped: Bool
    /// The control values of all workers together.
    let control: Control
    /// What each worker's own slots took.
    let workers: [WorkerTimes]
    package let begin: Double
    /// When this worker's slots were done.
    package let computed: Double
    /// When the batch's sum was there.
    package let summed: Double
    /// When the weights were updated.
    package let end: Double
    /// When each bucket was complete here, and when its sum was there.
    package let bucketTimes: [(complete: Double, summed: Double)]
}
