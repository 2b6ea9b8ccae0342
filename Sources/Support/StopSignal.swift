import Foundation
import Synchronization

/// The signals that ask a run to save a checkpoint and end with status 75: SIGTERM, SIGINT, and the two that `mpirun`
/// forwards to its ranks, SIGUSR1 and SIGUSR2.
public enum StopSignal {
    /// Set by the handler, which may do nothing else.
    private static let raised = Atomic<Bool>(false)
    /// When the last SIGTERM came, in milliseconds of the monotonic clock; 0 = never.
    private static let terminated = Atomic<Int>(0)

    /// Takes the signals over for the rest of the process; a second SIGINT ends it at once.
    public static func install() {
        for number in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] {
            signal(number) { number in
                if number == SIGTERM { StopSignal.terminated.store(StopSignal.milliseconds, ordering: .relaxed) }
                if StopSignal.raised.exchange(true, ordering: .relaxed), number == SIGINT { _exit(128 + number) }
            }
        }
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
    public static var isRaised: Bool { raised.load(ordering: .relaxed) }
}
