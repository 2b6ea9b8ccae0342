import Communication
import Datasets
import Kernels
import Network
import Support

/// Has workers compute slots of each other again and compares the gradients by their bits: whether a worker computes
/// what the configuration says is not seen otherwise, since all replicas take the same sum, right or wrong.
///
/// Where two differ, both compute the slot once more, and a third worker does, or, where there are two, a coordinator that
/// is a process of its own.
package final class GradientAudit {
    private let schedule: AuditSchedule
    private let workers: any Communicator
    private let buckets: GradientBuckets
    private let slotGradient: SlotGradient
    private let source: TileSource
    private let tiles: Prefetcher<TrainingTile>
    private let coordinator: Arbiter
    private let recorder: Recorder
    /// Where a slot's gradient is computed again.
    private let gradient: AlignedBuffer<Float>
    /// What this worker found of the slots that it computed again in this step.
    private var found: [UInt64] = []
    /// Whether two workers have differed.
    private(set) var haveDiffered = false

    /// The tile of a slot of the step that follows so many.
    typealias TileSource = @Sendable (_ step: Int, _ slot: Int) throws -> TrainingTile
    /// A slot's gradient as the coordinator computes it; nil where it has no process of its own.
    package typealias Arbiter = (_ weights: ParameterBuffer, _ step: Int, _ slot: Int) throws -> AuditOpinion?

    /// Called by all workers.
    ///
    /// - Parameters:
    ///   - slotGradient: computes; not while the worker's own slots are computed.
    ///   - first: steps done before the first.
    ///   - limit: when the run ends.
    ///   - coordinator: asked on the lead worker.
    init(
        _ schedule: AuditSchedule, workers: any Communicator, buckets: GradientBuckets, slotGradient: SlotGradient,
        first: Int, limit: TrainingLimit, source: @escaping TileSource, coordinator: @escaping Arbiter,
        recorder: Recorder
    ) {
        self.schedule = schedule
        self.workers = workers
        self.buckets = buckets
        self.slotGradient = slotGradient
        self.source = source
        self.coordinator = coordinator
        self.recorder = recorder
        gradient = AlignedBuffer(buckets.gradient)
        let audited = schedule.audited(by: workers.rank)
        let cursor = Cursor(step: first)
        // One thread makes them, one after another.
        tiles = Prefetcher(ahead: 1, threads: 1) { _ in
            while cursor.slots.isEmpty {
                guard !limit.ends(atStep: cursor.step) else { return nil }
                cursor.slots = schedule.slots(ofWorker: audited, step: cursor.step)
                cursor.step += 1
            }
            return try source(cursor.step - 1, cursor.slots.removeFirst())
        }
    }

    /// Ends the loader's thread.
    func stop() { tiles.stop() }

    /// This worker's slots that another one computes again.
    func ownSlots(step: Int) -> [Int] { schedule.slots(ofWorker: workers.rank, step: step) }

    /// Computes the slots of another worker that are this one's to look at in a step; on the thread that computes.
    func computeAgain(step: Int, weights: UnsafePointer<Float>) throws {
        found = try schedule.slots(ofWorker: schedule.audited(by: workers.rank), step: step).map { slot in
            try recorder.during(.audit, step: step + 1, slot: slot) {
                try hash(tiles.next(for: workers, step: step + 1), step, slot, weights)
            }
        }
    }

    /// Compares what was found in a step; throws on all workers alike where two differ, and names the one that computes
    /// wrongly, if that can be known.
    ///
    /// - Parameters:
    ///   - own: the hashes of `ownSlots`.
    ///   - weights: those that the step began with.
    /// - Returns: how many slots were computed again, by all workers together.
    func compare(own: [UInt64], step: Int, weights: ParameterBuffer) throws -> Int {
        let audited = (0..<workers.size).map { schedule.slots(ofWorker: $0, step: step) }
        let count = audited.reduce(0) { $0 + $1.count }
        guard count > 0 else { return 0 }
        struct Findings: Codable {
            let name: String
            let own: [UInt64]
            let again: [UInt64]
        }
        let findings = try workers.gatherFromAll(
            Messages.encode(Findings(name: workers.name, own: own, again: found))
        ).map { try Messages.decode(Findings.self, from: $0) }
        for worker in 0..<workers.size {
            let auditor = schedule.auditor(of: worker)
            for (index, slot) in audited[worker].enumerated()
            where findings[worker].own[index] != findings[auditor].again[index] {
                haveDiffered = true
                let dispute = try settle(
                    AuditDispute(
                        step: step + 1, slot: slot,
                        first: (
                            AuditOpinion(name: findings[worker].name, hash: findings[worker].own[index]),
                            AuditOpinion(name: findings[auditor].name, hash: findings[auditor].again[index])
                        )),
                    of: worker, weights: weights)
                throw Failure.running(dispute.message, repeats: !dispute.isPassing)
            }
        }
        return count
    }

    /// Asks those that can say something of a slot to compute it once more.
    private func settle(_ dispute: AuditDispute, of worker: Int, weights: ParameterBuffer) throws -> AuditDispute {
        let (auditor, arbiter) = (schedule.auditor(of: worker), schedule.arbiter(of: worker))
        let (step, slot) = (dispute.step - 1, dispute.slot)
        try recorder.enter(.waiting, step: step + 1)
        let opinions = try workers.agreeOnAll { () throws -> AuditOpinion? in
            guard [worker, auditor, arbiter].contains(workers.rank) else { return nil }
            let once = try recorder.during(.audit, step: step + 1, slot: slot) {
                try hash(source(step, slot), step, slot, weights.base)
            }
            try recorder.enter(.waiting, step: step + 1)
            return AuditOpinion(name: workers.name, hash: once)
        }
        var settled = dispute
        settled.second = (opinions[worker], opinions[auditor])
        settled.third =
            try arbiter.map { opinions[$0] } ?? workers.agreeOnRoot { try coordinator(weights, step, slot) }
        return settled
    }

    private func hash(
        _ tile: TrainingTile, _ step: Int, _ slot: Int, _ weights: UnsafePointer<Float>
    ) throws -> UInt64 {
        try slotGradient.hash(
            tile, step: step, slot: slot, weights: weights, buckets: buckets, gradient: gradient.base)
    }

    /// Where the loader's thread is; `@unchecked`: no other touches it.
    private final class Cursor: @unchecked Sendable {
        var step: Int
        var slots: [Int] = []

        init(step: Int) { self.step = step }
    }
}
