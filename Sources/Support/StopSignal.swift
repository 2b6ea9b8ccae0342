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

/// The signals that ask this process to save what it has and stop: SIGTERM, SIGINT and SIGQUIT, SIGHUP of a terminal that is
/// closed, SIGXCPU of a limit on processor time, and SIGUSR1 and SIGUSR2, which `mpirun` forwards to its ranks and
/// schedulers send before a job's time is over.
public enum StopSignal {
    /// What the signals request.
    public static let request = StopRequest()
    /// When the last SIGTERM came, in milliseconds of the monotonic clock; 0 = never.
    private static let terminated = Atomic<Int>(0)
    /// How many SIGINTs have come.
    private static let interrupts = Atomic<Int>(0)

    private static let all = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGXCPU, SIGUSR1, SIGUSR2]

    /// Takes all the signals over for the rest of the process; a second SIGINT ends it at once. A SIGHUP that is ignored
    /// already stays so: that is what `nohup` is for.
    public static func install() {
        prepare()
        for number in all where number != SIGHUP || !isIgnored(number) {
            signal(number) { number in
                if number == SIGTERM { StopSignal.terminated.store(StopSignal.milliseconds, ordering: .relaxed) }
                StopSignal.request.request()
                if number == SIGINT, StopSignal.interrupts.add(1, ordering: .relaxed).oldValue > 0 {
                    _exit(128 + number)
                }
            }
        }
    }

    /// Takes over the signals in a process that starts jobs, and has to end them however often it is asked to stop.
    package static func installForLauncher() {
        prepare()
        for number in all where number != SIGHUP || !isIgnored(number) {
            signal(number) { number in
                // Terminals and schedulers repeat themselves: only these two are meant when they come again.
                if number == SIGINT || number == SIGTERM || !StopSignal.request.isRequested {
                    StopSignal.request.request()
                }
            }
        }
    }

    /// Requests a stop once the process that started this one is gone, a killed `mpirun` say: nobody else would, and
    /// this one would run on unseen.
    ///
    /// - Parameter then: called by a thread of its own when that has happened.
    package static func watchParent(then: @escaping @Sendable () -> Void = {}) {
        let parent = getppid()
        let thread = Thread {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            while getppid() == parent { usleep(500_000) }
            orphaned.store(true, ordering: .relaxed)
            request.request()
            then()
        }
        thread.name = "parent"
        thread.stackSize = 256 << 10
        thread.start()
    }

    private static let orphaned = Atomic<Bool>(false)

    /// Whether the process that started this one is known to be gone.
    package static var isOrphan: Bool { orphaned.load(ordering: .relaxed) }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // SIG_IGN is the address 1, and SIG_DFL 0.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    /// Makes what handlers use, in which they may do nothing else.
    private static func prepare() {
        _ = (request.count, terminated.load(ordering: .relaxed), interrupts.load(ordering: .relaxed))
    }

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
