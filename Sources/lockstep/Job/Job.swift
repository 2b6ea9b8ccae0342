import ArgumentParser
import Checkpoints
import Communication
import FailureDetection
import Foundation
import MPIBackend
import Support

/// A command that runs in this process's job.
protocol JobCommand: ParsableCommand {
    /// Runs; called on every rank. Throws a `Failure` on all ranks alike.
    func run(in job: Job) throws
    /// Whether the command works under `mpirun`.
    static var usesRanks: Bool { get }
}

extension JobCommand {
    static var usesRanks: Bool { false }
}

/// This process's rank in the job, and its output: rank 0 alone prints.
struct Job {
    let world: any Communicator
    let localRanks: Int
    /// Where progress goes.
    let console: Console
    /// The watch over the ranks.
    let watch: FailureDetector?

    var isSpeaker: Bool { world.rank == 0 }

    /// Joins the job of `mpirun`, or makes one of a single process.
    ///
    /// - Parameters:
    ///   - isWatched: whether a rank that is lost or stopped shall end the job.
    ///   - isStoppable: whether the command ends by itself where a stop is requested.
    static func join(isWatched: Bool, isStoppable: Bool) throws -> Job {
        guard let place = JobEnvironment.place else {
            return Job(world: SoloCommunicator(), localRanks: 1, console: Console(), watch: nil)
        }
        // mpirun cannot end its ranks once it is killed itself. Those that can save do so.
        StopSignal.watchParent { if !isStoppable { _exit(Failure.Kind.running.rawValue) } }
        let limit = StartLimit(rank: place.rank)
        defer { limit.end() }
        let world = try MPICommunicator.initialize()
        let console = Console(silent: world.rank != 0)
        let watch =
            isWatched
            ? try FailureDetector.start(
                world: world, say: { console.complain($0) }, warn: { console.logger.warning("\($0)") },
                isBeingEnded: { StopSignal.isKillDue }) : nil
        return Job(world: world, localRanks: JobEnvironment.localRanks, console: console, watch: watch)
    }

    /// Waits for the other ranks.
    func leave() {
        try? watch?.enter(.shutdown)
        // Without the mpirun that started this rank, MPI's own leave would not come to an end.
        if world is MPICommunicator { StopSignal.isOrphan ? MPICommunicator.abandon() : MPICommunicator.finalize() }
        watch?.leave()
    }

    /// Runs a command line of the program `root`; returns the exit status.
    func run(_ root: any ParsableCommand.Type, _ arguments: [String]) -> Int32 {
        let command: any JobCommand
        do {
            try checkCommand(of: root, arguments)
            var parsed = try root.parseAsRoot(arguments)
            guard let job = parsed as? any JobCommand else {
                // The parser's own: help, and the root without a command.
                try parsed.run()
                return 0
            }
            command = job
        } catch {
            return explain(error, of: root)
        }
        do {
            let type = type(of: command)
            guard world.size == 1 || type.usesRanks else {
                throw Failure.request("lockstep \(type._commandName) runs in one process: start it without mpirun")
            }
            try world.checkBuilds(BuildInformation.build)
            try command.run(in: self)
            return 0
        } catch let failure as Failure {
            if isSpeaker { Self.complain(failure.message, isStop: failure.kind == .stopped) }
            return failure.exitStatus
        } catch let status as ExitCode {
            return status.rawValue
        } catch {
            // The others may be waiting for this rank and cannot be told; or one is lost, and the watch knows better.
            watch?.giveUp(because: "\(error)")
            Self.complain(
                world.size == 1 ? "\(error)" : "\(error) (\(world.name)): look for an earlier error of another rank")
            if world is MPICommunicator, !StopSignal.isOrphan {
                MPICommunicator.abort(status: Failure.Kind.running.rawValue)
            }
            return Failure.Kind.running.rawValue
        }
    }

    /// Refuses a command that there is none of, by the name that it most likely was meant to be.
    private func checkCommand(of root: any ParsableCommand.Type, _ arguments: [String]) throws {
        let names = root.configuration.subcommands.map { $0._commandName }
        guard let word = arguments.first, !word.hasPrefix("-"), word != "help", !names.contains(word) else { return }
        let guess = nearestName(to: word, among: names).map { "did you mean '\($0)'? " } ?? ""
        throw ValidationError(
            "there is no command '\(word.shortened)': \(guess)there are \(names.joined(separator: ", "))")
    }

    /// Prints the argument parser's message: help and version, or what is wrong with the command line.
    private func explain(_ error: any Error, of root: any ParsableCommand.Type) -> Int32 {
        guard root.exitCode(for: error) != .success else {
            if isSpeaker { StandardStream.write(root.fullMessage(for: error) + "\n", to: STDOUT_FILENO) }
            return 0
        }
        if isSpeaker {
            let message = root.message(for: error).split(separator: "\n").joined(separator: " ")
            Self.complain("\(message); lockstep --help and lockstep COMMAND --help show what there is")
        }
        return Failure.Kind.request.rawValue
    }

    /// Prints an error, one line, on standard error.
    static func complain(_ message: String, isStop: Bool = false) {
        StandardStream.write("\(isStop ? "" : "error: ")\(message.printable())\n", to: STDERR_FILENO, patience: 1)
    }

    /// Prints a command's result on standard output, as text or as JSON; on rank 0 alone.
    ///
    /// A reader that has gone, as in `lockstep … | head -1`, has had what it wanted.
    ///
    /// - Parameter isSaved: whether the result is in files, so that one which cannot be printed is only a warning.
    func answer(_ text: @autoclosure () -> String, json: (any Encodable)?, isSaved: Bool = false) throws {
        guard isSpeaker else { return }
        let code = StandardStream.write(
            (try json.map(Self.encoded)?.printableJSON ?? text().printable(keepingLines: true)) + "\n",
            to: STDOUT_FILENO)
        guard code != 0, code != EPIPE else { return }
        let reason = "standard output could not be written: \(Failure.systemReason(code))"
        guard isSaved else { throw Failure.running(reason) }
        console.logger.warning("\(reason)")
    }

    private static func encoded(_ json: any Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(json), as: UTF8.self)
    }
}
