import Foundation
import Glibc
import Support

/// Runs each trial as an `mpirun` of `lockstep` on this machine.
public struct MPILauncher: TrialLauncher {
    /// The `lockstep` to run.
    public let executable: String
    /// The `mpirun` to run it with, a path or a name to look for in PATH.
    public let mpirun: String

    public init(executable: String, mpirun: String = "mpirun") {
        self.executable = executable
        self.mpirun = mpirun
    }

    public func launch(_ launch: TrialLaunch, stop: StopRequest, tick: () -> Void) throws -> Int32 {
        guard let mpirun = JobEnvironment.executable(mpirun) else {
            throw Failure.running("\(mpirun) is not in PATH: install Open MPI (apt-get install openmpi-bin)")
        }
        guard let log = try Self.lockedLog(launch.logFile, stop: stop) else { return Failure.Kind.stopped.rawValue }
        defer { try? log.close() }
        let process = Process()
        var command =
            [mpirun, "-q", "--oversubscribe", "--bind-to", "none", "-np", "\(launch.ranks)", executable]
            + launch.arguments
        // Should this process be killed, its trial must not run on, unwatched, into the folder that a resumed sweep
        // works on: the kernel then sends mpirun the signal to save and stop.
        if let setpriv = JobEnvironment.executable("setpriv") { command = [setpriv, "--pdeathsig", "USR1"] + command }
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = JobEnvironment.ofLaunchedJob
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        do {
            try process.run()
        } catch {
            throw Failure.running("\(command[0]): cannot be started: check its permissions")
        }
        var signalled = 0
        var sinceTick = 0
        while process.isRunning {
            if stop.count > signalled {
                signalled = stop.count
                // mpirun hands SIGUSR1 on to the ranks, which save a checkpoint; SIGTERM ends them.
                kill(process.processIdentifier, signalled == 1 ? SIGUSR1 : SIGTERM)
            }
            usleep(50_000)
            sinceTick += 1
            if sinceTick % 20 == 0 { tick() }
        }
        let status = process.terminationStatus
        return process.terminationReason == .uncaughtSignal ? 128 + status : status
    }

    /// The trial's log, opened for appending. It stays locked as long as an mpirun writes to it: one that a killed
    /// sweep left behind may still be saving its checkpoint, and is waited for. nil where a stop is requested meanwhile.
    private static func lockedLog(_ path: String, stop: StopRequest) throws -> FileHandle? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw Failure.running("\(path): cannot be written: \(Failure.systemReason(errno))")
        }
        let log = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        if log.lock(patience: 60, while: { !stop.isRequested }) { return log }
        if stop.isRequested { return nil }
        throw Failure.running("\(path): an earlier start of this trial is still running: end it and try again")
    }
}
