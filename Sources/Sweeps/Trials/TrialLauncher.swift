import Support

/// One start of one trial.
public struct TrialLaunch: Sendable, Equatable {
    /// Workers of the MPI job.
    public let workers: Int
    /// Whether it has a coordinator beside them, which computes little.
    public let hasCoordinator: Bool
    /// Threads of each worker; 0 for a share of the machine's cores.
    public let threads: Int
    /// What follows `lockstep`: `train` and its arguments.
    public let arguments: [String]
    /// The file that standard output and error are appended to.
    public let logFile: String

    public init(workers: Int, hasCoordinator: Bool, threads: Int, arguments: [String], logFile: String) {
        self.workers = workers
        self.hasCoordinator = hasCoordinator
        self.threads = threads
        self.arguments = arguments
        self.logFile = logFile
    }

    /// Processes of the MPI job.
    public var ranks: Int { workers + (hasCoordinator ? 1 : 0) }
}

/// Runs trials; a fake one runs them in tests.
public protocol TrialLauncher: Sendable {
    /// Runs one trial to its end; several threads call this at the same time, each with a place of its own.
    ///
    /// - Parameters:
    ///   - place: where it runs.
    ///   - stop: where a stop is requested meanwhile, the trial is told to save a checkpoint and to end with 75; from the
    ///     second time on, trials are ended without one.
    ///   - tick: to be called about once a second while the trial runs; false ends it at once.
    /// - Returns: its exit status; 128 + the signal's number for one that a signal ended.
    /// - Throws: a `Failure` where it could not be started, which ends all of them.
    func launch(_ launch: TrialLaunch, at place: TrialPlace, stop: StopRequest, tick: () -> Bool) throws -> Int32

    /// Why a place can no longer be used, a machine of it being out of reach; nil where it can.
    func fault(of place: TrialPlace) -> String?
}
