import Checkpoints
import Communication
import Foundation
import Network
import Support

/// A dedicated coordinator's rank: takes the lead worker's messages until the run has ended, and sleeps in between
/// (a rank that waits inside MPI would take a core from the workers).
struct CoordinatorServer {
    let world: any Communicator
    let lead: Int
    let coordinator: Coordinator
    let layout: ParameterLayout
    /// `GradientBuckets.hash` of a slot's gradient.
    let gradientHash: (_ weights: ParameterBuffer, _ step: Int, _ slot: Int) throws -> UInt64

    /// Microseconds between looks at the mailbox: 200 looks a second cost less than 1 % of a core.
    private static let nap: UInt32 = 5_000
    /// The same while a snapshot is under way, which moves only when it is looked at.
    private static let shortNap: UInt32 = 500

    func run() throws -> Ending {
        var ending: Ending?
        var expected = Int.max
        var taken = 0
        var hasOrdered = false
        var settled = 0
        var found: [Int: Validator.Findings] = [:]
        func takeEvents() throws -> Bool {
            var isEmpty = true
            while let data = try world.receiveWaiting(from: lead, tag: .event) {
                isEmpty = false
                switch try Messages.decode(CoordinatorEvent.self, from: data) {
                case .step(let report):
                    coordinator.report(report)
                    coordinator.awaitWorkers(step: report.step)
                case .validated(let step, let result): found[step] = result
                case .waited(let step): coordinator.noteWait(step: step)
                case .validating(let image, let count): coordinator.isValidating(image, of: count)
                case .disputed(let step, let slot): try decide(step: step, slot: slot)
                case .doubted: coordinator.doubt()
                case .ended(let how, let snapshots): (ending, expected) = (how, snapshots)
                }
            }
            return !isEmpty
        }
        var arriving: ArrivingSnapshot?
        defer { coordinator.endAttendance() }
        while ending == nil || taken < expected {
            coordinator.attend()
            var isIdle = try !takeEvents()
            if arriving == nil, coordinator.canAccept { arriving = try expectSnapshot() }
            if let arrived = arriving, try arrived.isComplete() {
                isIdle = false
                arriving = nil
                taken += 1
                // Its steps were reported before it was sent: they are in the log before a resume can build on it. So
                // was what the workers found with it.
                _ = try takeEvents()
                coordinator.accept(
                    arrived.snapshot(found: arrived.isValidated ? found.removeValue(forKey: arrived.step) : nil))
            }
            if !hasOrdered && ending == nil, let order = order() {
                hasOrdered = true
                try world.sendData(Messages.encode(order), to: lead, tag: .control)
            }
            if ending == nil, coordinator.settled > settled {
                settled = coordinator.settled
                try world.sendData(Messages.encode(settled), to: lead, tag: .settled)
            }
            if isIdle { usleep(arriving == nil ? Self.nap : Self.shortNap) }
        }
        return ending ?? .done
    }

    /// Computes a slot that two workers have found different gradients of, and tells the lead worker the hash.
    private func decide(step: Int, slot: Int) throws {
        // It takes as long as it takes; the workers wait for it.
        coordinator.endAttendance()
        let weights = ParameterBuffer(layout)
        try world.receive(weights.bytes, from: lead, tag: .audit)
        var opinions: [AuditOpinion] = []
        do { opinions = [AuditOpinion(name: world.name, hash: try gradientHash(weights, step, slot))] } catch {
            coordinator.note(
                step: step, "slot \(slot) could not be computed again here: \(Failure(wrapping: error).message)")
        }
        try world.sendData(Messages.encode(opinions), to: lead, tag: .audit)
        coordinator.attend()
    }

    private func order() -> Order? {
        coordinator.order ?? (StopSignal.isRaised ? .stop : nil)
    }

    private func expectSnapshot() throws -> ArrivingSnapshot? {
        guard let data = try world.receiveWaiting(from: lead, tag: .snapshotHeader) else { return nil }
        return try ArrivingSnapshot(Messages.decode(SnapshotHeader.self, from: data), layout, world, from: lead)
    }
}

/// A snapshot on its way here.
private final class ArrivingSnapshot {
    private let header: SnapshotHeader
    private let state: TrainingState
    private var transfers: [any PendingTransfer]

    init(_ header: SnapshotHeader, _ layout: ParameterLayout, _ world: any Communicator, from lead: Int) throws {
        self.header = header
        state = TrainingState(layout, isAveraged: header.isAveraged)
        state.step = header.step
        state.elapsed = header.elapsed
        transfers = try state.buffers.map {
            try world.startReceiving($0.bytes, from: lead, tag: .snapshot)
        }
    }

    var step: Int { header.step }
    var isValidated: Bool { header.validation == .done }

    /// Whether all of it is here.
    func isComplete() throws -> Bool {
        transfers = try transfers.filter { try !$0.isFinished() }
        return transfers.isEmpty
    }

    /// The snapshot, once all of it is here; with what the workers have found, where they validate.
    func snapshot(found: Validator.Findings?) -> Snapshot {
        Snapshot(
            state: state, digest: header.digest, isCheckpoint: header.isCheckpoint, isSound: header.isSound,
            validation: header.validation,
            findings: found)
    }
}
