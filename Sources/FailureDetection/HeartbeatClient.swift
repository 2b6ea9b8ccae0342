import Foundation

/// The thread of every other rank: answers rank 0's heartbeats, and ends the process when rank 0 says so or is at fault
/// itself.
final class HeartbeatClient {
    private let shared: DetectorState
    private let actions: FailureActions
    private let rank: Int
    /// Rank 0's.
    private let host: String
    private let connection: HeartbeatConnection
    private var heard: Double
    // What rank 0 said last.
    private var status = RankStatus()
    private var successor = 1
    private var advice = ""

    /// Seconds that the rank which speaks for a lost rank 0 is ahead of the others.
    private static let successorLead = 0.5

    init(shared: DetectorState, actions: FailureActions, rank: Int, host: String, connection: HeartbeatConnection) {
        self.shared = shared
        self.actions = actions
        self.rank = rank
        self.host = host
        self.connection = connection
        heard = DetectionTimes.now
    }

    /// Watches until this rank has taken its leave, or the job ends.
    func run() {
        var times = shared.times
        while true {
            // A heartbeat comes first, as a rule: one waking for each. The ranks agree on when silence was too long, or the
            // first to end would have the others find rank 0 ended by mpirun, not silent.
            var planned = DetectionTimes.now + 1.25 * times.beat
            if times.timeout > 0 { planned = min(planned, max(heard + times.silence, planned - times.beat)) }
            _ = sleep(
                reading: [connection.descriptor, shared.wakeup.descriptor], seconds: planned - DetectionTimes.now)
            let now = DetectionTimes.now
            shared.wakeup.clear()
            if now - planned > times.lateness || times != shared.times { heard = now }
            times = shared.times
            let (messages, hasEnded) = connection.receive()
            for message in messages {
                switch message {
                case .beat(let status, let successor, let advice):
                    (heard, self.successor, self.advice) = (now, successor, advice)
                    take(status)
                    connection.send(.status(shared.status), isRepeated: true)
                case .status(let status): take(status)
                case .end: return actions.end()
                case .hello, .welcome, .failing, .goodbye: break
                }
            }
            if hasEnded {
                // Rank 0 closes the connection of a rank that has taken its leave.
                if shared.isLeaving || times.timeout == 0 { return }
                // One that had fallen silent before was stopped, and ended by whoever noticed that first.
                let silence = now - heard
                return end(because: silence > times.silence / 2 ? .silent(silence) : .lost)
            }
            if times.timeout > 0, now - heard > times.silence { return end(because: .silent(now - heard)) }
        }
    }

    /// Rank 0's threads tell in no order.
    private func take(_ status: RankStatus) {
        if status.entries >= self.status.entries { self.status = status }
    }

    /// Rank 0 is at fault: its successor says so for all, and the others end a little later.
    private func end(because cause: Fault.Cause) {
        if successor == rank, cause != .lost || !actions.isBeingEnded() {
            actions.say(Fault(rank: 0, host: host, status: status, cause: cause).line(advice: advice))
        } else {
            usleep(UInt32(Self.successorLead * 1e6))
        }
        // For a rank 0 that comes to life again: it must not take the others for lost.
        connection.send(.end)
        actions.end()
    }
}
