import Foundation
import TestSupport
import Testing

/// The suites that start the program; one after the other, since each wants all cores.
@Suite(.serialized) enum ProgramTests {}

/// The built `lockstep`, started as a user starts it: alone, or by `mpirun`.
enum Program {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        /// What `--json` printed.
        var json: [String: Any] {
            get throws {
                try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
            }
        }
    }

    /// A program that did not end in time.
    struct Hang: Error, CustomStringConvertible {
        let description: String
    }

    /// Beside the tests' own executable.
    static let executable: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: "lockstep").path
    }()

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - ranks: processes under `mpirun`; 0 starts the program alone, without it.
    ///   - folder: the working directory.
    static func start(_ arguments: [String], ranks: Int = 0, in folder: TemporaryFolder) throws -> RunningProgram {
        let mpirun = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "\(ranks)"]
        return try RunningProgram((ranks > 0 ? mpirun : []) + [executable] + arguments, in: folder)
    }

    /// Runs the program to its end.
    static func run(
        _ arguments: [String], ranks: Int = 0, in folder: TemporaryFolder
    ) throws -> Outcome {
        try start(arguments, ranks: ranks, in: folder).outcome()
    }
}

/// A program on its way. One that is let go of is killed with all its children.
///
/// Not Foundation's `Process`: that one takes a program for running as long as any descendant has its descriptors, and
/// waits without end for what a test started on another host.
final class RunningProgram {
    /// The process, mpirun's where it is one: `env` becomes the program that it starts.
    let identifier: pid_t
    /// Kept as long as the program writes there.
    private let folder: TemporaryFolder
    private let words: [String]
    private let output: String
    private let errors: String
    private var status: Int32?

    /// - Parameters:
    ///   - words: the command, looked for in PATH, and its arguments.
    init(_ words: [String], in folder: TemporaryFolder) throws {
        self.folder = folder
        self.words = words
        // Files, since a pipe that nobody reads would stop the program, and children may hold one open.
        let name = "output-\(UUID().uuidString)"
        output = try folder.write("", to: "\(name).out")
        errors = try folder.write("", to: "\(name).err")
        identifier = try Self.spawn(words, output: output, errors: errors, folder: folder.path)
    }

    deinit { kill() }

    private static func spawn(_ words: [String], output: String, errors: String, folder: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, path) in [(0, "/dev/null"), (1, output), (2, errors)] as [(Int32, String)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, path, descriptor == 0 ? O_RDONLY : O_WRONLY, 0)
        }
        // What other tests have open is none of its business.
        for descriptor in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap({ Int32($0) })
        where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Test threads block signals, and a child blocks what its parent does.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        func pointers(_ strings: [String]) -> [UnsafeMutablePointer<CChar>?] { strings.map { strdup($0) } + [nil] }
        let arguments = pointers(["env", "--chdir=\(folder)"] + words)
        let variables = pointers(environment.map { "\($0)=\($1)" })
        defer { for pointer in arguments + variables { free(pointer) } }
        var identifier = pid_t()
        let code = posix_spawn(&identifier, "/usr/bin/env", &actions, &attributes, arguments, variables)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
        return identifier
    }

    /// Whether it has not ended; takes its status when it has.
    var isRunning: Bool {
        if status == nil {
            var word: Int32 = 0
            switch waitpid(identifier, &word, WNOHANG) {
            case identifier: status = word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
            case -1 where errno != EINTR: status = -1
            default: break
            }
        }
        return status == nil
    }

    /// What launch/lib.sh sets.
    private static let environment: [String: String] = {
        var environment = ProcessInfo.processInfo.environment
        if geteuid() == 0 {
            environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
            environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        }
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        if status.contains("Seccomp:\t2"), environment["OMPI_MCA_btl_vader_single_copy_mechanism"] == nil {
            environment["OMPI_MCA_btl_vader_single_copy_mechanism"] = "none"
        }
        environment["OPENBLAS_NUM_THREADS"] = "1"
        environment["LOCKSTEP_TERMINAL"] = nil
        return environment
    }()

    /// The ranks' processes, in order.
    func ranks() -> [Int32] {
        Self.descendants(of: identifier).compactMap { child -> (Int, Int32)? in
            let environment = FileManager.default.contents(atPath: "/proc/\(child)/environ") ?? Data()
            let key = "OMPI_COMM_WORLD_RANK="
            let entry = environment.split(separator: 0).lazy.map { String(decoding: $0, as: UTF8.self) }
                .first { $0.hasPrefix(key) }
            return entry.flatMap { Int($0.dropFirst(key.count)) }.map { ($0, child) }
        }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private static func children(of parent: Int32) -> [Int32] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task")) ?? []
        return tasks.flatMap { task in
            let list = FileManager.default.contents(atPath: "/proc/\(parent)/task/\(task)/children") ?? Data()
            return String(decoding: list, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
        }
    }

    /// Whether a process below this one has this command line.
    func isRunning(_ command: [String]) -> Bool {
        Self.descendants(of: identifier).contains { child in
            let line = FileManager.default.contents(atPath: "/proc/\(child)/cmdline") ?? Data()
            return line == Data(command.map { $0 + "\0" }.joined().utf8)
        }
    }

    /// A process below this one, by its program's name.
    func child(named name: String) -> Int32? {
        Self.descendants(of: identifier).first { child in
            FileManager.default.contents(atPath: "/proc/\(child)/comm") == Data("\(name)\n".utf8)
        }
    }

    private static func descendants(of parent: Int32) -> [Int32] {
        children(of: parent).flatMap { [$0] + descendants(of: $0) }
    }

    func send(_ signal: Int32) { Glibc.kill(identifier, signal) }

    /// Waits for the end; a program that takes longer hangs.
    func outcome(within seconds: Double = 60) throws -> Program.Outcome {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while isRunning {
            guard Date() < deadline else {
                kill()
                throw Program.Hang(
                    description: "\(words.joined(separator: " ")) did not end in \(seconds) s; it said: \(try said())")
            }
            usleep(5_000)
        }
        return Program.Outcome(
            status: status ?? -1, output: try String(contentsOfFile: output, encoding: .utf8), errors: try said())
    }

    /// What it has said so far on standard error.
    func said() throws -> String { try String(contentsOfFile: errors, encoding: .utf8) }

    /// Waits until something is so, while the program runs.
    func wait(_ what: String, within seconds: Double = 60, until holds: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while try !holds() {
            guard Date() < deadline, isRunning else {
                throw Program.Hang(
                    description: "\(words.joined(separator: " ")): never \(what); it said: \(try said())")
            }
            usleep(5_000)
        }
    }

    /// Kills what this started, and nothing else.
    func kill() {
        guard isRunning else { return }
        for child in Self.descendants(of: identifier) { Glibc.kill(child, SIGKILL) }
        Glibc.kill(identifier, SIGKILL)
        // Until it is gone; a process in the kernel's hands for longer is left to it.
        for _ in 0..<1_000 where isRunning { usleep(5_000) }
    }
}
