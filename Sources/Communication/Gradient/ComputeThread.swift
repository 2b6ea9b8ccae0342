import Foundation
import Support

/// A thread that computes while its owner talks to other ranks: MPI is called from one thread, and only messages that
/// somebody looks after move.
///
/// `@unchecked`: `condition` guards every variable. `work` is handed over: the owner waits until the thread is idle before
/// it touches what `work` uses.
final class ComputeThread: @unchecked Sendable {
    private let condition = NSCondition()
    private var work: (() -> Void)?
    private var isBusy = false
    private var isEnding = false

    init() {
        let thread = Thread { [self] in
            while runNext() { becomeIdle() }
        }
        thread.name = "compute"
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Has the thread call `body`; the caller waits until it is idle before what `body` uses may go.
    func begin(_ body: @escaping () -> Void) {
        condition.withLock {
            work = body
            isBusy = true
            condition.broadcast()
        }
    }

    /// Waits until the thread is done, and has let go of what it was given.
    func waitUntilIdle() {
        condition.lock()
        while isBusy { condition.wait() }
        condition.unlock()
    }

    /// Lets the thread go.
    func end() {
        condition.withLock {
            isEnding = true
            condition.broadcast()
        }
    }

    private func runNext() -> Bool {
        guard let work = next() else { return false }
        work()
        return true
    }

    private func next() -> (() -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while work == nil && !isEnding { condition.wait() }
        defer { work = nil }
        return work
    }

    private func becomeIdle() {
        condition.withLock {
            isBusy = false
            condition.broadcast()
        }
    }
}

/// How far the compute thread is with a step.
///
/// `@unchecked`: `condition` guards every variable. The worker's records are written by the compute thread up to the
/// published buckets' completion, and only by the exchanging thread after it.
final class ComputeProgress: @unchecked Sendable {
    private let condition = NSCondition()
    private var complete = 0
    private var isOver = false
    private var areRecordsFree = false
    private var isCancelled = false
    private var times: [Double] = []

    /// Says that nobody reads this worker's records any more.
    func free() {
        condition.withLock {
            areRecordsFree = true
            condition.broadcast()
        }
    }

    /// Says that the exchange is over; who still waits for it waits in vain.
    func cancel() {
        condition.withLock {
            isCancelled = true
            condition.broadcast()
        }
    }

    /// Waits until nobody reads this worker's records any more; throws where the exchange has ended before.
    func waitUntilFree() throws {
        condition.lock()
        defer { condition.unlock() }
        while !areRecordsFree {
            if isCancelled { throw CommunicationFailure("the exchange with the other workers has ended") }
            condition.wait()
        }
    }

    /// So many buckets are final in all of this worker's nodes.
    func publish(complete count: Int) {
        condition.withLock {
            while times.count < count { times.append(Timeline.now) }
            complete = count
            condition.broadcast()
        }
    }

    /// Nothing more is computed.
    func finish() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    /// The complete buckets, and whether there will be no more.
    var state: (complete: Int, isOver: Bool) { condition.withLock { (complete, isOver) } }
    /// When each bucket was complete, on `Timeline`'s clock.
    var completionTimes: [Double] { condition.withLock { times } }

    /// Sleeps until more than `count` buckets are complete or nothing more is computed, or for so many seconds.
    func wait(beyond count: Int, atMost seconds: Double? = nil) {
        condition.lock()
        defer { condition.unlock() }
        let deadline = seconds.map { Date(timeIntervalSinceNow: $0) }
        while complete <= count && !isOver {
            if let deadline {
                if !condition.wait(until: deadline) { return }
            } else {
                condition.wait()
            }
        }
    }
}
