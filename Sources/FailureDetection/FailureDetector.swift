import Communication
import Foundation
import Glibc
import Support

/// Watches over the ranks of a job, so that one that is lost, stopped or stuck ends the job with one line instead of
/// leaving the others to wait for it.
///
/// It talks past MPI: MPI is called from one thread a rank, and that thread may be the one that hangs. Each rank has a
/// TCP connection to rank 0, and a thread that sleeps but for about one waking a second. Rank 0 sends heartbeats, which
/// the others answer with what they do. The kernel ends the connection of a process that is killed; one that is stopped, or
/// whose machine or network is down, falls silent. Rank 0 says what is wrong, tells the others, and all end with status
/// 1. If rank 0 is at fault itself, another rank speaks.
package final class FailureDetector: Sendable {
    private let shared: DetectorState
    private let name: String
    /// Rank 0's; the other ranks' while they are connected.
    private let connection: HeartbeatConnection?
    private let hasThread: Bool
    private let injected: Result<InjectedFault?, Failure>

    private init(
        shared: DetectorState, name: String, connection: HeartbeatConnection?, hasThread: Bool,
        injected: Result<InjectedFault?, Failure>
    ) {
        self.shared = shared
        self.name = name
        self.connection = connection
        self.hasThread = hasThread
        self.injected = injected
    }

    /// Begins to watch; called by all ranks. nil, on all ranks, where there is nothing to watch or no way to.
    ///
    /// - Parameters:
    ///   - host: how messages name this machine.
    ///   - say: says what is wrong, in one line without "error: "; called at most once, by the detector's thread.
    ///   - warn: says, on rank 0, that ranks cannot be watched.
    ///   - isBeingEnded: whether somebody is ending the whole job, so that a rank that goes is nothing to speak of.
    ///   - end: ends this process at once; called by the detector's thread.
    package static func start(
        world: any Communicator, host: String = ProcessInfo.processInfo.hostName,
        say: @escaping @Sendable (String) -> Void, warn: (String) -> Void,
        isBeingEnded: @escaping @Sendable () -> Bool = { false },
        end: @escaping @Sendable () -> Void = { _exit(Failure.Kind.running.rawValue) }
    ) throws -> FailureDetector? {
        guard world.size > 1 else { return nil }
        let shared = DetectorState()
        let actions = FailureActions(say: say, isBeingEnded: isBeingEnded, end: end)
        let places = try world.gatherFromAll(JSONEncoder().encode(NetworkPlace.ofThisProcess))
        var message = Data()
        if world.rank == 0,
            let listener = RendezvousListener(host: host, ranks: world.size, interfaces: interfaces(toReach: places))
        {
            message = try JSONEncoder().encode(listener.invitation)
            let size = world.size
            startThread(shared) {
                HeartbeatServer(shared: shared, actions: actions, listener: listener, ranks: size).run()
            }
        }
        message = try world.broadcast(message, root: 0)
        guard !message.isEmpty else {
            if world.rank == 0 {
                warn("no rank can be watched: no port to listen on; a rank that stops will not be noticed")
            }
            return nil
        }
        let invitation = try JSONDecoder().decode(RendezvousInvitation.self, from: message)
        var connection: HeartbeatConnection?
        if world.rank > 0 {
            connection = invitation.connect(rank: world.rank, host: host)
            if let connection {
                shared.tell(connection)
                let rank = world.rank
                startThread(shared) {
                    HeartbeatClient(
                        shared: shared, actions: actions, rank: rank, host: invitation.host, connection: connection
                    ).run()
                }
            }
        }
        let isReached = world.rank == 0 || connection != nil
        let hosts = try world.gatherFromAll(Data((isReached ? "" : host).utf8))
        let unreached = hosts.indices.filter { !hosts[$0].isEmpty }
        if world.rank == 0, !unreached.isEmpty {
            shared.dismiss(unreached)
            let names = unreached.prefix(3).map { "rank \($0) on \(String(decoding: hosts[$0], as: UTF8.self))" }
            let more = unreached.count > 3 ? " and \(unreached.count - 3) more" : ""
            warn(
                "\(names.joined(separator: ", "))\(more) cannot connect to rank 0 on \(host) by TCP and "
                    + "\(unreached.count == 1 ? "is" : "are") not watched: a firewall may be in the way")
        }
        return FailureDetector(
            shared: shared, name: world.name, connection: connection, hasThread: isReached,
            injected: injectedFault(rank: world.rank))
    }

    /// The interfaces on which rank 0 listens: those that Open MPI uses between the hosts, as far as is known here.
    private static func interfaces(toReach places: [Data]) -> [NetworkInterface] {
        NetworkPlace.ofThisProcess.interfaces(
            toReach: places.compactMap { try? JSONDecoder().decode(NetworkPlace.self, from: $0) },
            included: JobEnvironment.includedInterfaces, excluded: JobEnvironment.excludedInterfaces,
            route: NetworkPlace.route)
    }

    /// What a test asks of this rank.
    private static func injectedFault(rank: Int) -> Result<InjectedFault?, Failure> {
        guard let text = JobEnvironment.injectedFault else { return .success(nil) }
        do {
            let fault = try InjectedFault(text)
            return .success(fault.rank == rank ? fault : nil)
        } catch {
            return .failure(Failure(wrapping: error))
        }
    }

    private static func startThread(_ shared: DetectorState, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            // The program's threads are there for its signals.
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            body()
            shared.end()
        }
        thread.name = "watch"
        thread.start()
    }

    /// Sets the seconds within which all ranks have ended after a fault; 0 = nothing is a fault.
    package func setTimeout(_ seconds: Double) {
        shared.times = DetectionTimes(timeout: seconds)
        shared.wakeup.wake()
    }

    /// Sets, on rank 0, the end of the line that says what is wrong: what the user can do about the run.
    package func advise(_ advice: String) { shared.advice = advice }

    /// Says what this rank does from now on. Any thread may say so, at every change: it costs some microseconds.
    ///
    /// - Parameters:
    ///   - step: the step that is under way, counted from 1; nil for the same as before.
    ///   - item: what the phase is about, a file's name say.
    /// - Throws: only where a test asks for it, see `InjectedFault`.
    package func enter(_ phase: Phase, step: Int? = nil, item: String = "") throws {
        guard let fault = try injected.get() else {
            return shared.enter(phase, step: step, item: item, isLast: false)
        }
        let isMeant = fault.phase == phase && fault.step == step ?? shared.status.step
        shared.enter(phase, step: step, item: item, isLast: isMeant && fault.kind != .error)
        if isMeant { try fault.strike(name) }
    }

    /// Says that this rank gets on with its phase: a unit of it is done, an image or a tile of one. Any thread may say so.
    package func advance() { shared.advance() }

    /// Says that the coordinator's thread takes the workers' messages. From the first call to `endAttendance` it is at
    /// fault where it stays away, in a write to a disk that hangs say, whatever its other threads do.
    package func attend() { shared.mailboxTime = DetectionTimes.now }

    /// Says that there are no messages to come.
    package func endAttendance() { shared.mailboxTime = 0 }

    /// Says that this rank cannot go on, maybe since another one is lost, which the detector may find out in a moment.
    /// Ends the process with the right line; returns where the detector does not, for the caller to say the reason.
    package func giveUp(because reason: String) {
        let times = shared.times
        guard hasThread, times.timeout > 0 else { return }
        shared.failure = reason
        connection?.send(.failing(reason))
        shared.waitForEnd(seconds: times.consequence + 2 * times.beat + 1)
    }

    /// Takes leave, once MPI is left: from here on it is no fault that this rank is gone. Rank 0 waits for the others.
    package func leave() {
        guard hasThread else { return }
        shared.isLeaving = true
        connection?.send(.goodbye)
        connection?.finishSending()
        let times = shared.times
        shared.waitForEnd(seconds: times.timeout > 0 ? times.timeout : 2)
    }
}
