/// What failure detection has found: the rank at fault, and what is wrong with it.
package struct Fault: Sendable, Equatable {
    package enum Cause: Sendable, Equatable {
        /// Its connection ended and it had not taken its leave.
        case lost
        /// Nothing was heard of it for so many seconds.
        case silent(Double)
        /// It is alive and has not got on with its phase for so many seconds.
        case stuck(Double)
        /// The coordinator's process is alive and has not looked for the workers' messages for so many seconds.
        case inattentive(Double)
        /// It says itself that it cannot go on.
        case failed(String)
    }

    package let rank: Int
    /// nil for a rank that was never heard of.
    package let host: String?
    package let status: RankStatus
    package let cause: Cause

    /// What is wrong and where, without what to do about the run.
    var description: String {
        let name = host.map { "rank \(rank) on \($0)" } ?? "rank \(rank)"
        let step = "at step \(status.step)"
        switch cause {
        case .lost:
            return
                "\(name) was lost \(step), \(status.phase.when): its process ended without a word (killed, or out of memory?)"
        case .silent(let seconds):
            return
                "\(name) has not answered for \(Int(seconds.rounded())) s, \(step), \(status.phase.when): stopped, or its machine or network is down"
        case .stuck(let seconds):
            let reason = status.phase == .reduction ? "a message between workers is lost" : "its machine or disk hangs"
            return "\(name) has been \(status.doing) for \(Int(seconds.rounded())) s, \(step): \(reason)"
        case .inattentive(let seconds):
            return
                "\(name) has taken no message of the workers for \(Int(seconds.rounded())) s, \(step): the disk of the run's log hangs, or its machine does"
        case .failed(let reason):
            return "\(name) failed \(step), \(status.phase.when): \(reason)"
        }
    }

    /// The whole line, less "error: ".
    ///
    /// - Parameter advice: what to do, such as "go on with --resume runs/x".
    package func line(advice: String) -> String { advice.isEmpty ? description : "\(description); \(advice)" }
}
