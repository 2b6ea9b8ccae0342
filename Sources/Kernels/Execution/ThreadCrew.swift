internal import CTarget
import Dispatch
import Foundation
import Synchronization

/// Threads that live as long as their team and wait for its sections of work: spinning at first, since the next section
/// mostly comes within microseconds, then asleep.
///
/// A section is a number of parts. Each lane has a run of neighbouring parts of its own, and takes others' when it is through.
/// Whoever is awake takes part; who wakes too late finds the gate closed, and nobody waited for it.
///
/// `@unchecked`: `body` and `parts` are written while the gate is closed and all who entered have left, and read by who
/// has entered.
final class ThreadCrew: @unchecked Sendable {
    private let threads: Int
    /// Whether there is a core for each thread: else whoever waits leaves the core to the others.
    private let spins: Bool
    /// The number of the section, above a bit that says whether it may be entered, above the number of those who have.
    private let gate = Atomic<UInt64>(0)
    private static let isOpen: UInt64 = 1 << 16
    private static let entrants: UInt64 = isOpen - 1
    /// How many have left.
    private let left = Atomic<Int>(0)
    private let isEnding = Atomic<Bool>(false)
    /// One for each lane.
    private let lanes: [Lane]
    private var parts = 0
    private var body: ((Int, Int) -> Void)?

    init(threads: Int) {
        self.threads = threads
        spins = threads <= Processors.available
        lanes = (0..<threads).map { _ in Lane() }
        for lane in 1..<threads {
            let thread = Thread { [self] in wait(lane) }
            thread.name = "team \(lane)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Lets the threads go.
    func end() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        wake()
    }

    /// Does all parts of a section, with the calling thread as lane 0.
    func run(_ parts: Int, _ body: (Int, Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let gate = gate.load(ordering: .relaxed)
            precondition(gate & Self.isOpen == 0, "two sections of one team at once")
            self.parts = parts
            self.body = body
            for lane in 0..<threads { lanes[lane].next.store(parts * lane / threads, ordering: .relaxed) }
            left.store(0, ordering: .relaxed)
            self.gate.store(((gate >> 17) + 1) << 17 | Self.isOpen, ordering: .sequentiallyConsistent)
            wake()
            work(0)
            let entered = Int(
                self.gate.bitwiseAnd(~Self.isOpen, ordering: .acquiringAndReleasing).oldValue & Self.entrants)
            var spin = Spin(spins)
            while left.load(ordering: .acquiring) < entered { if !spin.next() { sched_yield() } }
            self.body = nil
        }
    }

    /// Does parts until there are none.
    private func work(_ lane: Int) {
        guard let body else { preconditionFailure("a section without work") }
        for turn in 0..<threads {
            let owner = lane + turn < threads ? lane + turn : lane + turn - threads
            let end = parts * (owner + 1) / threads
            while true {
                let part = lanes[owner].next.add(1, ordering: .relaxed).oldValue
                guard part < end else { break }
                body(lane, part)
            }
        }
    }

    /// A thread's life: one section after another.
    private func wait(_ lane: Int) {
        var last: UInt64 = 0
        var spin = Spin(spins)
        while !isEnding.load(ordering: .acquiring) {
            let gate = gate.load(ordering: .acquiring)
            guard gate & Self.isOpen != 0, gate >> 17 != last else {
                if !spin.next() {
                    sleep(lane, since: gate)
                    spin = Spin(spins)
                }
                continue
            }
            guard
                self.gate.weakCompareExchange(expected: gate, desired: gate + 1, ordering: .acquiringAndReleasing)
                    .exchanged
            else { continue }
            last = gate >> 17
            work(lane)
            left.add(1, ordering: .releasing)
            spin = Spin(spins)
        }
    }

    /// Sleeps until the next section begins, if none has begun since.
    private func sleep(_ lane: Int, since gate: UInt64) {
        lanes[lane].isAsleep.store(true, ordering: .sequentiallyConsistent)
        let now = self.gate.load(ordering: .sequentiallyConsistent)
        let isNew = now >> 17 != gate >> 17 || isEnding.load(ordering: .sequentiallyConsistent)
        // Who has been woken in between takes the signal all the same.
        if isNew, lanes[lane].isAsleep.exchange(false, ordering: .sequentiallyConsistent) { return }
        lanes[lane].signal.wait()
    }

    private func wake() {
        for lane in 1..<threads where lanes[lane].isAsleep.load(ordering: .sequentiallyConsistent) {
            if lanes[lane].isAsleep.exchange(false, ordering: .sequentiallyConsistent) { lanes[lane].signal.signal() }
        }
    }

    /// What belongs to one thread.
    private final class Lane: Sendable {
        /// The next of its parts.
        let next = Atomic<Int>(0)
        let isAsleep = Atomic<Bool>(false)
        let signal = DispatchSemaphore(value: 0)
    }

    /// Waiting in a loop for some tens of microseconds.
    private struct Spin {
        private static let nanoseconds: UInt64 = 50_000
        private var rounds = 0
        private var end: UInt64 = 0

        init(_ spins: Bool) { if !spins { rounds = Int.max } }

        /// Waits a moment; false once that has been long enough.
        mutating func next() -> Bool {
            guard rounds < Int.max else { return false }
            lockstep_pause()
            rounds += 1
            guard rounds % 32 == 0 else { return true }
            let now = DispatchTime.now().uptimeNanoseconds
            if end == 0 { end = now + Self.nanoseconds }
            if now > end { rounds = Int.max }
            return true
        }
    }
}
