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
    private let slotGradient: SlotGradient
    private let tiles: Prefetcher<TrainingTile>
    private let allReduce: GradientAllReduce
    private let optimizer: MomentumSGD
    private let averaging: WeightAveraging
    private let trained: TrainedParameters
    private let recorder: Recorder
    private let team: ThreadTeam
    /// Nil where nothing is audited.
    private let audit: GradientAudit?
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
    ///   - arbiter: decides where the only two workers find different gradients, see `GradientAudit`.
    ///   - source: the tile of a step's slot; called by loader threads, ahead of the step.
    package init(
        configuration: Configuration, limit: TrainingLimit, workers: any Communicator, state: TrainingState,
        engine: Engine, recorder: Recorder,
        arbiter: @escaping GradientAudit.Arbiter = { _, _, _ in nil },
        source: @escaping @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    ) throws {
        self.configuration = configuration
        self.limit = limit
        self.workers = workers
        self.state = state
        self.recorder = recorder
        team = engine.team
        slotGradient = SlotGradient(configuration, layout: state.weights.layout, engine: engine)
        let communication = configuration.communication
        allReduce = try GradientAllReduce(
            slots: configuration.training.batch, communicator: workers,
            buckets: configuration.gradientBuckets(parameters: state.weights.count, workers: workers.size),
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
        let share = configuration.run.audit
        guard share > 0, workers.size > 1 else {
            audit = nil
            return
        }
        let schedule = AuditSchedule(
            share: share, seed: configuration.seed, slots: allReduce.slots,
            hosts: try workers.ranksByHost(workers.splitByHost()))
        audit = GradientAudit(
            schedule, workers: workers, buckets: allReduce.buckets, slotGradient: slotGradient, first: first,
            limit: limit, source: source, coordinator: arbiter, recorder: recorder)
    }

    /// Ends the loader's threads.
    package func stop() {
        tiles.stop()
        audit?.stop()
    }

    /// Whether two workers have found different gradients of a slot.
    package var haveGradientsDiffered: Bool { audit?.haveDiffered ?? false }

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
        let audited = audit?.ownSlots(step: state.step) ?? []
        // Written by the computing thread, which is idle once the sum is there.
        nonisolated(unsafe) var hashes: [UInt64] = []
        let sum = try allReduce.sum(meanwhile: meanwhile) { batch in
            if let failure = control.failure { throw failure }
            batch.hash(slots: audited)
            for slot in batch.slots {
                let tile = try recorder.during(.data, step: step, slot: slot) {
                    try tiles.next(for: workers, step: step)
                }
                try StepTail(batch.tail(ofSlot: slot)).loss = slotGradient.compute(
                    tile, step: state.step, slot: slot, weights: weights, gradient: batch.gradient(ofSlot: slot),
                    recorder: recorder
                ) { batch.complete(slot: slot, downTo: $0) }
                batch.add(slot: slot)
            }
            hashes = audited.compactMap(batch.hash(ofSlot:))
            try audit?.computeAgain(step: state.step, weights: weights)
            try recorder.enter(.reduction, step: step)
            try StepTail(batch.tail(ofSlot: batch.slots.upperBound - 1))
                .write(control, times: recorder.takeTimes(), worker: workers.rank)
        }
        recorder.addMessages(of: sum, in: allReduce.buckets, step: step)
        let count = try audit?.compare(own: hashes, step: state.step, weights: state.weights) ?? 0
        return try recorder.during(.update, step: step) { try update(sum, begin: begin, audited: count) }
    }

    /// Momentum SGD with the batch's mean gradient, clipped by its global norm; the state is then that of the next step.
    private func update(_ sum: GradientAllReduce.Sum, begin: Double, audited: Int) throws -> StepOutcome {
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
            audited: audited,
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
}

extension Prefetcher<TrainingTile> {
    /// The next tile; what making it threw names the worker.
    func next(for workers: any Communicator, step: Int) throws -> TrainingTile {
        do {
            guard let tile = try next() else { preconditionFailure("no tile for step \(step)") }
            return tile
        } catch let failure as Failure {
            throw failure.at(workers.name, step: step)
        }
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
    /// Slots that were computed a second time, by all workers together.
    package let audited: Int
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
