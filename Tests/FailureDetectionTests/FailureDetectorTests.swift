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
        _ = try world.gatherFromAll(Data())
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
            _ = try world.gatherFromAll(Data())
            let door = try #require(RendezvousListener(host: "node0", ranks: 4))
            let guests = Guests()
            Thread.detachNewThread { guests.receive(3, at: door) }
            _ = try world.broadcast(JSONEncoder().encode(door.invitation), root: 0)
            _ = try world.gatherFromAll(Data())
            let status = RankStatus(step: 9, phase: .checkpoint, entries: 3)
            guests.wait(for: 3)
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

    @Test func aRankZeroThatWasStoppedAndIsThenEndedWasStopped() throws {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 3) { world in
            guard world.rank == 0 else {
                let detector = try Self.start(world, record, timeout: 10)
                try world.barrier()
                return try withExtendedLifetime(detector) { try Self.wait(world, record, for: 3) }
            }
            _ = try world.gatherFromAll(Data())
            let door = try #require(RendezvousListener(host: "node0", ranks: 3))
            let guests = Guests()
            Thread.detachNewThread { guests.receive(2, at: door) }
            _ = try world.broadcast(JSONEncoder().encode(door.invitation), root: 0)
            _ = try world.gatherFromAll(Data())
            try world.barrier()
            let status = RankStatus(step: 9, phase: .waiting, entries: 3)
            guests.wait(for: 2)
            for guest in guests.all { guest.send(.beat(status, successor: 2, advice: "")) }
            // Its silence may be 7.5 s. The first rank that notices ends, and mpirun ends this one.
            usleep(4_500_000)
            for guest in guests.all { guest.close() }
            try Self.wait(world, record, for: 3)
        }
        #expect(
            record.all.count == 3 && record.all[2].hasPrefix("2 says: rank 0 on node0 has not answered for "),
            "\(record.all)")
    }

    /// Those whom a rank 0 of the test's own lets in.
    private final class Guests: Sendable {
        private let connections = Mutex<[HeartbeatConnection]>([])
        var all: [HeartbeatConnection] { connections.withLock { $0 } }

        /// A guest knows that it was let in before it stands here.
        func wait(for count: Int) { while all.count < count { usleep(1000) } }

        func receive(_ count: Int, at door: RendezvousListener) {
            while all.count < count {
                if let (connection, _) = door.accept() {
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
                _ = try world.gatherFromAll(Data())
                let invitation = try JSONDecoder().decode(
                    RendezvousInvitation.self, from: world.broadcast(Data(), root: 0))
                // One without the word, who says that he is rank 2, and is not let in.
                var text = String(decoding: try JSONEncoder().encode(invitation), as: UTF8.self)
                text = text.replacingOccurrences(of: "\(invitation.token)", with: "12345")
                let guess = try JSONDecoder().decode(RendezvousInvitation.self, from: Data(text.utf8))
                #expect(guess.token == 12345 && guess.connect(rank: 2, host: "node2", patience: 1) == nil)
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

    /// A rank 0 and one more, whose part `body` plays with the invitation; returns what was recorded.
    private static func job(
        timeout: Double = 30, _ body: @escaping @Sendable (RendezvousInvitation) throws -> Void
    ) throws -> Record {
        let record = Record()
        _ = try ThreadCommunicator.run(size: 2) { world in
            if world.rank == 0 {
                let detector = try Self.start(world, record, timeout: timeout)
                try world.barrier()
                detector.leave()
            } else {
                _ = try world.gatherFromAll(Data())
                let invitation = try JSONDecoder().decode(
                    RendezvousInvitation.self, from: world.broadcast(Data(), root: 0))
                try body(invitation)
                _ = try world.gatherFromAll(Data())
                try world.barrier()
            }
        }
        return record
    }

    /// Takes part as rank 1 until it leaves.
    private static func takePart(_ invitation: RendezvousInvitation, patience: Double = 20) throws {
        let connection = try #require(invitation.connect(rank: 1, host: "node1", patience: patience))
        connection.send(.goodbye)
        while !connection.receive().hasEnded { usleep(1000) }
    }

    /// A connection to the port that everybody can make.
    private static func knock(_ port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code != 0 { close(descriptor) }
        return code == 0 ? descriptor : -1
    }

    private static func send(_ bytes: [UInt8], by descriptor: Int32, isWaiting: Bool = false) -> Int {
        bytes.withUnsafeBytes {
            Glibc.send(
                descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | (isWaiting ? 0 : Int32(MSG_DONTWAIT)))
        }
    }

    /// Kilobytes that this process holds.
    private static var residentKilobytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4
    }

    /// What strangers send.
    private static let floods: [(String, [UInt8])] = [
        // Frames of no length, well-formed ones of a rank, a hello with another token, of great length, and nothing of ours.
        ("goodbyes", [6, 0, 0]), ("statuses", HeartbeatMessage.status(RankStatus(step: 1, phase: .data)).bytes),
        ("hellos", HeartbeatMessage.hello(token: 1, rank: 1, host: "node1").bytes), ("lengths", [5, 0xFF, 0xFF, 0x41]),
        ("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8)), ("zeros", [0]), ("ends", [7, 0, 0]),
    ]

    @Test("a stranger's flood takes no memory and ends nothing", arguments: floods.indices)
    func flood(index: Int) throws {
        let frame = Self.floods[index].1
        let bytes = Array([[UInt8]](repeating: frame, count: (1 << 20) / frame.count).joined())
        let before = Self.residentKilobytes
        let record = try Self.job { invitation in
            let strangers = (0..<4).map { _ in Self.knock(invitation.loopbackPort) }
            let end = Date(timeIntervalSinceNow: 0.4)
            var sent = 0
            while Date() < end {
                for stranger in strangers { sent += max(0, Self.send(bytes, by: stranger)) }
                usleep(200)
            }
            #expect(sent < 64 << 20, "\(sent) bytes were taken from strangers")
            try Self.takePart(invitation)
            for stranger in strangers { close(stranger) }
        }
        #expect(record.all == [])
        #expect(Self.residentKilobytes - before < 64 << 10)
    }

    @Test(
        "strangers that come in numbers, or say half a word, keep no rank out",
        arguments: [[], [1, 30], [1]] as [[UInt8]])
    func crowd(word: [UInt8]) throws {
        let record = try Self.job { invitation in
            var strangers: [Int32] = []
            for _ in 0..<400 {
                let stranger = Self.knock(invitation.loopbackPort)
                if stranger >= 0 {
                    strangers.append(stranger)
                    _ = Self.send(word, by: stranger)
                }
            }
            try Self.takePart(invitation)
            // Most have been shut out at once.
            let open = strangers.count { descriptor in
                var byte: UInt8 = 0
                return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) < 0 && errno == EAGAIN
            }
            #expect(open < 100, "\(open) strangers are still there")
            for stranger in strangers { close(stranger) }
        }
        #expect(record.all == [])
    }

    @Test func whoSaysNothingIsShutOutInTime() throws {
        let record = try Self.job { invitation in
            let stranger = Self.knock(invitation.loopbackPort)
            var byte: UInt8 = 0
            let start = Date()
            #expect(recv(stranger, &byte, 1, 0) == 0)
            #expect((4..<9).contains(Date().timeIntervalSince(start)))
            try Self.takePart(invitation)
            close(stranger)
        }
        #expect(record.all == [])
    }

    @Test func oneThatGivesUpAndComesAgainIsNotLost() throws {
        let record = try Self.job { invitation in
            // It said who it is, and did not wait for the answer.
            for _ in 0..<3 {
                let hasty = Self.knock(invitation.loopbackPort)
                _ = Self.send(HeartbeatMessage.hello(token: invitation.token, rank: 1, host: "node1").bytes, by: hasty)
                close(hasty)
                usleep(50_000)
            }
            // Welcomed, and gone before it has read so.
            let late = Self.knock(invitation.loopbackPort)
            _ = Self.send(HeartbeatMessage.hello(token: invitation.token, rank: 1, host: "node1").bytes, by: late)
            usleep(300_000)
            close(late)
            usleep(100_000)
            try Self.takePart(invitation)
        }
        #expect(record.all == [])
    }

    @Test("a rank that is slow to connect is not lost", arguments: [3.0]) func slow(seconds: Double) throws {
        let record = try Self.job { invitation in
            usleep(UInt32(seconds * 1e6))
            try Self.takePart(invitation)
        }
        #expect(record.all == [])
    }

    @Test func aRankZeroThatIsSlowToAnswerIsWaitedFor() throws {
        let door = try #require(RendezvousListener(host: "node0", ranks: 2))
        Thread.detachNewThread {
            usleep(4_000_000)
            while true {
                guard let (connection, _) = door.accept() else { return }
                connection.send(.welcome(token: door.invitation.token))
                usleep(500_000)
            }
        }
        let start = Date()
        #expect(door.invitation.connect(rank: 1, host: "node1") != nil)
        #expect(Date().timeIntervalSince(start) > 3.5)
    }

    @Test func noRankTakesThePlaceOfAnotherThatIsThere() throws {
        let record = try Self.job { invitation in
            let connection = try #require(invitation.connect(rank: 1, host: "node1"))
            usleep(200_000)
            // Rank 0 listens no more: all are there.
            #expect(invitation.connect(rank: 1, host: "thief", patience: 1) == nil)
            connection.send(.goodbye)
            while !connection.receive().hasEnded { usleep(1000) }
        }
        #expect(record.all == [])
    }

    @Test func aRankThatFloodsIsBounded() throws {
        let before = Self.residentKilobytes
        let record = try Self.job { invitation in
            let connection = try #require(invitation.connect(rank: 1, host: "node1"))
            let frame = HeartbeatMessage.status(RankStatus(step: 1, phase: .data, item: "a")).bytes
            let bytes = Array([[UInt8]](repeating: frame, count: 50_000).joined())
            let end = Date(timeIntervalSinceNow: 1)
            while Date() < end {
                _ = Self.send(bytes, by: connection.descriptor)
                usleep(500)
            }
            #expect(Self.residentKilobytes - before < 64 << 10)
            // What is left half sent is no message: the connection ends.
            connection.close()
        }
        #expect(record.all.count <= 2)
    }
}
