import Dispatch
import Foundation
import Synchronization

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
    ///   - stop: where a stop is requested meanwhile, the trial is told to save a checkpoint and to end with 75.
    ///   - tick: to be called about once a second while the trial runs.
    /// - Returns: its exit status; 128 + the signal's number for one that a signal ended.
    /// - Throws: a `Failure` where it could not be started, which ends the sweep.
    func launch(_ launch: TrialLaunch, stop: StopRequest, tick: () -> Void) throws -> Int32
}

/// Whether somebody wants the sweep to stop.
public final class StopRequest: @unchecked Sendable {
    // Unchecked because of the signal sources, which nobody touches after `onSignals`.
    private let requests = Atomic<Int>(0)
    private var sources: [any DispatchSourceSignal] = []

    public init() {}

    public func request() { requests.add(1, ordering: .relaxed) }

    /// How often a stop was requested: from the second time on, trials are ended without a checkpoint.
    public var count: Int { requests.load(ordering: .relaxed) }

    public var isRequested: Bool { count > 0 }

    /// A stop that SIGINT and SIGTERM request from now on, in place of ending this process.
    public static func onSignals() -> StopRequest {
        let stop = StopRequest()
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak stop] in stop?.request() }
            source.resume()
            stop.sources.append(source)
        }
        return stop
    }
}
