import FailureDetection
import Foundation
import Synchronization
import TestSupport
import Testing

/// Failure detectors of several ranks in one process, over real sockets of this machine. Where a rank must be lost or
/// silent the test plays its part by hand.
@Suite(.serialized) struct FailureDetectorTests {
    /// What the failure detectors of a job have done.
    private final class Record: Sendable {
        private let events = Mutex<[String]>([])
        func add(_ event: String) { events.withLock { $0.append(event) } }
        var all: [String] { events.withLock { $0.sorted() } }

        /// Waits until so many things have happened.
        func wait(for count: Int) {
            let deadline = Date(timeIntervalSinceNow: 20)
            while all.count < count, Date() < deadline { usleep(2000) }
        }
    }

    private static func start(_ world: ThreadCommunicator, _ record: Record, timeout: Double = 2) throws
        -> FailureDetector
    {
        let rank = world.rank
        let detector = try FailureDetector.start(
            world: world, host: "node\(rank)", say: { record.add("\(rank) says: \($0)") },
            warn: { record.add("\(rank) warns: \($0)") }, end: { record.add("\(rank) ends") })
        let started = try #require(detector)
        started.setTimeout(timeout)
        return started
    }

    /// The part of a rank that connects, if it does, and then does nothing; returns its connection.
    private static func pretend(_ world: ThreadCommunicator, connects: Bool = true) throws -> HeartbeatConnection? {
        let invitation = try JSONDecoder().decode(RendezvousInvitation.self, from: world.broadcast(Data(), root: 0))
        let connection = connects ? invitation.connect(rank: world.rank, host: "node\(world.rank)") : nil
        #expect((connection != nil) == connects)
        _ = try world.gatherFromAll(Data((connects ? "" : "node\(world.rank)").utf8))
        return connection
    }

    private static func wait(_ world: ThreadCommunicator, _ record: Record, for count: Int) throws {
        record.wait(for: count)
        try world.barrier()
    }

    @Test(arguments: [2, 4, 64])
    func allLeaveAndNothingIsSaid(ranks: Int) throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: ranks) { world in
            let detector = try Self.start(world, record)
            for step in 1...100 { try detector.enter(.data, step: step) }
            try world.barrier()
            detector.leave()
        }
        #expect(record.all == [])
    }

    @Test func aLostRankEndsAll() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 4) { world in
            if world.rank == 2 {
                let connection = try Self.pretend(world)
                connection?.send(.status(RankStatus(step: 57, phase: .backward, entries: 1)))
                try world.barrier()
                connection?.close()
            } else {
                let detector = try Self.start(world, record)
                detector.advise("go on")
                try world.barrier()
                withExtendedLifetime(detector) { record.wait(for: 4) }
            }
            try world.barrier()
        }
        #expect(
            record.all == [
                "0 ends",
                "0 says: rank 2 on node2 was lost at step 57, in the backward pass: its process ended without a word (killed, or out of memory?); go on",
                "1 ends", "3 ends",
            ])
    }

    @Test func aSilentRankEndsAll() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 3) { world in
            if world.rank == 1 {
                let connection = try Self.pretend(world)
                try withExtendedLifetime(connection) { try Self.wait(world, record, for: 3) }
            } else {
                let detector = try Self.start(world, record)
                try withExtendedLifetime(detector) { try Self.wait(world, record, for: 3) }
            }
        }
        #expect(record.all.count == 3 && record.all[0] == "0 ends" && record.all[2] == "2 ends", "\(record.all)")
        #expect(record.all[1].hasPrefix("0 says: rank 1 on node1 has not answered for "), "\(record.all)")
    }

    @Test("one rank speaks for a rank 0 that is gone", arguments: [true, false])
    func rankZero(isKilled: Bool) throws {
        let record = Record()
        // No rank may tire of waiting before the first beat has told it who speaks, however busy the machine is.
        let timeout = isKilled ? 15.0 : 5.0
        _ = try ThreadCommunicator.run(size: 4) { world in
            guard world.rank == 0 else {
                let detector = try Self.start(world, record, timeout: timeout)
                try world.barrier()
                return try withExtendedLifetime(detector) { try Self.wait(world, record, for: 4) }
            }
            let door = try #require(RendezvousListener(host: "node0", ranks: 4))
            let guests = Guests()
            Thread.detachNewThread { guests.receive(3, at: door) }
            _ = try world.broadcast(JSONEncoder().encode(door.invitation), root: 0)
            _ = try world.gatherFromAll(Data())
            let status = RankStatus(step: 9, phase: .checkpoint, entries: 3)
            for guest in guests.all { guest.send(.beat(status, successor: 2, advice: "go on")) }
            try world.barrier()
            usleep(100_000)
            if isKilled { for guest in guests.all { guest.close() } }
            try Self.wait(world, record, for: 4)
        }
        let what = isKilled ? "was lost at step 9, while saving a checkpoint" : "has not answered for "
        #expect(
            record.all.count == 4 && record.all[0] == "1 ends" && record.all[1] == "2 ends"
                && record.all[2].hasPrefix("2 says: rank 0 on node0 \(what)") && record.all[2].hasSuffix("; go on")
                && record.all[3] == "3 ends", "\(record.all)")
    }

    /// Those whom a rank 0 of the test's own lets in.
    private final class Guests: Sendable {
        private let connections = Mutex<[HeartbeatConnection]>([])
        var all: [HeartbeatConnection] { connections.withLock { $0 } }

        func receive(_ count: Int, at door: RendezvousListener) {
            while all.count < count {
                if let connection = door.accept() {
                    connection.send(.welcome(token: door.invitation.token))
                    connections.withLock { $0.append(connection) }
                }
                usleep(1000)
            }
        }
    }

    @Test func aRankThatCannotConnectIsNotWatched() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 3) { world in
            if world.rank == 2 {
                _ = try Self.pretend(world, connects: false)
                usleep(2_000_000)
                try world.barrier()
            } else {
                let detector = try Self.start(world, record)
                try world.barrier()
                detector.leave()
            }
        }
        #expect(record.all.count == 1, "\(record.all)")
        #expect(record.all.first?.hasPrefix("0 warns: rank 2 on node2 cannot connect") == true, "\(record.all)")
    }

    @Test func aRankThatCannotGoOnIsNamedByRankZero() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 3) { world in
            let detector = try Self.start(world, record)
            try detector.enter(.reduction, step: 5)
            try world.barrier()
            if world.rank == 1 { detector.giveUp(because: "MPI failed") }
            try Self.wait(world, record, for: 4)
        }
        #expect(
            record.all == [
                "0 ends", "0 says: rank 1 on node1 failed at step 5, while summing gradients: MPI failed", "1 ends",
                "2 ends",
            ])
    }

    @Test func aStrangerDoesNotGetIn() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 3) { world in
            if world.rank == 1 {
                let invitation = try JSONDecoder().decode(
                    RendezvousInvitation.self, from: world.broadcast(Data(), root: 0))
                // One without the word, who says that he is rank 2, and is not let in.
                var text = String(decoding: try JSONEncoder().encode(invitation), as: UTF8.self)
                text = text.replacingOccurrences(of: "\(invitation.token)", with: "12345")
                let guess = try JSONDecoder().decode(RendezvousInvitation.self, from: Data(text.utf8))
                #expect(guess.token == 12345 && guess.connect(rank: 2, host: "node2") == nil)
                let connection = try #require(invitation.connect(rank: 1, host: "node1"))
                _ = try world.gatherFromAll(Data())
                try world.barrier()
                connection.send(.goodbye)
                // Rank 0 closes the connection.
                while !connection.receive().hasEnded { usleep(1000) }
            } else {
                let detector = try Self.start(world, record)
                try world.barrier()
                detector.leave()
            }
        }
        #expect(record.all == [])
    }
}
