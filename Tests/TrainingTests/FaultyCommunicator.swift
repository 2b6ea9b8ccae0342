import Communication
import Foundation
import Synchronization

/// A rank's communicator that does something to the sums that the workers broadcast, as broken memory would: the
/// record of a step, a gradient with the loss and a few more numbers behind it.
final class FaultyCommunicator: Communicator {
    /// Called after each such broadcast, on each worker, with the world's rank and the step's number from 1.
    typealias Fault = @Sendable (_ rank: Int, _ step: Int, _ record: UnsafeMutableBufferPointer<Float>) -> Void

    private let inner: any Communicator
    private let worldRank: Int
    private let fault: Fault
    private let isWorkers: Bool
    private let records = Atomic<Int>(0)

    init(_ inner: any Communicator, worldRank: Int? = nil, fault: @escaping Fault) {
        self.inner = inner
        self.worldRank = worldRank ?? inner.rank
        isWorkers = worldRank != nil
        self.fault = fault
    }

    var rank: Int { inner.rank }
    var size: Int { inner.size }
    var name: String { inner.name }
    var libraryDescription: String { inner.libraryDescription }

    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        try inner.send(bytes, to: rank, tag: tag)
    }

    func startSending(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> any PendingTransfer {
        try inner.startSending(bytes, to: rank, tag: tag)
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        try inner.receive(bytes, from: rank, tag: tag)
    }

    func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        try inner.startReceiving(bytes, from: rank, tag: tag)
    }

    func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? {
        try inner.waitingMessage(from: rank, tag: tag)
    }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        try inner.broadcast(bytes, root: root)
        // Everything else that is broadcast is shorter.
        guard isWorkers, bytes.count > 1000 else { return }
        fault(worldRank, records.add(1, ordering: .relaxed).newValue, bytes.bindMemory(to: Float.self))
    }

    func split(_ members: [Int]) throws -> (any Communicator)? {
        try inner.split(members).map { FaultyCommunicator($0, worldRank: worldRank, fault: fault) }
    }
}
