import Communication
import Diagnostics
import Foundation
import Network

/// A dedicated coordinator's rank: takes the lead worker's messages until the run has ended, and sleeps in between
/// (a rank that waits inside MPI would take a core from the workers).
struct CoordinatorService {
    let world: any Communicator
    let lead: Int
    let coordinator: Coordinator
    let layout: ParameterLayout

    static let waitedNote = "the workers waited for the coordinator, which was still busy with the last snapshot"

    /// Microseconds between looks at the mailbox: 200 looks a second cost less than 1 % of a core.
    private static let nap: UInt32 = 5_000

    func run() throws -> Ending {
        var ending: Ending?
        var expected = Int.max
        var taken = 0
        var hasOrdered = false
        func takeEvents() throws -> Bool {
            var isEmpty = true
            while let data = try world.receiveWaiting(from: lead, tag: .event) {
                isEmpty = false
                switch try Messages.decode(CoordinatorEvent.self, from: data) {
                case .step(let report): coordinator.report(report)
                case .waited(let step): coordinator.note(step: step, Self.waitedNote)
                case .ended(let how, let snapshots): (ending, expected) = (how, snapshots)
                }
            }
            return !isEmpty
        }
        while ending == nil || taken < expected {
            var isIdle = try !takeEvents()
            if coordinator.canAccept, let snapshot = try receiveSnapshot() {
                isIdle = false
                taken += 1
                // Its steps were reported before it was sent: they are in the log before a resume can build on it.
                _ = try takeEvents()
                coordinator.accept(snapshot)
            }
            if !hasOrdered && ending == nil, let order = order() {
                hasOrdered = true
                try world.sendData(Messages.encode(order), to: lead, tag: .control)
            }
            if isIdle { usleep(Self.nap) }
        }
        return ending ?? .done
    }

    private func order() -> Order? {
        if let failure = coordinator.pendingFailure { return .fail(FailureRecord(failure)) }
        return StopSignal.isRaised ? .stop : nil
    }

    private func receiveSnapshot() throws -> Snapshot? {
        guard let data = try world.receiveWaiting(from: lead, tag: .snapshotHeader) else { return nil }
        let header = try Messages.decode(SnapshotHeader.self, from: data)
        let state = TrainingState(layout)
        state.step = header.step
        state.elapsed = header.elapsed
        try world.receive(state.weights.bytes, from: lead, tag: .snapshot)
        try world.receive(state.momentum.bytes, from: lead, tag: .snapshot)
        return Snapshot(state: state, isCheckpoint: header.isCheckpoint, isValidated: header.isValidated)
    }
}
