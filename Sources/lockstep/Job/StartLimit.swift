import Foundation
import Support
import Synchronization

/// Ends a rank that waits too long for the others to start: until the ranks are connected nobody can watch them, and MPI
/// waits for ever for one that was stopped, or whose machine hangs.
final class StartLimit: Sendable {
    private let isOver = Atomic<Bool>(false)

    /// Seconds by which a rank is more patient than the one before it: one speaks for all, and its end ends the others.
    private static let stagger = 5.0

    /// - Parameter seconds: 0 = without a limit.
    init(rank: Int, seconds: Double = JobEnvironment.startTimeout) {
        guard seconds > 0 else { return }
        let patience = seconds + Self.stagger * Double(rank)
        let thread = Thread { [self] in
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            // A rank that was stopped itself has not waited meanwhile.
            var waited = 0.0
            while !isOver.load(ordering: .relaxed) {
                // Where the job is being ended, somebody has said why.
                guard waited < patience || StopSignal.isRaised else {
                    Job.complain(
                        "rank \(rank) on \(ProcessInfo.processInfo.hostName) has waited \(Int(seconds)) s for the other ranks to "
                            + "start: one is stopped, or its machine hangs or is cut off: look for it and start again")
                    _exit(Failure.Kind.running.rawValue)
                }
                usleep(100_000)
                waited += 0.1
            }
        }
        thread.name = "start"
        thread.stackSize = 256 << 10
        thread.start()
    }

    /// All ranks are there.
    func end() { isOver.store(true, ordering: .relaxed) }
}
