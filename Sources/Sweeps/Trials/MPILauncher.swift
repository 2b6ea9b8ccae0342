import Foundation
import Glibc
import Support
import Synchronization

/// Runs each trial as an `mpirun` of `lockstep`, on this machine or from it on others.
public struct MPILauncher: TrialLauncher {
    /// The `lockstep` to run.
    public let executable: String
    /// The `mpirun` to run it with, a path or a name to look for in PATH.
    public let mpirun: String

    public init(executable: String, mpirun: String = "mpirun") {
        self.executable = executable
        self.mpirun = mpirun
    }

    /// Foundation makes descriptors for a process that another, started at the same moment, must not inherit.
    private static let starting = Mutex(())

    public func launch(
        _ launch: TrialLaunch, at place: TrialPlace, stop: StopRequest, tick: () -> Bool
    ) throws -> Int32 {
        guard let mpirun = JobEnvironment.executable(mpirun) else {
            throw Failure.running("\(mpirun) is not in PATH: install Open MPI (apt-get install openmpi-bin)")
        }
        guard let log = try Self.lockedLog(launch.logFile, stop: stop, tick: tick) else {
            return Failure.Kind.stopped.rawValue
        }
        defer { try? log.close() }
        let ranks = try RankFile(launch, at: place)
        defer { ranks?.remove() }
        let process = Process()
        var command =
            [mpirun, "-q"] + Self.options(launch, at: place, ranks) + ["-np", "\(launch.ranks)", executable]
            + launch.arguments
        if case .here(let processors) = place, !processors.isEmpty,
            let taskset = JobEnvironment.executable("taskset")
        {
            command = [taskset, "-c", processors.map(String.init).joined(separator: ",")] + command
        }
        // Should this process be killed, its trial must not run on, unwatched, into the folder that a resumed sweep
        // works on: the kernel then sends mpirun the signal to save and stop. It does so too when the thread ends that
        // started it, which is this one and waits.
        if let setpriv = JobEnvironment.executable("setpriv") { command = [setpriv, "--pdeathsig", "USR1"] + command }
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = place.name == nil ? JobEnvironment.ofLaunchedJob : JobEnvironment.ofJobOnHosts
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        do {
            try Self.starting.withLock { _ in try process.run() }
        } catch {
            throw Failure.running("\(command[0]): cannot be started: check its permissions")
        }
        var signalled = 0
        var isWanted = true
        var sinceTick = 0
        while process.isRunning {
            if stop.count > max(signalled, 1) {
                kill(process.processIdentifier, SIGTERM)
            } else if stop.count == 1, sinceTick % 10 == 0, Self.isListening(process.processIdentifier) {
                // mpirun hands SIGUSR1 on to the ranks, which save a checkpoint: those that are there, so it is asked again.
                kill(process.processIdentifier, SIGUSR1)
            }
            signalled = stop.count
            usleep(50_000)
            sinceTick += 1
            if sinceTick % 20 == 0, isWanted, !tick() {
                isWanted = false
                kill(process.processIdentifier, SIGTERM)
            }
        }
        let status = process.terminationStatus
        return process.terminationReason == .uncaughtSignal ? 128 + status : status
    }

    /// Whether a process has a handler for SIGUSR1, which ends it otherwise.
    private static func isListening(_ process: Int32) -> Bool {
        let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
        let caught = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
        return (caught.flatMap { Int($0.suffix(3), radix: 16) } ?? 0) & (1 << (SIGUSR1 - 1)) != 0
    }

    public func fault(of place: TrialPlace) -> String? {
        guard case .hosts(let slots) = place else { return nil }
        return slots.lazy.map(\.host.name).filter { !Self.isHere($0) }.compactMap { host -> String? in
            let shell = JobEnvironment.remoteShell.split(separator: " ").map(String.init)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["timeout", "20"] + shell + [host, "true"]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            guard (try? Self.starting.withLock { _ in try process.run() }) != nil else { return nil }
            process.waitUntilExit()
            return process.terminationStatus == 0 ? nil : "\(host) cannot be reached"
        }.first
    }

    private static func isHere(_ host: String) -> Bool {
        let here = ProcessInfo.processInfo.hostName
        return host == "localhost" || host == here || host == here.split(separator: ".").first.map(String.init)
    }

    /// The options of `mpirun` that say where its ranks go.
    private static func options(_ launch: TrialLaunch, at place: TrialPlace, _ ranks: RankFile?) -> [String] {
        guard case .hosts(let slots) = place else { return ["--oversubscribe", "--bind-to", "none"] }
        let counts = slots.enumerated().map { index, slots in
            "\(slots.host.name):\(slots.numbers.count + (index == 0 && launch.hasCoordinator ? 1 : 0))"
        }
        let binding = ranks.map { ["--rankfile", $0.path] } ?? ["--oversubscribe", "--bind-to", "none"]
        return ["--host", counts.joined(separator: ",")] + binding
            + ["--mca", "plm_rsh_agent", JobEnvironment.remoteShell]
            + JobEnvironment.handedOn.flatMap { ["-x", $0] }
    }

    /// The trial's log, opened for appending. It stays locked as long as an mpirun writes to it: one that a killed
    /// sweep left behind may still be saving its checkpoint, and is waited for. nil where a stop is requested meanwhile.
    private static func lockedLog(_ path: String, stop: StopRequest, tick: () -> Bool) throws -> FileHandle? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw Failure.running("\(path): cannot be written: \(Failure.writingReason(errno))")
        }
        let log = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        if log.lock(patience: 60, while: { tick() && !stop.isRequested }) { return log }
        if stop.isRequested { return nil }
        throw Failure.running("\(path): an earlier start of this trial is still running: end it and try again")
    }
}

/// Which rank goes to which cores of which host, for `mpirun --rankfile`: a worker is bound to as many cores as it has
/// threads, and the coordinator, which sleeps, to none.
private struct RankFile {
    let path: String

    /// nil where there is nothing to bind: on this machine, and where the hosts' cores are not known or too few.
    init?(_ launch: TrialLaunch, at place: TrialPlace) throws {
        guard case .hosts(let slots) = place, slots.allSatisfy({ $0.host.cores > 0 }) else { return nil }
        var lines: [String] = []
        func add(_ host: HostFile.Host, _ cores: Range<Int>) {
            lines.append("rank \(lines.count)=\(host.name) slot=\(cores.lowerBound)-\(cores.upperBound - 1)\n")
        }
        if launch.hasCoordinator { add(slots[0].host, 0..<slots[0].host.cores) }
        for slots in slots {
            let fits = launch.threads > 0 && slots.host.slots * launch.threads <= slots.host.cores
            for number in slots.numbers {
                add(
                    slots.host,
                    fits ? number * launch.threads..<(number + 1) * launch.threads : 0..<slots.host.cores)
            }
        }
        path = NSTemporaryDirectory() + "lockstep-ranks-\(UUID().uuidString)"
        try AtomicFile.write(lines.joined(), to: path)
    }

    func remove() { unlink(path) }
}
