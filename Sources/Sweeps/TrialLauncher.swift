import Support

/// One start of one trial.
public struct TrialLaunch: Sendable, Equatable {
    /// Processes of the MPI job, the coordinator included.
    public let ranks: Int
    /// What follows `lockstep`: `train` and its arguments.
    public let arguments: [String]
    /// The file that standard output and error are appended to.
    public let logFile: String

    public init(ranks: Int, arguments: [String], logFile: String) {
        self.ranks = ranks
        self.arguments = arguments
        self.logFile = logFile
    }
}

/// Runs trials; a fake one runs them in tests.
public protocol TrialLauncher {
    /// Runs one trial to its end.
    ///
    /// - Parameters:
    ///   - stop: where a stop is requested meanwhile, the trial is told to save a checkpoint and to end with 75; from the
    ///     second time on, trials are ended without one.
    ///   - tick: to be called about once a second while the trial runs.
    /// - Returns: its exit status; 128 + the signal's number for one that a signal ended.
    /// - Throws: a `Failure` where it could not be started, which ends the sweep.
    func launch(_ launch: TrialLaunch, stop: StopRequest, tick: () -> Void) throws -> Int32
}
