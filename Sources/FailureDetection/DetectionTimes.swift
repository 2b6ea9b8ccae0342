import Support

/// The time-outs of failure detection, all in seconds, which follow from `run.fault_timeout`.
package struct DetectionTimes: Sendable, Equatable {
    /// Within this, every rank has ended after a fault; 0 = nothing is a fault.
    let timeout: Double

    package init(timeout: Double) { self.timeout = timeout }

    /// Silence that is a fault. What is left of the time-out is for the end itself: mpirun gives the ranks a second
    /// before it kills them.
    package var silence: Double { min(0.75 * timeout, max(timeout - 2.5, timeout / 2)) }

    /// From one heartbeat to the next.
    var beat: Double { timeout > 0 ? min(1, silence / 4) : 1 }

    /// Being late by more than this means that this process was stopped, or the machine slept: all have to be given time
    /// anew.
    var lateness: Double { timeout > 0 ? min(2, silence / 2) : 2 }

    /// For how long a rank's own failure may be the consequence of another one's, which is not yet known.
    var consequence: Double { min(2, silence / 2) }

    /// The clock of failure detection: it stands still while the machine sleeps.
    static var now: Double { Timeline.now }
}
