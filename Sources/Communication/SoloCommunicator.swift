import Foundation

/// The communicator of a process alone, without other ranks: collectives return at once, and messages are mistakes.
public final class SoloCommunicator: Communicator {
    public let rank = 0
    public let size = 1
    public var name: String { "rank 0 on \(ProcessInfo.processInfo.hostName)" }

    public let libraryDescription = "none"

    public init() {}

    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        preconditionFailure("a message from a process alone to rank \(rank)")
    }

    public func startSending(
        _ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        preconditionFailure("a message from a process alone to rank \(rank)")
    }

    public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        preconditionFailure("a message to a process alone from rank \(rank)")
    }

    public func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        preconditionFailure("a message to a process alone from rank \(rank)")
    }

    public func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? { nil }

    public func split(_ members: [Int]) throws -> (any Communicator)? { members.contains(0) ? self : nil }

    public func splitByHost() throws -> any Communicator { self }

    public func progress() throws {}
}
