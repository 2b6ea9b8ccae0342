import Communication
import Diagnostics
import Foundation
import Kernels
import Network
import Optimization
import Segmentation

/// A worker's loop: its slots' gradients, the tree over all slots, momentum SGD; every worker ends each step with the
/// same weights.
final class Trainer {
    private let configuration: Configuration
    private let limit: TrainingLimit
    private let workers: any Communicator
    /// The way to the coordinator; only the lead worker has one.
    private let link: (any CoordinatorLink)?
    private let state: TrainingState
    private let network: UNet
    private let team: ThreadTeam
    private let tree: GradientTree
    private let optimizer: MomentumSGD
    private let loader: SlotLoader<TrainingTile>
    private let watch = StopWatch()
    private let startElapsed: Double
    private let hasValidation: Bool
    /// What went wrong on this worker, until all workers know.
    private var ownFailure: Failure?

    /// - Parameters:
    ///   - source: the tile of a step's slot; called by loader threads, ahead of the step.
    ///   - state: where the run begins, the same on every worker.
    init(
        configuration: Configuration, limit: TrainingLimit, workers: any Communicator, link: (any CoordinatorLink)?,
        state: TrainingState, engine: Engine, hasValidation: Bool,
        source: @escaping @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    ) {
        self.configuration = configuration
        self.limit = limit
        self.workers = workers
        self.link = link
        self.state = state
        self.hasValidation = hasValidation
        network = UNet(configuration.model.architecture, engine: engine)
        team = engine.team
        tree = GradientTree(
            slots: configuration.training.batch, communicator: workers,
            count: SlotRecord.count(parameters: network.layout.count), team: engine.team)
        optimizer = MomentumSGD(
            momentum: configuration.optimizer.momentum, nesterov: configuration.optimizer.nesterov,
            weightDecay: configuration.optimizer.weightDecay)
        startElapsed = state.elapsed
        let slots = tree.ownSlots
        let first = state.step
        loader = SlotLoader(
            ahead: max(2, 2 * configuration.data.loaderThreads), threads: configuration.data.loaderThreads
        ) { index in
            let step = first + index / slots.count
            return limit.ends(atStep: step) ? nil : try source(step, slots.lowerBound + index % slots.count)
        }
    }

    /// Trains to the end of the run, or until a signal; throws on all workers alike.
    func run() throws -> Ending {
        defer { loader.stop() }
        while !limit.isReached(step: state.step, elapsed: state.elapsed) {
            let isStopped = try step()
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

    /// One step; returns whether a worker was asked to stop.
    private func step() throws -> Bool {
        let begin = watch.seconds
        let waitedBefore = loader.secondsWaited
        var computed = begin
        if case .fail(let failure)? = try receiveOrder() { ownFailure = failure.failure }
        let outcome = try tree.sum(
            compute: { slot, record in
                compute(slot, SlotRecord(base: record, parameters: network.layout.count), waitedBefore)
            },
            ownDone: { computed = watch.seconds }
        ) { record in
            try update(SlotRecord(base: record, parameters: network.layout.count))
        }
        let communicated = watch.seconds
        state.step += 1
        state.elapsed = outcome.elapsed
        let seconds = communicated - begin
        try link?.report(
            StepReport(
                step: state.step, loss: outcome.loss, learningRate: outcome.learningRate,
                gradientNorm: outcome.gradientNorm, seconds: seconds,
                dataWait: outcome.dataWait / Double(workers.size) / seconds,
                communication: (communicated - computed) / seconds,
                progress: limit.progress(step: state.step, elapsed: state.elapsed), isSkipped: outcome.isSkipped))
        return outcome.stops
    }

    /// A slot's loss and gradient. What goes wrong is noted in the record, so that all workers end together.
    private func compute(_ slot: Int, _ record: SlotRecord, _ waitedBefore: Double) {
        record.clearTail()
        do {
            if let ownFailure { throw ownFailure }
            guard let tile = try loader.next() else { preconditionFailure("no tile for step \(state.step)") }
            let dropout = RandomStream(seed: configuration.seed, use: .dropout, state.step, slot)
            withExtendedLifetime(tile) {
                let logits = network.forward(tile.image.view, parameters: state.weights.base, dropout: dropout)
                record.loss = SoftmaxCrossEntropy.loss(
                    logits: logits, labels: tile.labels, gradient: network.logitsGradient, team: team)
                network.backward(tile.image.view, parameters: state.weights.base, gradient: record.base)
            }
        } catch {
            ownFailure = error as? Failure ?? .running("\(error)")
            record.failures = 1
        }
        if slot == tree.ownSlots.last {
            record.dataWait = Float(loader.secondsWaited - waitedBefore)
            record.stops = StopSignal.isRaised || isOrderedToStop ? 1 : 0
            if workers.rank == 0 { record.elapsed = Float(startElapsed + watch.seconds) }
        }
    }

    private struct StepOutcome {
        let loss: Double
        let learningRate: Double
        let gradientNorm: Double
        let elapsed: Double
        let dataWait: Double
        let stops: Bool
        let isSkipped: Bool
    }

    /// Momentum SGD with the mean gradient, once all agree that it can be used.
    private func update(_ sum: SlotRecord) throws -> StepOutcome {
        if sum.failures > 0 { throw try sharedFailure() }
        let batch = Double(configuration.training.batch)
        let loss = Double(sum.loss) / batch
        let norm = FlatBuffers.squaredNorm(sum.base, count: sum.parameters, team: team).squareRoot() / batch
        let elapsed = Double(sum.elapsed)
        let rate = configuration.optimizer.schedule.rate(
            base: configuration.optimizer.learningRate, step: state.step,
            progress: limit.progress(step: state.step, elapsed: elapsed))
        let isFinite = loss.isFinite && norm.isFinite
        if isFinite {
            optimizer.step(
                weights: state.weights.base, velocity: state.momentum.base, gradient: sum.base, count: sum.parameters,
                learningRate: rate,
                gradientScale: GradientClipping.scale(norm: norm, limit: configuration.optimizer.clipNorm) / batch,
                team: team)
        } else if configuration.training.onNonFinite == .stop {
            throw Failure.running(
                "the loss or its gradient is not finite at step \(state.step + 1) (loss \(loss), learning rate \(rate)): lower optimizer.learning_rate, set optimizer.clip_norm, or go on with training.on_nonfinite: skip"
            )
        }
        return StepOutcome(
            loss: loss, learningRate: rate, gradientNorm: norm, elapsed: elapsed, dataWait: Double(sum.dataWait),
            stops: sum.stops > 0, isSkipped: !isFinite)
    }

    /// The first worker's failure, on all workers.
    private func sharedFailure() throws -> Failure {
        let own = try ownFailure.map { try Messages.encode(FailureRecord($0)) } ?? Data()
        for data in try workers.gatherFromAll(own) where !data.isEmpty {
            return try Messages.decode(FailureRecord.self, from: data).failure
        }
        return .running("a worker failed at step \(state.step + 1) and did not say why")
    }

    private var isOrderedToStop = false

    private func receiveOrder() throws -> Order? {
        let order = try link?.order()
        if case .stop? = order { isOrderedToStop = true }
        return order
    }

    private func isDue(every steps: Int) -> Bool { steps > 0 && state.step % steps == 0 }

    /// Gives the coordinator a copy of weights and momentum, once the replicas are known to be equal.
    private func hand(over isCheckpoint: Bool, validate: Bool) throws {
        guard isCheckpoint || validate else { return }
        try checkReplicas()
        try link?.submit(state, isCheckpoint: isCheckpoint, isValidated: validate)
    }

    /// Step of the last comparison: a step is compared once.
    private var checkedStep = -1

    /// Compares the workers' weights and momentum by their hashes.
    private func checkReplicas() throws {
        guard workers.size > 1, checkedStep != state.step else { return }
        checkedStep = state.step
        let hash = SHA256()
        hash.update(UnsafeRawBufferPointer(state.weights.bytes))
        hash.update(UnsafeRawBufferPointer(state.momentum.bytes))
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
