import Checkpoints
import Communication
import Foundation
import Network

/// The lead worker's way to the coordinator.
protocol CoordinatorClient: AnyObject {
    func report(_ report: StepReport) throws

    /// Says which validation image the workers have come to, from 1.
    func isValidating(_ image: Int, of count: Int) throws

    /// Hands over a copy of the run's state. At most one waits for the coordinator; then the worker waits.
    ///
    /// - Parameters:
    ///   - digest: `TrainingState.digest`.
    ///   - isSound: whether its last step was made, and not skipped.
    ///   - findings: what the workers have found, where `validation` is `.done`.
    func submit(
        _ state: TrainingState, digest: String, isCheckpoint: Bool, isSound: Bool,
        validation: Snapshot.Validation,
        findings: Validator.Findings?) throws

    /// A slot's gradient as the coordinator computes it; nil where it has no process of its own, or cannot.
    ///
    /// - Parameters:
    ///   - weights: those of the step.
    ///   - step: steps done before it.
    func opinion(on weights: ParameterBuffer, step: Int, slot: Int) throws -> AuditOpinion?

    /// Says that checkpoints are in doubt that were made since the last audit.
    func doubt() throws

    /// What the coordinator wants of the workers, if anything.
    func order() throws -> Order?

    /// How many of the submitted snapshots the coordinator is done with, as far as is known here.
    func settled() throws -> Int

    /// Whether a snapshot is on its way, which moves only when it is asked after.
    func isSending() throws -> Bool

    /// Says that the workers have ended, and how.
    func end(_ ending: Ending) throws
}

/// What a coordinator may want of its workers.
enum Order: Codable, Sendable {
    /// Save and stop: a signal came.
    case stop
    /// End well: no better validation is waited for.
    case end
    /// End: the coordinator failed.
    case fail(FailureRecord)
}

/// How a run's workers ended.
package enum Ending: Codable, Sendable {
    case done
    case stopped
    case failed(FailureRecord)
}

/// The coordinator in the same process.
final class LocalCoordinator: CoordinatorClient {
    private let coordinator: Coordinator

    init(_ coordinator: Coordinator) { self.coordinator = coordinator }

    func report(_ report: StepReport) throws { coordinator.report(report) }

    func isValidating(_ image: Int, of count: Int) throws { coordinator.isValidating(image, of: count) }

    func submit(
        _ state: TrainingState, digest: String, isCheckpoint: Bool, isSound: Bool,
        validation: Snapshot.Validation,
        findings: Validator.Findings?
    ) throws {
        let copy = state.copied()
        if !coordinator.canAccept { coordinator.noteWait(step: state.step) }
        coordinator.accept(
            Snapshot(
                state: copy, digest: digest, isCheckpoint: isCheckpoint, isSound: isSound, validation: validation,
                findings: findings))
    }

    func opinion(on weights: ParameterBuffer, step: Int, slot: Int) throws -> AuditOpinion? { nil }

    func doubt() throws { coordinator.doubt() }

    func order() throws -> Order? { coordinator.order }

    func settled() throws -> Int { coordinator.settled }

    func isSending() throws -> Bool { false }

    func end(_ ending: Ending) throws {}
}

/// What the lead worker and a coordinator on another rank say to each other.
enum CoordinatorEvent: Codable {
    case step(StepReport)
    case waited(step: Int)
    case validating(image: Int, of: Int)
    /// What the workers have found with the weights of the snapshot that follows.
    case validated(step: Int, Validator.Findings)
    /// Two workers have found different gradients of a slot: the coordinator, which is sent the step's weights, decides.
    case disputed(step: Int, slot: Int)
    case doubted
    case ended(Ending, snapshots: Int)
}

/// What precedes a snapshot's values.
struct SnapshotHeader: Codable {
    let step: Int
    let elapsed: Double
    let digest: String
    let isAveraged: Bool
    let isCheckpoint: Bool
    let isSound: Bool
    let validation: Snapshot.Validation
}

/// The coordinator on another rank.
final class RemoteCoordinator: CoordinatorClient {
    private let world: any Communicator
    private let coordinator: Int
    /// The copy that is being sent, and its sends.
    private var staged: TrainingState?
    private var pending: [any PendingTransfer] = []
    private var snapshots = 0
    /// Of them, those that the coordinator was done with when it last said so.
    private var known = 0

    init(_ world: any Communicator, coordinator: Int) {
        self.world = world
        self.coordinator = coordinator
    }

    func report(_ report: StepReport) throws { try send(.step(report)) }

    func isValidating(_ image: Int, of count: Int) throws { try send(.validating(image: image, of: count)) }

    func submit(
        _ state: TrainingState, digest: String, isCheckpoint: Bool, isSound: Bool,
        validation: Snapshot.Validation,
        findings: Validator.Findings?
    ) throws {
        if let findings { try send(.validated(step: state.step, findings)) }
        if try isSending() { try send(.waited(step: state.step)) }
        try waitUntilIdle()
        staged?.copy(from: state)
        let staged = self.staged ?? state.copied()
        self.staged = staged
        let header = SnapshotHeader(
            step: state.step, elapsed: state.elapsed, digest: digest, isAveraged: state.average != nil,
            isCheckpoint: isCheckpoint, isSound: isSound, validation: validation)
        try world.sendData(Messages.encode(header), to: coordinator, tag: .snapshotHeader)
        pending = try staged.buffers.map {
            try world.startSending(UnsafeRawBufferPointer($0.bytes), to: coordinator, tag: .snapshot)
        }
        snapshots += 1
    }

    func opinion(on weights: ParameterBuffer, step: Int, slot: Int) throws -> AuditOpinion? {
        try send(.disputed(step: step, slot: slot))
        let sent = try world.startSending(UnsafeRawBufferPointer(weights.bytes), to: coordinator, tag: .audit)
        while try !sent.isFinished() { usleep(500) }
        let answer = try world.receivePatiently(from: coordinator, tag: .audit)
        return try Messages.decode([AuditOpinion].self, from: answer).first
    }

    func doubt() throws { try send(.doubted) }

    func order() throws -> Order? {
        try world.receiveWaiting(from: coordinator, tag: .control).map {
            try Messages.decode(Order.self, from: $0)
        }
    }

    func settled() throws -> Int {
        while let data = try world.receiveWaiting(from: coordinator, tag: .settled) {
            known = try Messages.decode(Int.self, from: data)
        }
        return known
    }

    func end(_ ending: Ending) throws {
        try waitUntilIdle()
        try send(.ended(ending, snapshots: snapshots))
    }

    private func send(_ event: CoordinatorEvent) throws {
        try world.sendData(Messages.encode(event), to: coordinator, tag: .event)
    }

    func isSending() throws -> Bool {
        pending = try pending.filter { try !$0.isFinished() }
        return !pending.isEmpty
    }

    private func waitUntilIdle() throws {
        while try isSending() { usleep(500) }
    }
}
