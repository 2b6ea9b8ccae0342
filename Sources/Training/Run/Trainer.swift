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

/// A worker's loop: its slots' gradients, the tree over all slots, momentum SGD; every worker ends each step with the
/// same weights.
final class Trainer {
    private let configuration: Configuration
    private let limit: TrainingLimit
    private let workers: any Communicator
    /// The way to the coordinator; only the lead worker has one.
    private let link: (any CoordinatorLink)?
    private let state: TrainingState
    private let team: ThreadTeam
    private let tree: GradientTree
    private let computer: SlotComputer
    private let optimizer: MomentumSGD
    private let averaging: WeightAveraging
    private let trained: TrainedParameters
    private let watch = StopWatch()
    private let startElapsed: Double
    private let hasValidation: Bool
    /// Set where the workers validate.
    private let validation: SharedValidation?
    /// What validations took, which is no training.
    private var validationSeconds = 0.0
    private let timeline: Timeline?
    /// The watch over the ranks, which is told what this one does.
    private let faults: FaultWatch?

    /// - Parameters:
    ///   - source: the tile of a step's slot; called by loader threads, ahead of the step.
    ///   - state: where the run begins, the same on every worker.
    ///   - validator: set where the workers validate.
    init(
        configuration: Configuration, limit: TrainingLimit, workers: any Communicator, link: (any CoordinatorLink)?,
        state: TrainingState, engine: Engine, hasValidation: Bool, validator: Validator?, timeline: Timeline?,
        faults: FaultWatch?,
        source: @escaping @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    ) {
        self.configuration = configuration
        self.limit = limit
        self.workers = workers
        self.link = link
        self.state = state
        self.hasValidation = hasValidation
        validation = validator.map { SharedValidation(validator: $0, workers: workers, faults: faults) }
        self.timeline = timeline
        self.faults = faults
        team = engine.team
        let communication = configuration.communication
        tree = GradientTree(
            slots: configuration.training.batch, communicator: workers,
            buckets: GradientBuckets(
                gradient: state.weights.count, tail: SlotRecord.tailCount(workers: workers.size),
                floats: communication.bucketFloats),
            overlap: communication.overlap, compression: communication.compression, team: engine.team)
        computer = SlotComputer(
            configuration: configuration, limit: limit, state: state, engine: engine, ownSlots: tree.ownSlots,
            workers: workers, timeline: timeline, faults: faults, source: source)
        optimizer = MomentumSGD(
            momentum: configuration.optimizer.momentum, nesterov: configuration.optimizer.nesterov,
            weightDecay: configuration.optimizer.weightDecay)
        trained = TrainedParameters(state.weights.layout, freezing: configuration.training.freeze)
        averaging = WeightAveraging(decay: configuration.training.ema)
        startElapsed = state.elapsed
    }

    /// Trains to the end of the run, or until a signal; throws on all workers alike.
    func run() throws -> Ending {
        defer { computer.stop() }
        while !limit.isReached(step: state.step, elapsed: state.elapsed) {
            let outcome = try step()
            if outcome.ends { return .done }
            let isStopped = outcome.stops
            let isLast = limit.isReached(step: state.step, elapsed: state.elapsed)
            // A validation that is due is not left out for a signal: the resumed run could not make up for it.
            try hand(
                over: isStopped || isLast || isDue(every: configuration.checkpoint.every),
                validate: hasValidation && (isLast || isDue(every: configuration.validation.every)))
            if isStopped && !isLast { return .stopped }
            if isDue(every: configuration.run.replicaCheckEvery) { try checkReplicas() }
        }
        return .done
    }

    /// One step.
    private func step() throws -> StepOutcome {
        let begin = Timeline.now
        let order = try link?.order()
        if case .stop? = order { isOrderedToStop = true }
        if case .end? = order { isOrderedToEnd = true }
        var ordered: Failure?
        if case .fail(let record)? = order { ordered = record.failure }
        computer.begin(
            isAskedToStop: StopSignal.isRaised || isOrderedToStop, isAskedToEnd: isOrderedToEnd,
            elapsed: workers.rank == 0 ? startElapsed + watch.seconds - validationSeconds : 0, failure: ordered)
        var summed = begin
        let outcome = try tree.sum(compute: computer.compute, meanwhile: { try link?.isSending() ?? false }) { total in
            summed = total.summed
            trace(total)
            return try update(total)
        }
        state.step += 1
        state.elapsed = outcome.elapsed
        let end = Timeline.now
        timeline?.add("update", on: "step", from: summed, to: end, step: state.step)
        try link?.report(
            StepReport(
                step: state.step, loss: outcome.loss, learningRate: outcome.learningRate,
                gradientNorm: outcome.gradientNorm, seconds: end - begin, update: end - summed,
                workers: outcome.workers, progress: limit.progress(step: state.step, elapsed: state.elapsed),
                isSkipped: outcome.isSkipped))
        return outcome
    }

    /// Notes what the messages of a step did.
    private func trace(_ total: GradientTree.Total) {
        guard let timeline else { return }
        let step = state.step + 1
        timeline.add("wait", on: "step", from: total.computed, to: total.summed, step: step)
        for (number, (range, times)) in zip(tree.buckets.ranges, total.bucketTimes).enumerated() {
            timeline.add(
                "bucket \(number)", on: Timeline.overlappingTrack, from: times.complete, to: times.summed, step: step,
                bytes: 4 * range.count)
        }
    }

    private struct StepOutcome {
        let loss: Double
        let learningRate: Double
        let gradientNorm: Double
        let elapsed: Double
        let workers: [WorkerTimes]
        /// Whether a worker was asked to stop.
        let stops: Bool
        /// Whether the coordinator ends the run.
        let ends: Bool
        let isSkipped: Bool
    }

    /// Momentum SGD with the mean gradient, once all agree that it can be used.
    private func update(_ total: GradientTree.Total) throws -> StepOutcome {
        let sum = SlotRecord(base: total.base, parameters: state.weights.count, workers: workers.size)
        if sum.failures > 0 { throw try sharedFailure() }
        // What a test may ask for here would come too late for this step's agreement.
        try? faults?.enter(.update, step: state.step + 1)
        let batch = Double(configuration.training.batch)
        let loss = Double(sum.loss) / batch
        let norm = total.squaredNorm.squareRoot() / batch
        let elapsed = Double(sum.elapsed)
        let rate = configuration.optimizer.schedule.rate(
            base: configuration.optimizer.learningRate, step: state.step,
            progress: limit.progress(step: state.step, elapsed: elapsed))
        let isFinite = loss.isFinite && norm.isFinite
        if isFinite {
            let scale = GradientClipping.scale(norm: norm, limit: configuration.optimizer.clipNorm) / batch
            apply(sum.base, learningRate: rate, scale: scale)
        } else if configuration.training.onNonFinite == .stop {
            throw Failure.running(
                "the loss or its gradient is not finite at step \(state.step + 1) (loss \(loss), learning rate \(rate)): lower optimizer.learning_rate, set optimizer.clip_norm, or go on with training.on_nonfinite: skip",
                repeats: true)
        }
        return StepOutcome(
            loss: loss, learningRate: rate, gradientNorm: norm, elapsed: elapsed,
            workers: (0..<workers.size).map(sum.times(ofWorker:)), stops: sum.stops > 0, ends: sum.ends > 0,
            isSkipped: !isFinite)
    }

    /// Moves what is trained, and takes all weights into their average.
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

    /// The first worker's failure, on all workers.
    private func sharedFailure() throws -> Failure {
        let own = try computer.failure.map { try Messages.encode(FailureRecord($0)) } ?? Data()
        for data in try workers.gatherFromAll(own) where !data.isEmpty {
            return try Messages.decode(FailureRecord.self, from: data).failure
        }
        return .running("a worker failed at step \(state.step + 1) and did not say why")
    }

    private var isOrderedToStop = false
    private var isOrderedToEnd = false

    private func isDue(every steps: Int) -> Bool { steps > 0 && state.step % steps == 0 }

    /// Gives the coordinator a copy of the run's state, once the replicas are known to be equal.
    private func hand(over isCheckpoint: Bool, validate: Bool) throws {
        guard isCheckpoint || validate else { return }
        if let faults { try workers.agree { try faults.enter(.checkpoint, step: state.step) } }
        try checkReplicas()
        let found = validate ? try self.validate() : nil
        try link?.submit(state, isCheckpoint: isCheckpoint, isValidated: validate, found: found)
    }

    /// The workers' part of a validation, where they have one.
    private func validate() throws -> SharedValidation.Result? {
        guard let validation else { return nil }
        let begin = Timeline.now
        let found = try validation.run(state.validated, step: state.step)
        timeline?.add("validation", on: "step", from: begin, to: Timeline.now, step: state.step)
        validationSeconds += Timeline.now - begin
        return found
    }

    /// Step of the last comparison: a step is compared once.
    private var checkedStep = -1

    /// Compares the workers' weights, momentum and averages by their hashes.
    private func checkReplicas() throws {
        guard workers.size > 1, checkedStep != state.step else { return }
        checkedStep = state.step
        let hash = SHA256()
        for buffer in state.buffers { hash.update(UnsafeRawBufferPointer(buffer.bytes)) }
        let own = try Messages.encode([hash.finish().hexadecimal, workers.name])
        let replicas = try workers.gatherFromAll(own).map { try Messages.decode([String].self, from: $0) }
        let counts = Dictionary(replicas.map { ($0[0], 1) }, uniquingKeysWith: +)
        guard counts.count > 1 else { return }
        // The majority is taken to be right; among equals, the first worker.
        let most = counts.values.max()
        let right = replicas.first { counts[$0[0]] == most }?[0]
        let wrong = replicas.filter { $0[0] != right }.map { $0[1] }.joined(separator: ", ")
        throw Failure.running(
            "replicas differ at step \(state.step): \(wrong) disagree\(wrong.contains(",") ? "" : "s") with the others; check that machine's memory, and go on from the last checkpoint with --resume"
        )
    }
}
