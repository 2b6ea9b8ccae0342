import Foundation

/// What a failure detector does with a fault.
struct FailureActions: Sendable {
    /// Prints the one line that says what is wrong.
    let say: @Sendable (String) -> Void
    /// Whether somebody is ending the whole job, so that ranks that go are nobody's fault.
    let isBeingEnded: @Sendable () -> Bool
    /// Ends this process.
    let end: @Sendable () -> Void
}

/// Rank 0's thread: hears all other ranks, and ends the job when one is at fault.
///
/// It sleeps between beats; only a connection that ends wakes it, so that its cost does not grow with what the ranks
/// have to say.
final class HeartbeatServer {
    private let shared: DetectorState
    private let actions: FailureActions
    private let token: UInt64
    private var listener: RendezvousListener?
    private var judge: FaultJudge
    private var members: [Int: HeartbeatConnection] = [:]
    private var newcomers: Newcomers
    /// Ranks that have not connected yet, or not shown yet that they know of it; when there are none, no connection is
    /// accepted any more.
    private var expected: Set<Int>
    private var successor: Int?
    /// Whether a rank has connected since the last heartbeat.
    private var hasNewcomer = false
    /// What the last heartbeat said.
    private var advice = ""
    /// Whether the others have ended the job, since this rank was silent.
    private var isEndedByOthers = false

    /// Microseconds without a look at the door after strangers were there, who could keep this thread busy.
    private static let rest: UInt32 = 10_000
    /// Seconds that the others have to read that the job ends.
    private static let endPatience = 0.5

    init(shared: DetectorState, actions: FailureActions, listener: RendezvousListener, ranks: Int) {
        self.shared = shared
        self.actions = actions
        self.listener = listener
        token = listener.invitation.token
        newcomers = Newcomers(token: token, ranks: ranks)
        expected = Set(1..<ranks)
        judge = FaultJudge(times: shared.times)
        for rank in 0..<ranks { judge.expect(rank, at: DetectionTimes.now) }
        judge.welcome(0, host: listener.invitation.host, at: DetectionTimes.now)
    }

    /// Watches until all ranks have taken their leave, or one is at fault.
    func run() {
        var due = DetectionTimes.now
        while !(shared.isLeaving && members.isEmpty) {
            let ready = sleep(
                reading: [shared.wakeup.descriptor]
                    + (listener.map { $0.descriptors + newcomers.descriptors } ?? [])
                    + expected.compactMap { members[$0]?.descriptor },
                ending: members.values.map(\.descriptor), seconds: due - DetectionTimes.now)
            let now = DetectionTimes.now
            let isLate = now - due > judge.times.lateness
            if judge.times != shared.times {
                // What was early enough for the old times may be late for the new ones.
                judge.times = shared.times
                judge.startAnew(at: now)
                due = now
            }
            let isDue = now >= due
            shared.wakeup.clear()
            for rank in shared.takeDismissed() { leaveUnwatched(rank) }
            if let failure = shared.failure { judge.fail(0, because: failure, at: now) }
            if isLate { judge.startAnew(at: now) }
            acceptConnections(at: now)
            for (rank, connection) in members where isDue || ready.contains(connection.descriptor) {
                receive(from: rank, connection, at: now)
            }
            if isEndedByOthers { return actions.end() }
            judge.hear(0, shared.status, at: now)
            judge.attended(at: shared.mailboxTime)
            if let fault = judge.fault(at: now) { return end(because: fault) }
            if isDue || hasNewcomer || advice != shared.advice {
                beat()
                due = now + judge.times.beat
            }
        }
    }

    /// Takes connections for ranks whose hello has the job's token.
    private func acceptConnections(at now: Double) {
        guard let listener else { return }
        let (arrivals, strangers) = newcomers.receive(from: listener, at: now)
        for arrival in arrivals where expected.contains(arrival.rank) {
            // A rank that was not answered in time has connected anew.
            members.updateValue(arrival.connection, forKey: arrival.rank)?.close()
            hasNewcomer = true
            judge.welcome(arrival.rank, host: arrival.host, at: now)
            arrival.connection.send(.welcome(token: token))
        }
        if strangers > 0 { usleep(Self.rest) }
    }

    private func receive(from rank: Int, _ connection: HeartbeatConnection, at now: Double) {
        let (messages, hasEnded) = connection.receive()
        if !messages.isEmpty, expected.remove(rank) != nil, expected.isEmpty {
            listener = nil
            newcomers = Newcomers(token: token, ranks: 0)
        }
        take(messages, from: rank, at: now)
        guard hasEnded else { return }
        // One that was welcomed too late has not heard of it, and comes again.
        if expected.contains(rank) {
            members.removeValue(forKey: rank)?.close()
        } else if members[rank] != nil {
            // A goodbye has closed it already.
            drop(rank, isLost: true)
        }
    }

    private func take(_ messages: [HeartbeatMessage], from rank: Int, at now: Double) {
        for message in messages {
            switch message {
            case .status(let status): judge.hear(rank, status, at: now)
            case .failing(let reason): judge.fail(rank, because: reason, at: now)
            case .goodbye: drop(rank, isLost: false)
            case .end: isEndedByOthers = true
            case .hello, .welcome, .beat: break
            }
        }
    }

    private func drop(_ rank: Int, isLost: Bool) {
        members.removeValue(forKey: rank)?.close()
        if isLost { judge.lose(rank) } else { judge.dismiss(rank) }
    }

    private func leaveUnwatched(_ rank: Int) {
        expected.remove(rank)
        if expected.isEmpty { listener = nil }
        members.removeValue(forKey: rank)?.close()
        judge.leaveUnwatched(rank)
    }

    private func beat() {
        hasNewcomer = false
        if successor != judge.successor {
            successor = judge.successor
            shared.tell(successor.flatMap { members[$0] })
        }
        advice = shared.advice
        let beat = HeartbeatMessage.beat(shared.status, successor: successor ?? 0, advice: advice)
        for connection in members.values { connection.send(beat, isRepeated: true) }
    }

    /// Prints the line of a fault, and tells the other ranks to end without one.
    private func end(because fault: Fault) {
        if fault.cause != .lost || !actions.isBeingEnded() { actions.say(fault.line(advice: shared.advice)) }
        for connection in members.values {
            connection.send(.end)
            connection.finishSending()
        }
        // If this process ended before they had read it, they could take rank 0 for lost. A rank that is stopped never
        // reads it.
        let deadline = DetectionTimes.now + Self.endPatience
        while !members.isEmpty, DetectionTimes.now < deadline {
            _ = sleep(reading: members.values.map(\.descriptor), seconds: deadline - DetectionTimes.now)
            for (rank, connection) in members where connection.receive().hasEnded { members[rank] = nil }
        }
        actions.end()
    }
}
