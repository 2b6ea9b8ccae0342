import FailureDetection
import Foundation
import Support
import Testing

/// Who is at fault, by what was heard and when; no sockets, and a clock of the test's own.
@Suite struct FaultJudgeTests {
    /// Rank 0 coordinates on node0, the others train on nodes of their own.
    private static func judge(ranks: Int = 4, timeout: Double = 40) -> FaultJudge {
        var judge = FaultJudge(times: DetectionTimes(timeout: timeout))
        for rank in 0..<ranks {
            judge.expect(rank, at: 0)
            judge.welcome(rank, host: "node\(rank)", at: 0)
        }
        return judge
    }

    /// Lets everybody say the same, a second each from `first` to `last`; returns the first fault and when.
    private static func hear(
        _ judge: inout FaultJudge, _ seconds: ClosedRange<Int>, except silent: Int? = nil,
        coordinator: Phase = .waiting,
        _ status: (_ rank: Int, _ second: Int) -> RankStatus
    ) -> (fault: Fault, at: Int)? {
        for second in seconds {
            for rank in 0..<4 where rank != silent {
                judge.hear(rank, rank == 0 ? RankStatus(phase: coordinator) : status(rank, second), at: Double(second))
            }
            if let fault = judge.fault(at: Double(second)) { return (fault, second) }
        }
        return nil
    }

    /// A step a second.
    private static func training(_ rank: Int, _ second: Int) -> RankStatus {
        RankStatus(step: second, phase: .forward, entries: UInt64(second))
    }

    @Test func nobodyIsAtFaultWhileAllAnswer() {
        var judge = Self.judge()
        #expect(Self.hear(&judge, 0...500, Self.training) == nil)
    }

    @Test func aLostRankIsNamedAtOnceWithWhatItDid() {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...57, Self.training)
        judge.lose(2)
        #expect(
            judge.fault(at: 57)?.line(advice: "go on with --resume runs/x")
                == "rank 2 on node2 was lost at step 57, in the forward pass: its process ended without a word (killed, or out of memory?); go on with --resume runs/x"
        )
    }

    @Test func aSilentRankIsNamedWhileThereIsTimeToEnd() throws {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        let (fault, second) = try #require(Self.hear(&judge, 10...100, except: 3, Self.training))
        #expect(second == 9 + 31)
        #expect(
            fault.line(advice: "")
                == "rank 3 on node3 has not answered for 31 s, at step 9, in the forward pass: stopped, or its machine or network is down"
        )
    }

    @Test func aRankThatNeverComesIsSilentToo() {
        var judge = FaultJudge(times: DetectionTimes(timeout: 40))
        judge.expect(1, at: 5)
        #expect(judge.fault(at: 35) == nil)
        #expect(judge.fault(at: 36)?.line(advice: "").hasPrefix("rank 1 has not answered for 31 s, at step 0") == true)
        judge.dismiss(1)
        #expect(judge.fault(at: 100) == nil)
    }

    @Test(
        "silence ends early enough for mpirun's second",
        arguments: [(3.0, 1.5), (4, 2), (6, 3.5), (10, 7.5), (30, 22.5)])
    func silence(timeout: Double, silence: Double) {
        #expect(DetectionTimes(timeout: timeout).silence == silence)
    }

    @Test("a rank that does not get on with its own work", arguments: [Phase.data, .forward, .backward, .update])
    func stuck(phase: Phase) throws {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        let (fault, second) = try #require(
            Self.hear(&judge, 10...200) { rank, second in
                rank == 2
                    ? RankStatus(step: 10, phase: phase, entries: 1000)
                    : RankStatus(step: 10, phase: .reduction, entries: 2000)
            })
        #expect(second == 10 + 41 && fault.rank == 2 && fault.cause == .stuck(41))
        if phase == .data {
            #expect(
                fault.line(advice: "").hasPrefix("rank 2 on node2 has been reading images for 41 s, at step 10: "))
        }
    }

    @Test func longStepsHaveFiveTimesTheirMedian() throws {
        var judge = Self.judge()
        // A step in 20 s; between them each rank is in one phase for most of the time.
        let slow = { (rank: Int, second: Int) in
            RankStatus(step: second / 20, phase: .backward, entries: UInt64(second / 20))
        }
        #expect(Self.hear(&judge, 0...200, slow) == nil)
        let (_, second) = try #require(
            Self.hear(&judge, 201...500) { rank, second in slow(rank, min(second, 205)) })
        #expect(second == 200 + 101)
    }

    @Test func nothingIsStuckBeforeAStepHasBeenMeasured() {
        var judge = Self.judge()
        let first = Self.hear(&judge, 0...1000) { _, _ in RankStatus(step: 1, phase: .forward, entries: 1) }
        #expect(first == nil)
    }

    @Test func waitingForOthersIsNoFaultUnlessAllDo() throws {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        // The lead worker waits for the coordinator, and the others for it.
        let waiting = Self.hear(&judge, 10...300) { rank, _ in
            RankStatus(step: 10, phase: rank == 1 ? .checkpoint : .reduction, entries: 500)
        }
        #expect(waiting == nil)
        let (fault, second) = try #require(
            Self.hear(&judge, 301...500) { rank, _ in RankStatus(step: 10, phase: .reduction, entries: 501) })
        #expect(second == 301 + 41 && fault.status.phase == .reduction)
    }

    /// Lets the coordinator do a unit of work in so many seconds, while the others wait for it.
    private static func coordinate(
        _ judge: inout FaultJudge, _ seconds: ClosedRange<Int>, _ phase: Phase, step: Int = 10, unit: Int,
        others: Phase = .reduction
    ) -> (fault: Fault, at: Int)? {
        for second in seconds {
            let status = RankStatus(step: step, phase: phase, entries: 1000 + UInt64(second / unit), item: "a.png")
            judge.hear(0, status, at: Double(second))
            for rank in 1..<4 {
                judge.hear(rank, RankStatus(step: step, phase: others, entries: 500), at: Double(second))
            }
            if let fault = judge.fault(at: Double(second)) { return (fault, second) }
        }
        return nil
    }

    @Test("a validation may take as long as it likes, while it gets on", arguments: [Phase.reduction, .waiting])
    func slowCoordinator(others: Phase) {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        #expect(Self.coordinate(&judge, 10...9000, .validation, unit: 300, others: others) == nil)
    }

    @Test func aValidationThatHangsIsNoticedByItsImages() throws {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        #expect(Self.coordinate(&judge, 10...100, .validation, unit: 10) == nil)
        let (fault, second) = try #require(Self.coordinate(&judge, 101...9000, .validation, unit: 100_000))
        #expect(fault.rank == 0 && second == 100 + 401)
        #expect(
            fault.line(advice: "")
                == "rank 0 on node0 has been validating (a.png) for 401 s, at step 10: its machine or disk hangs")
    }

    @Test func imagesThatTakeLongHaveFiveTimesTheLongest() throws {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        #expect(Self.coordinate(&judge, 10...900, .validation, unit: 300) == nil)
        let (_, second) = try #require(Self.coordinate(&judge, 901...9000, .validation, unit: 100_000))
        #expect((1500...1503).contains(second - 901))
    }

    @Test("what has no units has forty time-outs", arguments: [(Phase.checkpoint, 10), (.start, 0)])
    func whole(phase: Phase, step: Int) throws {
        var judge = Self.judge()
        let (fault, second) = try #require(
            Self.coordinate(&judge, 10...9000, phase, step: step, unit: 100_000, others: .waiting))
        #expect(fault.rank == 0 && second == 10 + 1601)
    }

    @Test("images that are read before the first step are watched", arguments: [0, 3]) func reading(rank: Int) throws {
        var judge = Self.judge()
        // The others have read theirs.
        let (fault, second) = try #require(
            (0...2000).lazy.compactMap { second -> (Fault, Int)? in
                for other in 0..<4 where other != rank {
                    judge.hear(other, RankStatus(phase: .waiting, entries: 7), at: Double(second))
                }
                let number = UInt64(min(second, 50))
                judge.hear(
                    rank, RankStatus(phase: .data, entries: number, item: "images/\(number).png"), at: Double(second))
                return judge.fault(at: Double(second)).map { ($0, second) }
            }.first)
        #expect(second == 50 + 401)
        #expect(
            fault.line(advice: "")
                == "rank \(rank) on node\(rank) has been reading images (images/50.png) for 401 s, at step 0: its machine or disk hangs"
        )
    }

    @Test func thousandsOfImagesMayBeRead() {
        var judge = Self.judge()
        let fault = Self.hear(&judge, 0...20_000, coordinator: .waiting) { rank, second in
            RankStatus(phase: rank == 2 ? .data : .waiting, entries: rank == 2 ? UInt64(second / 60) : 3)
        }
        #expect(fault == nil)
    }

    @Test("a coordinator that takes no messages is not its workers' fault", arguments: [Phase.waiting, .validation])
    func inattentive(phase: Phase) throws {
        var judge = Self.judge()
        for second in 0...9 {
            judge.attended(at: Double(second + 1))
            #expect(Self.hear(&judge, second...second, Self.training) == nil)
        }
        // The lead waits for it, and the others for the lead.
        let (fault, second) = try #require(
            Self.hear(&judge, 10...200, coordinator: phase) { rank, _ in
                RankStatus(step: 10, phase: rank == 1 ? .waiting : .reduction, entries: 500)
            })
        #expect(second == 10 + 41)
        #expect(
            fault.line(advice: "")
                == "rank 0 on node0 has taken no message of the workers for 41 s, at step 0: the disk of the run's log hangs, or its machine does"
        )
        judge.attended(at: 0)
        #expect(judge.fault(at: 52) == nil)
    }

    @Test func aSleepIsNoInattention() {
        var judge = Self.judge()
        judge.attended(at: 9)
        _ = Self.hear(&judge, 0...9, Self.training)
        judge.startAnew(at: 1000)
        #expect(judge.fault(at: 1029) == nil)
    }

    @Test func aFirstStepThatNeverEndsIsAFault() throws {
        var judge = Self.judge()
        let hanging = { (_: Int, _: Int) in RankStatus(step: 1, phase: .reduction, entries: 5) }
        let (fault, second) = try #require(Self.hear(&judge, 0...1000, hanging))
        #expect(fault.status.phase == .reduction && second == 401)
    }

    @Test func oneThatCannotBeWatchedMayBeWhatTheOthersWaitFor() {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        judge.leaveUnwatched(1)
        let fault = Self.hear(&judge, 10...1000) { _, _ in RankStatus(step: 10, phase: .reduction, entries: 500) }
        #expect(fault == nil)
    }

    @Test func whoWasStoppedItselfBlamesNobody() {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        judge.startAnew(at: 1000)
        #expect(judge.fault(at: 1029) == nil)
        #expect(judge.fault(at: 1031) != nil)
    }

    @Test func aPauseIsNotTakenForAStep() {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...0, Self.training)
        judge.startAnew(at: 1000)
        let training = { (_: Int, second: Int) in
            RankStatus(step: second - 1000, phase: .forward, entries: UInt64(second))
        }
        _ = Self.hear(&judge, 1001...1002, training)
        // Or what is stuck would have five times as long as the pause.
        #expect(Self.hear(&judge, 1003...1060) { rank, _ in training(rank, 1002) } != nil)
    }

    @Test func aRanksOwnFailureMayBeAConsequence() {
        var judge = Self.judge()
        _ = Self.hear(&judge, 0...9, Self.training)
        judge.fail(1, because: "MPI failed", at: 9)
        #expect(judge.fault(at: 10) == nil)
        #expect(
            judge.fault(at: 11)?.line(advice: "")
                == "rank 1 on node1 failed at step 9, in the forward pass: MPI failed")
        judge.lose(3)
        #expect(judge.fault(at: 11)?.rank == 3)
    }

    @Test func anOldStatusThatComesLateSaysOnlyThatTheRankLives() {
        var judge = Self.judge()
        judge.hear(1, RankStatus(step: 8, phase: .data, entries: 20), at: 1)
        judge.hear(1, RankStatus(step: 7, phase: .update, entries: 19), at: 30)
        judge.hear(2, RankStatus(step: 7, phase: .update, entries: 19), at: 30)
        judge.dismiss(0)
        judge.dismiss(3)
        #expect(judge.fault(at: 60) == nil)
        judge.lose(1)
        #expect(judge.fault(at: 60)?.status == RankStatus(step: 8, phase: .data, entries: 20))
    }

    @Test func withoutATimeoutNothingIsAFault() {
        var judge = Self.judge(timeout: 0)
        judge.lose(1)
        #expect(judge.fault(at: 1e6) == nil)
    }

    @Test func theSuccessorIsElsewhereIfPossible() {
        var judge = FaultJudge(times: DetectionTimes(timeout: 30))
        for (rank, host) in [(0, "a"), (1, "a"), (2, "b"), (3, "b")] {
            judge.expect(rank, at: 0)
            if rank != 3 { judge.welcome(rank, host: host, at: 0) }
        }
        #expect(judge.successor == 2)
        judge.dismiss(2)
        #expect(judge.successor == 1)
    }
}

@Suite struct WatchMessageTests {
    private static let messages: [HeartbeatMessage] = [
        .hello(token: .max, rank: 999, host: "knoten-é"), .welcome(token: 1), .goodbye, .end,
        .status(RankStatus(step: 1 << 40, phase: .shutdown, entries: 7)),
        .status(RankStatus(step: 0, phase: .data, entries: 7, item: "images/ä.png")),
        .beat(RankStatus(step: 0, phase: .data, item: "b.png"), successor: 2, advice: ""),
        .beat(RankStatus(step: 3, phase: .validation, entries: 0), successor: 2, advice: "go on with --resume runs/x"),
        .failing("MPI failed"), .failing(""),
    ]

    @Test("messages arrive whole, however they are cut", arguments: [1, 2, 3, 7, 1000])
    func pieces(size: Int) {
        let bytes = Self.messages.flatMap(\.bytes)
        var buffer = HeartbeatMessageBuffer()
        var received: [HeartbeatMessage] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { buffer.append($0) }
            while let message = buffer.next() { received.append(message) }
        }
        #expect(received == Self.messages && !buffer.isBroken)
    }

    @Test(
        "what is no message is noticed", arguments: ["GET / HTTP/1.1\r\n\r\n", "\u{3}\u{1}\u{0}x", "\u{0}\u{0}\u{0}"])
    func garbage(text: String) {
        var buffer = HeartbeatMessageBuffer()
        Array(text.utf8).withUnsafeBytes { buffer.append($0) }
        #expect(buffer.next() == nil)
        #expect(buffer.isBroken)
    }

    @Test("a frame that is longer than any of its kind is not waited for", arguments: 0...255)
    func lengths(kind: UInt8) {
        var buffer = HeartbeatMessageBuffer()
        [kind, 0xFF, 0xFF].withUnsafeBytes { buffer.append($0) }
        #expect(buffer.next() == nil && buffer.isBroken)
    }

    @Test func longNamesAreCut() throws {
        let name = String(repeating: "é", count: 5000)
        for message in [
            HeartbeatMessage.hello(token: 1, rank: 1, host: name), .status(RankStatus(item: name)), .failing(name),
            .beat(RankStatus(item: name + "\0"), successor: 1, advice: name),
        ] {
            var buffer = HeartbeatMessageBuffer()
            message.bytes.withUnsafeBytes { buffer.append($0) }
            #expect(buffer.next() != nil && !buffer.isBroken)
        }
    }

    @Test func injectedFaultsAreRead() throws {
        let fault = try InjectedFault("2:backward:30:stop")
        #expect(fault.rank == 2 && fault.phase == .backward && fault.step == 30 && fault.kind == .stop)
        for text in [
            "", "2", "2:sleep:3:kill", "2:data:3:explode", "x:data:3:kill", "2:data:-1:kill", "2:data:3:kill:",
        ] {
            #expect(throws: Failure.self, "\(text)") { try InjectedFault(text) }
        }
    }
}
