import Foundation

/// What a failure detector's thread and the threads of its rank share.
///
/// `@unchecked`: `condition` guards every variable; the constants are `Sendable`.
final class DetectorState: @unchecked Sendable {
    private let condition = NSCondition()
    private var ownStatus = RankStatus()
    private var hasEnteredLast = false
    private var ownTimes = DetectionTimes(timeout: 30)
    private var ownAdvice = ""
    private var ownFailure: String?
    private var dismissed: [Int] = []
    private var leaves = false
    private var over = false
    private var mailbox = 0.0
    /// Who is told of every phase at once: rank 0, and of rank 0 its successor.
    private var listener: HeartbeatConnection?
    private var budget = SendingBudget()
    /// Wakes the thread.
    let wakeup = WakeupPipe()

    var status: RankStatus { condition.withLock { ownStatus } }

    /// Takes note of a phase, and tells who listens; where phases follow each other too fast, only now and then.
    ///
    /// - Parameters:
    ///   - step: nil for the same as before.
    ///   - isLast: tells in any case, and what other threads enter from then on changes nothing: a test has the rank end here.
    func enter(_ phase: Phase, step: Int?, item: String, isLast: Bool) {
        let (status, told) = condition.withLock {
            guard !hasEnteredLast else { return (ownStatus, nil as HeartbeatConnection?) }
            hasEnteredLast = isLast
            ownStatus.phase = phase
            ownStatus.item = item
            ownStatus.step = step ?? ownStatus.step
            ownStatus.entries += 1
            let isTold = listener != nil && (budget.spend(at: DetectionTimes.now) || isLast)
            return (ownStatus, isTold ? listener : nil)
        }
        told?.send(.status(status), isRepeated: true)
    }

    /// Takes note of a unit of work that is done. It is told with the next heartbeat, which is soon enough.
    func advance() { condition.withLock { ownStatus.entries += 1 } }

    /// When the coordinator last looked for messages of the workers; 0 = it is not bound to.
    var mailboxTime: Double {
        get { condition.withLock { mailbox } }
        set { condition.withLock { mailbox = newValue } }
    }

    func tell(_ connection: HeartbeatConnection?) { condition.withLock { listener = connection } }

    var times: DetectionTimes {
        get { condition.withLock { ownTimes } }
        set { condition.withLock { ownTimes = newValue } }
    }

    /// What the user can do once a rank is lost.
    var advice: String {
        get { condition.withLock { ownAdvice } }
        set {
            condition.withLock { ownAdvice = newValue }
            wakeup.wake()
        }
    }

    /// Why this rank cannot go on.
    var failure: String? {
        get { condition.withLock { ownFailure } }
        set {
            condition.withLock { ownFailure = newValue }
            wakeup.wake()
        }
    }

    /// Ranks that are not to be watched any more, for rank 0's thread to take.
    func dismiss(_ ranks: [Int]) {
        condition.withLock { dismissed += ranks }
        wakeup.wake()
    }

    func takeDismissed() -> [Int] {
        condition.withLock {
            defer { dismissed = [] }
            return dismissed
        }
    }

    /// Whether this rank has done all its work.
    var isLeaving: Bool {
        get { condition.withLock { leaves } }
        set {
            condition.withLock { leaves = newValue }
            wakeup.wake()
        }
    }

    /// The thread is done.
    func end() {
        condition.withLock {
            over = true
            condition.broadcast()
        }
    }

    /// Waits for the thread, so many seconds at most.
    func waitForEnd(seconds: Double) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !over, condition.wait(until: deadline) {}
    }
}

/// How often a rank may tell its phase: a system call costs some 10 µs, and small networks change phases all the time.
private struct SendingBudget {
    private static let most = 20.0
    private static let perSecond = 40.0

    private var left = most
    private var time = 0.0

    mutating func spend(at now: Double) -> Bool {
        left = min(Self.most, left + (now - time) * Self.perSecond)
        time = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}
