import Foundation
import Support

/// Ranks fail together: what goes wrong on one is thrown on all, so that each ends with the same status and one of
/// them says why.
extension Communicator {
    /// The outcome of `body` on rank 0, on every rank.
    package func agreeOnRoot<T: Codable>(_ body: () throws -> T) throws -> T {
        var message = Data()
        if rank == 0 { message = try Messages.encode(Attempt(self, body)) }
        return try Messages.decode(Attempt<T>.self, from: broadcast(message, root: 0)).value()
    }

    /// Every rank's outcome of `body`, in the order of ranks; the first failure is thrown on every rank.
    package func agreeOnAll<T: Codable>(_ body: () throws -> T) throws -> [T] {
        let attempts = try gatherFromAll(Messages.encode(Attempt(self, body)))
        return try attempts.map { try Messages.decode(Attempt<T>.self, from: $0).value() }
    }

    /// The outcome of `body` on this rank, if it succeeded on every rank; else the first failure, on every rank.
    package func agree<T>(_ body: () throws -> T) throws -> T {
        var own: T?
        _ = try agreeOnAll { () throws -> Int in
            own = try body()
            return 0
        }
        guard let own else { preconditionFailure("an outcome without a failure") }
        return own
    }

    /// Throws `Failure.request` on every rank where the ranks have not all the same program, and names those whose is not
    /// rank 0's.
    ///
    /// - Parameter build: what the program was built from, on this rank.
    package func checkBuilds(_ build: String) throws {
        guard size > 1 else { return }
        let builds = try gatherFromAll(Messages.encode([build, name])).map {
            try Messages.decode([String].self, from: $0)
        }
        guard let other = builds.first(where: { $0[0] != builds[0][0] }) else { return }
        let names = builds.filter { $0[0] != builds[0][0] }.map { $0[1] }.joined(separator: ", ")
        throw Failure.request(
            "the ranks do not run the same program: \(builds[0][1]) has \(builds[0][0]), and \(names) "
                + "\(other[0]): install one build on all hosts")
    }

    /// Calls `body` with the numbers in 0..<`count` that are this rank's, every `size`th of them, and agrees after each
    /// round, so that a failure on one rank ends all soon.
    package func shareOut(_ count: Int, _ body: (_ index: Int) throws -> Void) throws {
        for first in stride(from: 0, to: count, by: size) {
            try agree { if first + rank < count { try body(first + rank) } }
        }
    }

    /// Receives a message, and sleeps between looks for it: for waits that may be long.
    package func receivePatiently(from rank: Int, tag: MessageTag, microseconds: UInt32 = 2_000) throws -> Data {
        while true {
            if let data = try receiveWaiting(from: rank, tag: tag) { return data }
            usleep(microseconds)
        }
    }
}

/// A result or a failure, as it is sent between ranks.
private enum Attempt<T: Codable>: Codable {
    case success(T)
    case failure(FailureRecord)

    /// All but an error of communication is caught: the other ranks wait for this one's outcome.
    init(_ world: any Communicator, _ body: () throws -> T) throws {
        do {
            self = .success(try body())
        } catch let error as CommunicationFailure {
            throw error
        } catch {
            self = .failure(FailureRecord(error, on: world))
        }
    }

    func value() throws -> T {
        switch self {
        case .success(let value): return value
        case .failure(let record): throw record.failure
        }
    }
}
