import Communication
import Foundation
import Support

/// Ranks as threads of one process, for tests of everything above MPI.
package final class ThreadCommunicator: Communicator {
    package let rank: Int
    package let size: Int
    package var name: String { "thread \(members[rank])" }
    package let libraryDescription = "threads"
    private let post: PostOffice
    private let members: [Int]
    /// The host of each rank of the world.
    private let hosts: [Int]
    private let group: String

    private init(post: PostOffice, hosts: [Int], members: [Int], rank: Int, group: String) {
        self.post = post
        self.hosts = hosts
        self.members = members
        self.rank = rank
        self.group = group
        size = members.count
    }

    /// Runs `body` once on each of `size` ranks, each a thread of its own, and returns their results in order.
    ///
    /// The first rank to throw ends the others, whose messages then never come; a job that takes longer than
    /// `timeout` seconds is a hang and fails.
    ///
    /// - Parameter hosts: the number of each rank's host; nil: all are on one.
    package static func run<R: Sendable>(
        size: Int, hosts: [Int]? = nil, timeout: Double = 60,
        _ body: @escaping @Sendable (ThreadCommunicator) throws -> R
    ) throws -> [R] {
        let post = PostOffice(deadline: Date(timeIntervalSinceNow: timeout))
        let results = Results<R>(size: size)
        let hosts = hosts ?? Array(repeating: 0, count: size)
        precondition(hosts.count == size, "\(hosts.count) hosts for \(size) ranks")
        for rank in 0..<size {
            let thread = Thread {
                let communicator = ThreadCommunicator(
                    post: post, hosts: hosts, members: Array(0..<size), rank: rank, group: "world")
                let result = Result { try body(communicator) }
                if case .failure(let error) = result { post.close(because: error) }
                results.set(result, rank: rank)
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        return try results.wait(post: post)
    }

    package func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        try post.deliver(Data(bytes), address(from: self.rank, to: rank, tag))
    }

    package func startSending(
        _ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        try send(bytes, to: rank, tag: tag)
        return Delivered()
    }

    package func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        let address = address(from: rank, to: self.rank, tag)
        Self.fill(bytes, with: try post.collect(address, post.ticket(address)))
    }

    private static func fill(_ bytes: UnsafeMutableRawBufferPointer, with data: Data) {
        precondition(data.count == bytes.count, "received \(data.count) bytes for \(bytes.count)")
        data.copyBytes(to: bytes)
    }

    package func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        Expected(post, bytes, address(from: rank, to: self.rank, tag))
    }

    package func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? {
        try post.waiting(address(from: rank, to: self.rank, tag))
    }

    package func split(_ members: [Int]) throws -> (any Communicator)? {
        guard let place = members.firstIndex(of: rank) else { return nil }
        return ThreadCommunicator(
            post: post, hosts: hosts, members: members.map { self.members[$0] }, rank: place,
            group: "\(group)/\(members)")
    }

    package func splitByHost() throws -> any Communicator {
        let neighbours = members.indices.filter { hosts[members[$0]] == hosts[members[rank]] }
        guard let part = try split(neighbours) else { preconditionFailure("rank \(rank) is not on its host") }
        return part
    }

    package func progress() throws { try post.check() }

    private func address(from: Int, to: Int, _ tag: MessageTag) -> String { "\(group) \(from)>\(to) \(tag)" }

    /// A message that is taken when it is asked for; as in MPI, whoever expected first gets the first.
    private final class Expected: PendingTransfer {
        private let post: PostOffice
        private let bytes: UnsafeMutableRawBufferPointer
        private let address: String
        private let ticket: Int
        private var isTaken = false

        init(_ post: PostOffice, _ bytes: UnsafeMutableRawBufferPointer, _ address: String) {
            self.post = post
            self.bytes = bytes
            self.address = address
            ticket = post.ticket(address)
        }

        func isFinished() throws -> Bool {
            if !isTaken, let data = try post.take(address, ticket) {
                fill(bytes, with: data)
                isTaken = true
            }
            return isTaken
        }
    }

    private final class Delivered: PendingTransfer {
        func isFinished() throws -> Bool { true }
    }
}

/// Messages on their way. At each address they are numbered as they are sent, and so are those who expect one.
///
/// Sendable since `condition` guards all that varies; a condition, because ranks wait for messages.
private final class PostOffice: @unchecked Sendable {
    private struct Mailbox {
        var sent = 0
        var expected = 0
        var messages: [Int: Data] = [:]
    }

    private let condition = NSCondition()
    private var mailboxes: [String: Mailbox] = [:]
    private var failure: (any Error)?
    private let deadline: Date

    init(deadline: Date) { self.deadline = deadline }

    func deliver(_ data: Data, _ address: String) throws {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw failure }
        let number = mailboxes[address, default: Mailbox()].sent
        mailboxes[address, default: Mailbox()].messages[number] = data
        mailboxes[address, default: Mailbox()].sent += 1
        condition.broadcast()
    }

    /// A place in the row of those who expect a message.
    func ticket(_ address: String) -> Int {
        condition.lock()
        defer { condition.unlock() }
        mailboxes[address, default: Mailbox()].expected += 1
        return mailboxes[address, default: Mailbox()].expected - 1
    }

    func collect(_ address: String, _ ticket: Int) throws -> Data {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let failure { throw failure }
            if let data = mailboxes[address]?.messages.removeValue(forKey: ticket) { return data }
            if !condition.wait(until: deadline) {
                throw Failure.running("a rank waited in vain for \(address)")
            }
        }
    }

    func take(_ address: String, _ ticket: Int) throws -> Data? {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw failure }
        if Date() > deadline { throw Failure.running("a rank polled in vain for \(address)") }
        return mailboxes[address]?.messages.removeValue(forKey: ticket)
    }

    func waiting(_ address: String) throws -> Int? {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw failure }
        if Date() > deadline { throw Failure.running("a rank polled in vain for \(address)") }
        let mailbox = mailboxes[address, default: Mailbox()]
        return mailbox.messages[mailbox.expected]?.count
    }

    /// Throws where another rank has, or where the job is late.
    func check() throws {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw failure }
        if Date() > deadline { throw Failure.running("a rank waited in vain for others of its host") }
    }

    func close(because error: any Error) {
        condition.lock()
        if failure == nil { failure = error }
        condition.broadcast()
        condition.unlock()
    }

    var firstFailure: (any Error)? {
        condition.lock()
        defer { condition.unlock() }
        return failure
    }
}

/// What the ranks return. Sendable since `condition` guards it; a condition, because the caller waits for all of them.
private final class Results<R: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var results: [Result<R, any Error>?]

    init(size: Int) { results = Array(repeating: nil, count: size) }

    func set(_ result: Result<R, any Error>, rank: Int) {
        condition.lock()
        results[rank] = result
        condition.broadcast()
        condition.unlock()
    }

    func wait(post: PostOffice) throws -> [R] {
        condition.lock()
        while results.contains(where: { $0 == nil }) { condition.wait() }
        condition.unlock()
        if let failure = post.firstFailure { throw failure }
        return try results.compactMap { try $0?.get() }
    }
}

extension Communicator {
    /// Barrier: waits until all ranks have called it.
    public func barrier() throws { _ = try gatherFromAll(Data()) }
}
