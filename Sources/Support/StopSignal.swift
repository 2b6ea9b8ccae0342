import Foundation
import Synchronization

/// Whether somebody wants the work under way to stop. Any thread, and a signal's handler, may request it.
public final class StopRequest: Sendable {
    private let requests = Atomic<Int>(0)

    public init() {}

    /// Requests a stop; returns how often that was done before.
    @discardableResult
    public func request() -> Int { requests.add(1, ordering: .relaxed).oldValue }

    /// How often a stop was requested.
    public var count: Int { requests.load(ordering: .relaxed) }

    public var isRequested: Bool { count > 0 }
}

/// The signals that ask this process to save what it has and stop: SIGTERM, SIGINT, and the two that `mpirun` forwards to
/// its ranks, SIGUSR1 and SIGUSR2.
public enum StopSignal {
    /// What the signals request.
    public static let request = StopRequest()
    /// When the last SIGTERM came, in milliseconds of the monotonic clock; 0 = never.
    private static let terminated = Atomic<Int>(0)

    /// Takes all the signals over for the rest of the process; a second SIGINT ends it at once.
    public static func install() {
        prepare()
        for number in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] {
            signal(number) { number in
                if number == SIGTERM { StopSignal.terminated.store(StopSignal.milliseconds, ordering: .relaxed) }
                if StopSignal.request.request() > 0, number == SIGINT { _exit(128 + number) }
            }
        }
    }

    /// Takes over SIGINT and SIGTERM in a process that starts jobs, and has to end them however often it is asked to stop.
    package static func installForLauncher() {
        prepare()
        for number in [SIGTERM, SIGINT] { signal(number) { _ in StopSignal.request.request() } }
    }

    /// Makes what handlers use, in which they may do nothing else.
    private static func prepare() { _ = (request.count, terminated.load(ordering: .relaxed)) }

    private static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// Whether a SIGTERM came some seconds ago, and processes may be killed now that have not ended on it. Not at once: a
    /// SIGTERM also follows when `mpirun` notices that a rank was killed, and then that rank is what matters.
    public static var isKillDue: Bool {
        let time = terminated.load(ordering: .relaxed)
        return time > 0 && (300...5000).contains(milliseconds - time)
    }

    /// Whether one has come.
    public static var isRaised: Bool { request.isRequested }
}
