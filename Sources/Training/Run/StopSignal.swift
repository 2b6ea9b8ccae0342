import Foundation
import Synchronization

/// The signals that ask a run to save a checkpoint and end with status 75: SIGTERM, SIGINT, and the two that `mpirun`
/// forwards to its ranks, SIGUSR1 and SIGUSR2.
public enum StopSignal {
    /// Set by the handler, which may do nothing else.
    private static let raised = Atomic<Bool>(false)

    /// Takes the signals over for the rest of the process; a second SIGINT ends it at once.
    public static func install() {
        for number in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] {
            signal(number) { number in
                if StopSignal.raised.exchange(true, ordering: .relaxed), number == SIGINT { _exit(128 + number) }
            }
        }
    }

    /// Whether one has come.
    public static var isRaised: Bool { raised.load(ordering: .relaxed) }
}
