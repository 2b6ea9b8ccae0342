import Foundation

/// Messages between the ranks of a job. One thread a rank uses a communicator.
///
/// Everything above this protocol runs the same on MPI, on threads (in tests) and alone.
public protocol Communicator: AnyObject {
    /// This process's number, from 0.
    var rank: Int { get }
    var size: Int { get }
    /// How messages name this process: "rank 2 on node7".
    var name: String { get }
    /// What carries the messages, with its version.
    var libraryDescription: String { get }

    /// Sends; returns when `bytes` may be changed again, which may be only once the receiver takes them.
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws

    /// Begins to send and returns at once; `bytes` must stay as they are until the send is finished.
    func startSending(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> any PendingTransfer

    /// Begins to receive a message of exactly the buffer's size and returns at once; `bytes` hold it once the transfer is
    /// finished. Of several messages with one tag from one rank, the receive that began first gets the first.
    func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer

    /// Waits for a message of exactly the buffer's size.
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws

    /// Whether a message from that rank waits to be received: its size in bytes, or nil. Does not wait.
    func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int?

    /// Copies the root's bytes to all ranks; called by all.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws

    /// A communicator among `members`, in that order, for those that are in it; called by all ranks with the same list.
    func split(_ members: [Int]) throws -> (any Communicator)?

    /// A communicator among the ranks on this one's host, in order; called by all ranks.
    func splitByHost() throws -> any Communicator

    /// Memory of all ranks, which must be on one host, each with a part of so many bytes; called by all.
    ///
    /// Throws `Failure` on all alike where it is not to be had.
    func shareMemory(bytes: Int) throws -> SharedMemory

    /// Keeps messages moving that nobody asks after, such as those whose send is finished here and that are still on their
    /// way. For whoever waits for something else.
    func progress() throws
}

/// A message under way.
public protocol PendingTransfer: AnyObject {
    /// Whether the bytes have arrived, or, of a send, may be changed again. Does not wait; asking keeps the message moving.
    func isFinished() throws -> Bool
}

/// What a message is about; messages of different tags do not wait for each other.
public struct MessageTag: Hashable, Sendable {
    public let rawValue: Int32

    public static let collective = MessageTag(rawValue: 1)
    public static let event = MessageTag(rawValue: 2)
    public static let snapshotHeader = MessageTag(rawValue: 3)
    public static let snapshot = MessageTag(rawValue: 4)
    public static let control = MessageTag(rawValue: 5)
    public static let verdict = MessageTag(rawValue: 6)
    public static let clock = MessageTag(rawValue: 7)
    public static let trace = MessageTag(rawValue: 8)
    public static let settled = MessageTag(rawValue: 9)
    public static let audit = MessageTag(rawValue: 10)
    public static let predictedBand = MessageTag(rawValue: 20)

    /// Whether a send is finished only once the receiver takes the message, however small it is: so that nobody runs ahead of
    /// who falls behind, whose memory would fill with what waits for it.
    public var waitsForReceiver: Bool { self == .snapshot }

    /// Parts of a bucket's sum on their way to who adds them.
    static func parts(bucket: Int) -> MessageTag { MessageTag(rawValue: Int32(100 + 2 * bucket)) }
    /// A bucket's sum on its way to all.
    static func sum(bucket: Int) -> MessageTag { MessageTag(rawValue: Int32(101 + 2 * bucket)) }
}

extension Communicator {
    public func shareMemory(bytes: Int) throws -> SharedMemory { try SharedMemory(among: self, bytes: bytes) }

    /// Broadcast along a binomial tree: ⌈log₂ size⌉ rounds, in each of which the ranks that have the bytes send them
    /// on; size − 1 messages altogether.
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        let place = (rank - root + size) % size
        var distance = 1
        while distance < size {
            if place < distance {
                if place + distance < size {
                    try send(
                        UnsafeRawBufferPointer(bytes), to: (place + distance + root) % size, tag: .collective)
                }
            } else if place < 2 * distance {
                try receive(bytes, from: (place - distance + root) % size, tag: .collective)
            }
            distance *= 2
        }
    }

    /// Broadcasts data whose size only the root knows.
    public func broadcast(_ data: Data, root: Int) throws -> Data {
        var count = Int64(data.count)
        try withUnsafeMutableBytes(of: &count) { try broadcast($0, root: root) }
        var result = rank == root ? data : Data(count: Int(count))
        if count > 0 { try result.withUnsafeMutableBytes { try broadcast($0, root: root) } }
        return result
    }

    /// All-gather: every rank's data, in the order of ranks, on every rank.
    public func gatherFromAll(_ data: Data) throws -> [Data] {
        try (0..<size).map { try broadcast($0 == rank ? data : Data(), root: $0) }
    }

    /// Sends data whose size the receiver does not know.
    public func sendData(_ data: Data, to rank: Int, tag: MessageTag) throws {
        try data.withUnsafeBytes { try send($0, to: rank, tag: tag) }
    }

    /// Takes a message that waits, whatever its size; nil where none does.
    public func receiveWaiting(from rank: Int, tag: MessageTag) throws -> Data? {
        guard let count = try waitingMessage(from: rank, tag: tag) else { return nil }
        var data = Data(count: count)
        try data.withUnsafeMutableBytes { try receive($0, from: rank, tag: tag) }
        return data
    }
}
