import Foundation
import TestSupport
import Testing

/// What the scripts in `launch` answer before they build anything.
@Suite struct LaunchTests {
    /// Runs a script from another folder; its exit status, standard output and standard error.
    static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let words = [root.appending(path: script).path] + arguments
        let outcome = try RunningProgram(words, in: TemporaryFolder()).outcome()
        return (outcome.status, outcome.output, outcome.errors)
    }

    @Test(arguments: ["0", "-1", "two", "", "1.5", "1000000"]) func refusesNumbersOfWorkers(value: String) throws {
        for arguments in [["--workers", value], ["--workers=\(value)"]] {
            let (status, output, errors) = try Self.run("launch/train", ["some.yaml"] + arguments)
            #expect(status == 2)
            #expect(output.isEmpty)
            #expect(errors == "error: --workers \(value): give a whole number from 1 to 999\n")
        }
    }

    @Test("installs a program that is built, twice, with completions, and takes it away again")
    func installs() throws {
        let folder = try TemporaryFolder()
        let prefix = folder.path("own")
        for _ in 1...2 {
            let (status, output, errors) = try Self.run(
                "launch/install", ["--prefix", prefix, "--program", Program.executable])
            #expect(status == 0 && output.contains("installed as \(prefix)/bin/lockstep"), "\(errors)")
        }
        let files = Set(try folder.files().keys)
        for name in [
            "lib/lockstep/bin/lockstep", "lib/lockstep/launch/train", "lib/lockstep/configs/sample.yaml",
            "share/bash-completion/completions/lockstep", "share/zsh/site-functions/_lockstep",
            "share/fish/vendor_completions.d/lockstep.fish",
        ] {
            #expect(files.contains("own/\(name)"))
        }
        #expect(!files.contains { $0.hasPrefix("own/lib/.lockstep") })
        let program = try RunningProgram(["\(prefix)/bin/lockstep", "--version"], in: folder).outcome()
        #expect(program.status == 0 && program.output.hasPrefix("lockstep "))
        #expect(try Self.run("launch/install", ["--prefix", prefix, "--remove"]).status == 0)
        #expect(try !folder.files().keys.contains { $0.hasPrefix("own/") })
        #expect(try Self.run("launch/install", ["--prefix", prefix, "--remove"]).status == 2)
    }

    @Test("what somebody else put there is not replaced")
    func installsOverNothing() throws {
        let folder = try TemporaryFolder()
        try folder.write("another", to: "bin/lockstep")
        let (status, _, errors) = try Self.run(
            "launch/install", ["--prefix", folder.path, "--program", Program.executable])
        #expect(status == 2 && errors.hasPrefix("error: \(folder.path)/bin/lockstep is there"), "\(errors)")
        #expect(try folder.files().count == 1)
    }

    @Test func refusesWorkersWithoutANumber() throws {
        let (status, _, errors) = try Self.run("launch/train", ["--workers"])
        #expect(status == 2)
        #expect(errors.hasPrefix("error: ") && errors.filter { $0 == "\n" }.count == 1)
    }

    @Test(arguments: [
        "launch/train", "launch/cluster", "launch/supervise", "launch/test", "launch/setup", "launch/bench",
        "launch/install",
        "launch/package",
    ]) func explains(script: String)
        throws
    {
        let (status, output, errors) = try Self.run(script, ["--help"])
        #expect(status == 0)
        #expect(output.hasPrefix("usage: \(script)"))
        #expect(errors.isEmpty)
    }

    @Test(
        "a wrong line of a hostfile is named",
        arguments: [
            ("node1 slot=2", "line 1: slot=2"), ("# none\n", "names no host"), ("a\n\nb slots=0", "line 3: slots=0"),
            ("a slots=1\na slots=2", "line 2: a is there twice"),
            ("-oProxyCommand=x", "line 1: -oProxyCommand=x is no host"),
        ]) func refusesHosts(text: String, says: String) throws
    {
        let folder = try TemporaryFolder()
        let hosts = try folder.write(text, to: "hosts")
        for script in ["launch/cluster", "launch/supervise"] {
            let (status, _, errors) = try Self.run(script, ["--hosts", hosts, "some.yaml"])
            #expect(status == 2)
            #expect(errors.hasPrefix("error: \(hosts)") && errors.contains(says), "\(errors)")
            #expect(errors.filter { $0 == "\n" }.count == 1, "\(errors)")
        }
    }

    @Test("a .build that was made elsewhere is made anew, with a line; what was downloaded stays")
    func movedClones() throws {
        let library = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/lib.sh")
        /// Builds, without a compiler, in a clone that was compiled at a place; what is said, and what is left of .build.
        func build(_ place: (TemporaryFolder) -> String?, as kind: String = "release") throws -> (String, [String]) {
            let folder = try TemporaryFolder()
            try folder.write(Data(contentsOf: library), to: "launch/lib.sh")
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "-link", withDestinationPath: folder.path)
            defer { unlink(folder.path + "-link") }
            for name in ["checkouts/Yams/a", "repositories/b", "workspace-state.json", "x86/release/a.o", "build.db"] {
                try folder.write("x", to: ".build/\(name)")
            }
            if let place = place(folder) {
                try folder.write(
                    "\(place)/.build/x86/\(kind)/A.build/a.o : \(place)/.build/checkouts/a.swift /usr/x/.build/y\n",
                    to: ".build/x86/\(kind)/A.build/a.d")
            }
            let script = "set -euo pipefail; source launch/lib.sh; swift() { echo built; }; build --product lockstep"
            let outcome = try RunningProgram(["bash", "-c", script], in: folder).outcome(within: 20)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return (outcome.errors, try FileManager.default.contentsOfDirectory(atPath: folder.path(".build")).sorted())
        }
        let all = ["build.db", "checkouts", "repositories", "workspace-state.json", "x86"]
        for own in [{ $0.path }, { $0.path + "-link" }] as [(TemporaryFolder) -> String?] {
            let (said, left) = try build(own)
            #expect(said.isEmpty && left == all, "\(said) \(left)")
        }
        #expect(try build { _ in nil }.0.isEmpty)
        for other in ["/home/me/elsewhere", "/home/my\\ own/clone", "/tmp"] {
            let (said, left) = try build { _ in other }
            #expect(said == "this clone was moved or copied: building it anew\n")
            #expect(left == ["checkouts", "repositories", "workspace-state.json"], "\(left)")
        }
        #expect(try build({ _ in "/home/me/elsewhere" }, as: "debug").0.contains("moved or copied"))
    }

    @Test("a build shows the compiler's words, and says nothing where there is nothing to build")
    func buildProgress() throws {
        let folder = try TemporaryFolder()
        let library = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/lib.sh").path
        func said(_ lines: [String]) throws -> String {
            let words = lines.map { "echo '\($0)'" }.joined(separator: "; ")
            let script =
                "set -euo pipefail; source \(library); root=$PWD; swift() { \(words); sleep 2; }; build --product lockstep"
            let outcome = try RunningProgram(["bash", "-c", script], in: folder).outcome(within: 20)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.errors
        }
        let idle = ["Building for production...", "[0/1] Planning build", "[1/1] Compiling plugin SourceRevision"]
        #expect(try said(idle).isEmpty)
        let text = try said(idle + ["[7/45] Compiling Kernels GroupNormalization.swift"])
        #expect(text.hasPrefix("building with swift build") && text.contains("[7/45] Compiling Kernels"), "\(text)")
    }

    @Test func aClusterNeedsHosts() throws {
        for arguments in [[], ["--hosts", "/nowhere"], ["--hosts"]] {
            let (status, _, errors) = try Self.run("launch/cluster", arguments)
            #expect(status == 2)
            #expect(errors.hasPrefix("error: ") && errors.filter { $0 == "\n" }.count == 1, "\(errors)")
        }
    }

    /// What stands between mpirun and the user, fed piece by piece: what it passed on after each piece, and its verdict.
    private func relay(_ pieces: [String]) throws -> (shown: [String], verdict: String) {
        let folder = try TemporaryFolder()
        let verdict = folder.path("verdict")
        let process = Process()
        process.executableURL = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/relay")
        process.arguments = [verdict]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = output
        try process.run()
        var shown: [String] = []
        for piece in pieces {
            try input.fileHandleForWriting.write(contentsOf: Data(piece.utf8))
            // Long enough for what is passed on at once; what is kept back does not come in any time.
            var ready = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            shown.append(
                poll(&ready, 1, 300) > 0
                    ? String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) : "")
        }
        // The pipe stays open, as a remote shell that hangs would keep it.
        try input.fileHandleForWriting.write(contentsOf: Data("\0end\0".utf8))
        process.waitUntilExit()
        shown.append(String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self))
        return (shown, try String(contentsOfFile: verdict, encoding: .utf8))
    }

    @Test func theRelayPassesProgressOnAtOnceAndKeepsMpirunsWordsBack() throws {
        let row = String(repeating: "-", count: 74) + "\n"
        let (shown, verdict) = try relay([
            "\r\u{1B}[Kstep 1", "\r\u{1B}[Kstep 2" + row.prefix(20),
            String(row.dropFirst(20)) + "Primary job  terminated",
            " normally, but\n" + row + row
                + "mpirun noticed that process rank 2 with PID 5 on node n7 exited on signal 9 (Killed).\n" + row,
            "a -- b\n", "[n7:12] 2 more processes have sent help message x\n", "[not his] last",
        ])
        #expect(
            shown == ["\r\u{1B}[Kstep 1", "\r\u{1B}[Kstep 2", "", "", "a -- b\n", "", "", "[not his] last"], "\(shown)")
        #expect(verdict == "error=\nopen=1\nlost=\ncause=rank 2 on n7 was killed (signal 9)\nstopped=0\nspoken=1\n")
    }

    @Test func theRelayKnowsLostHostsAndErrors() throws {
        let row = String(repeating: "-", count: 74) + "\n"
        let (shown, verdict) = try relay([
            "step 9\nerr", "or: it br", "oke: now\n",
            row + "ORTE has lost communication with a remote daemon.\n\n  HNP daemon   : [[1,0],0] on node a\n"
                + "  Remote daemon: [[1,0],1] on node b\n\nThis is usually\n" + row,
        ])
        #expect(shown.joined() == "step 9\nerror: it broke: now\n")
        #expect(verdict == "error=it broke: now\nopen=0\nlost=b\ncause=b no longer answers\nstopped=0\nspoken=1\n")
    }

    @Test func theRelayKnowsThatTheRanksHaveSaved() throws {
        let (_, verdict) = try relay([
            "\0job 12\0", "step 9\nstopped on a sig", "nal, and a checkpoint was saved: go on with --resume x\n",
            "mpirun: killing job...\n",
        ])
        #expect(verdict == "error=\nopen=0\nlost=\ncause=\nstopped=1\nspoken=1\n")
    }

    @Test func whatAScriptSaysFailsNeverAndMovesNoCursor() throws {
        let library = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/lib.sh").path
        let script = """
            set -euo pipefail; source '\(library)'
            say $'a\\e[2Jb\\rc'
            (exec 2>&-; say nobody; echo closed)
            (exec 2>/dev/full; say nobody; echo full)
            exec 2> >(true); sleep 0.3; say nobody; say nobody; echo gone
            exec 2>&-; say nobody; echo alive
            fail 7 "a reason"
            """
        let outcome = try RunningProgram(["bash", "-c", script], in: TemporaryFolder()).outcome(within: 20)
        #expect(outcome.status == 7)
        #expect(outcome.output == "closed\nfull\ngone\nalive\n", "\(outcome.output)")
        #expect(outcome.errors == "a?[2Jb?c\n", "\(outcome.errors)")
    }
}
