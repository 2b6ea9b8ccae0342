import Checkpoints
import Communication
import Configurations
import Datasets
import FailureDetection
import Foundation
import Kernels
import Network
import Support

/// What a worker computes of its own slots, on a thread beside the one that talks to other ranks.
final class SlotComputer {
    private let configuration: Configuration
    private let state: TrainingState
    private let network: UNet
    private let trained: TrainedParameters
    private let team: ThreadTeam
    private let loader: SlotLoader<TrainingTile>
    private let ownSlots: Range<Int>
    private let worker: Int
    private let workers: Int
    /// How messages name this rank.
    private let name: String
    private let timeline: Timeline?
    private let faults: FaultWatch?
    private var times = WorkerTimes()
    /// What the last slot says beside its gradient.
    private var isAskedToStop = false
    private var isAskedToEnd = false
    private var elapsed = 0.0
    /// What went wrong on this worker, until all workers know.
    private(set) var failure: Failure?

    /// - Parameters:
    ///   - workers: all workers, for this one's number and name.
    ///   - source: the tile of a step's slot; called by loader threads, ahead of the step.
    init(
        configuration: Configuration, limit: TrainingLimit, state: TrainingState, engine: Engine, ownSlots: Range<Int>,
        workers: any Communicator, timeline: Timeline?, faults: FaultWatch?,
        source: @escaping @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    ) {
        self.configuration = configuration
        self.state = state
        self.ownSlots = ownSlots
        worker = workers.rank
        self.workers = workers.size
        name = workers.name
        self.timeline = timeline
        self.faults = faults
        network = UNet(configuration.model.architecture, engine: engine)
        trained = TrainedParameters(network.layout, freezing: configuration.training.freeze)
        team = engine.team
        let first = state.step
        loader = SlotLoader(
            ahead: max(2, 2 * configuration.data.loaderThreads), threads: configuration.data.loaderThreads
        ) { index in
            let step = first + index / ownSlots.count
            return limit.ends(atStep: step) ? nil : try source(step, ownSlots.lowerBound + index % ownSlots.count)
        }
    }

    /// Ends the loader's threads.
    func stop() { loader.stop() }

    /// Before a step's first slot.
    ///
    /// - Parameters:
    ///   - isAskedToStop: whether this worker was.
    ///   - isAskedToEnd: whether the coordinator has told this worker that the run ends.
    ///   - elapsed: seconds of training so far; the lead worker's count, the others give 0.
    ///   - failure: what went wrong on this worker outside of its slots.
    func begin(isAskedToStop: Bool, isAskedToEnd: Bool, elapsed: Double, failure: Failure?) {
        self.isAskedToStop = isAskedToStop
        self.isAskedToEnd = isAskedToEnd
        self.elapsed = elapsed
        self.failure = self.failure ?? failure
        times = WorkerTimes()
    }

    /// A slot's loss and gradient. What goes wrong is noted in the record, so that all workers end together.
    func compute(_ slot: Int, _ base: UnsafeMutablePointer<Float>, settled: (_ offset: Int) -> Void) {
        let record = SlotRecord(base: base, parameters: network.layout.count, workers: workers)
        record.clearTail()
        do {
            if let failure { throw failure }
            let step = state.step + 1
            try faults?.enter(.data, step: step)
            let begin = Timeline.now
            let tile = try nextTile(step: step)
            let loaded = Timeline.now
            let dropout = RandomStream(seed: configuration.seed, use: .dropout, state.step, slot)
            try faults?.enter(.forward, step: step)
            try withExtendedLifetime(tile) {
                let logits = network.forward(tile.image.view, parameters: state.weights.base, dropout: dropout)
                record.loss = configuration.loss.function.value(
                    logits: logits, labels: tile.labels, weights: tile.weights.map { UnsafePointer($0.base) },
                    gradient: network.logitsGradient, team: team)
                let forwarded = Timeline.now
                try faults?.enter(.backward, step: step)
                network.backward(
                    tile.image.view, parameters: state.weights.base, gradient: record.base, trained: trained,
                    settled: settled)
                let done = Timeline.now
                times.data += loaded - begin
                times.forward += forwarded - loaded
                times.backward += done - forwarded
                for (name, from, to) in [
                    ("data", begin, loaded), ("forward", loaded, forwarded), ("backward", forwarded, done),
                ] {
                    timeline?.add("\(name) \(slot)", on: "slots", from: from, to: to, step: step)
                }
            }
        } catch {
            fail(error, record)
        }
        if slot == ownSlots.upperBound - 1 {
            do { try faults?.enter(.reduction, step: state.step + 1) } catch { fail(error, record) }
            record.stops = isAskedToStop ? 1 : 0
            record.ends = isAskedToEnd ? 1 : 0
            record.elapsed = Float(elapsed)
            record.set(times, ofWorker: worker)
        }
    }

    private func nextTile(step: Int) throws -> TrainingTile {
        do {
            guard let tile = try loader.next() else { preconditionFailure("no tile for step \(step)") }
            return tile
        } catch let failure as Failure {
            throw failure.at(name, step: step)
        }
    }

    private func fail(_ error: any Error, _ record: SlotRecord) {
        failure = error as? Failure ?? .running("\(error)")
        record.failures = 1
    }
}
