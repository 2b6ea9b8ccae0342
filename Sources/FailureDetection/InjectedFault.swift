import Glibc
import Support

/// A fault that a test asks for: `LOCKSTEP_FAULT="RANK:PHASE:STEP:kill|stop|hang|error"` in the environment makes that
/// rank kill or stop itself, hang as on a dead disk, or fail, when it enters the phase at that step. Steps count from 1;
/// `start` and the first look at all images, which is `data`, are at step 0.
package struct InjectedFault: Sendable, Equatable {
    package enum Kind: String, Sendable { case kill, stop, hang, error }

    package let rank: Int
    package let phase: Phase
    package let step: Int
    package let kind: Kind

    package init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let rank = Int(parts[0]), rank >= 0,
            let phase = Phase.allCases.first(where: { "\($0)" == parts[1] }), let step = Int(parts[2]), step >= 0,
            let kind = Kind(rawValue: String(parts[3]))
        else {
            throw Failure.request(
                "\(JobEnvironment.faultVariable)=\(text): must be RANK:PHASE:STEP:KIND with a phase of "
                    + "\(Phase.allCases.map { "\($0)" }.joined(separator: ", ")) and kill, stop, hang or error: unset it"
            )
        }
        guard phase != .update || kind != .error else {
            throw Failure.request(
                "\(JobEnvironment.faultVariable)=\(text): by the update the workers have agreed on the step, and none fails alone: unset it"
            )
        }
        (self.rank, self.phase, self.step, self.kind) = (rank, phase, step, kind)
    }

    /// Kills or stops this process, does not return, or throws.
    ///
    /// - Parameter name: how messages name this process.
    func strike(_ name: String) throws {
        switch kind {
        case .kill: raise(SIGKILL)
        case .stop: raise(SIGSTOP)
        case .hang: while true { sleep(1) }
        case .error: throw Failure.running("an injected error (\(name), step \(step))")
        }
    }
}
