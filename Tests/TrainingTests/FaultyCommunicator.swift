import Communication
import Foundation

/// A rank's communicator that does something to parts of gradients on their way between workers, as broken memory
/// would; for networks whose gradient is one bucket. Each rank is on a host of its own, so that all of it travels.
final class FaultyCommunicator: Communicator {
    /// Called with the world's rank, the step's number from 1, and the first floats of the gradient.
    typealias Fault = @Sendable (_ rank: Int, _ step: Int, _ values: UnsafeMutableBufferPointer<Float>) -> Void

    private let inner: any Communicator
    private let worldRank: Int
    private let outgoing: Fault
    private let incoming: Fault
    private let isWorkers: Bool
    private var received = 0

    /// - Parameters:
    ///   - outgoing: before a worker's part goes to the first worker, who adds it.
    ///   - incoming: after the sum has come from there.
    init(
        _ inner: any Communicator, worldRank: Int? = nil, outgoing: @escaping Fault = { _, _, _ in },
        incoming: @escaping Fault = { _, _, _ in }
    ) {
        self.inner = inner
        self.worldRank = worldRank ?? inner.rank
        isWorkers = worldRank != nil
        self.outgoing = outgoing
        self.incoming = incoming
    }

    /// The tags of the first bucket's parts and sum.
    private static let parts: Int32 = 100
    private static let sum: Int32 = 101

    var rank: Int { inner.rank }
    var size: Int { inner.size }
    var name: String { inner.name }
    var libraryDescription: String { inner.libraryDescription }

    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        try inner.send(bytes, to: rank, tag: tag)
    }

    func startSending(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> any PendingTransfer {
        guard isWorkers, rank == 0, tag.rawValue == Self.parts else {
            return try inner.startSending(bytes, to: rank, tag: tag)
        }
        // Threads copy what they send at once.
        var values = Array(bytes.bindMemory(to: Float.self))
        values.withUnsafeMutableBufferPointer { outgoing(worldRank, received + 1, $0) }
        return try values.withUnsafeBytes { try inner.startSending($0, to: rank, tag: tag) }
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        try inner.receive(bytes, from: rank, tag: tag)
    }

    func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        let transfer = try inner.startReceiving(bytes, from: rank, tag: tag)
        guard isWorkers, rank == 0, tag.rawValue == Self.sum else { return transfer }
        received += 1
        return Tampered(transfer) { [incoming, worldRank, received] in
            incoming(worldRank, received, bytes.bindMemory(to: Float.self))
        }
    }

    func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? {
        try inner.waitingMessage(from: rank, tag: tag)
    }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        try inner.broadcast(bytes, root: root)
    }

    func split(_ members: [Int]) throws -> (any Communicator)? {
        try inner.split(members).map {
            FaultyCommunicator($0, worldRank: worldRank, outgoing: outgoing, incoming: incoming)
        }
    }

    func splitByHost() throws -> any Communicator { SoloCommunicator() }

    func progress() throws { try inner.progress() }
}

/// A message that something happens to as it arrives.
private final class Tampered: PendingTransfer {
    private let inner: any PendingTransfer
    private let tamper: () -> Void
    private var isDone = false

    init(_ inner: any PendingTransfer, _ tamper: @escaping () -> Void) {
        self.inner = inner
        self.tamper = tamper
    }

    func isFinished() throws -> Bool {
        if !isDone, try inner.isFinished() {
            isDone = true
            tamper()
        }
        return isDone
    }
}
