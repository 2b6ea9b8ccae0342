import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// All ways in which a run is told to end, or loses those who listen to it: it saves a checkpoint, or goes on.
    @Suite struct WaysOut {
        /// A run that lasts until it is stopped, and saves nothing before that.
        private static let endless = [
            "cells.yaml", "--set", "training.steps=100000000", "--set", "checkpoint.every=100000000", "--set",
            "validation.every=100000000",
        ]

        private static let train = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/train").path

        private func script(_ place: Place, _ more: [String] = []) throws -> RunningProgram {
            try RunningProgram([Self.train, "--program", Program.executable] + Self.endless + more, in: place.folder)
        }

        private func awaitSteps(_ run: RunningProgram, _ place: Place) throws {
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 5 }
        }

        /// Processes of a place's run, which are told by their working directory.
        private func processes(_ place: Place) -> [String] {
            let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return all.filter { process in
                Int(process) != nil
                    && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd"))
                        == place.folder.url.resolvingSymlinksInPath().path
            }
        }

        private func awaitNobody(_ place: Place, within seconds: Double = 20) throws {
            let deadline = Date(timeIntervalSinceNow: seconds)
            while !processes(place).isEmpty {
                try #require(Date() < deadline, "\(processes(place)) live on")
                usleep(50_000)
            }
        }

        @Test(
            "a signal to one process saves and stops",
            arguments: [SIGHUP, SIGXCPU, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2])
        func alone(signal: Int32) throws {
            let place = try Place()
            let run = try place.start(["train"] + Self.endless)
            try awaitSteps(run, place)
            run.send(signal)
            // A terminal that closes sends it twice; only a second Ctrl-C means at once.
            if signal == SIGHUP { run.send(signal) }
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 75 && outcome.errors.contains("--resume"), "\(outcome.errors)")
            #expect(place.steps("runs/cells").count == 1)
        }

        @Test("a signal while mpirun starts its ranks is heard", arguments: [0, 0.06, 0.12, 0.2])
        func early(seconds: Double) throws {
            let place = try Place()
            let run = try script(place, ["--workers", "2"])
            try run.wait("chose") { try run.said().contains("choose otherwise") }
            usleep(UInt32(seconds * 1e6))
            run.send(SIGTERM)
            let outcome = try run.outcome(within: 20)
            let words = outcome.errors.split(separator: "\n").last ?? ""
            let isRight =
                switch outcome.status {
                case 75: words.hasPrefix("stopped ") && words.contains("--resume")
                case 1: words == "error: stopped before the run had begun: start again"
                // The script itself, which had not come to mpirun.
                default: outcome.status == 128 + SIGTERM
                }
            #expect(isRight, "\(outcome.status): \(outcome.errors)")
            try awaitNobody(place)
        }

        @Test func nohupKeepsAHangupAway() throws {
            let place = try Place()
            let run = try RunningProgram(["nohup", Program.executable, "train"] + Self.endless, in: place.folder)
            try awaitSteps(run, place)
            run.send(SIGHUP)
            let before = try place.losses("runs/cells").count
            try run.wait("went on") { try place.losses("runs/cells").count > before + 50 }
            run.send(SIGTERM)
            #expect(try run.outcome(within: 20).status == 75)
        }

        @Test(
            "a signal to one rank of several stops all",
            arguments: [(SIGHUP, 1), (SIGXCPU, 2), (SIGTERM, 0)] as [(Int32, Int)])
        func oneRank(signal: Int32, rank: Int) throws {
            let place = try Place()
            let run = try place.start(["train"] + Self.endless, ranks: 3)
            try awaitSteps(run, place)
            let ranks = run.ranks()
            try #require(ranks.count == 3)
            kill(ranks[rank], signal)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 75 && !outcome.errors.contains("error: "), "\(outcome.errors)")
            #expect(place.steps("runs/cells").count == 1)
        }

        /// Who is sent the signal.
        enum Target: String, CaseIterable { case script, mpirun, rank }

        @Test(
            "a launch script ends with a checkpoint, whoever is told",
            arguments: [
                (Target.script, SIGHUP, 75), (.script, SIGUSR2, 75), (.mpirun, SIGTERM, 75), (.mpirun, SIGHUP, 75),
                (.rank, SIGHUP, 75), (.mpirun, SIGKILL, 1), (.script, SIGKILL, 128 + SIGKILL),
            ] as [(Target, Int32, Int32)]) func launched(target: Target, signal: Int32, status: Int32) throws
        {
            let place = try Place()
            let temporary = try TemporaryFolder()
            let run = try RunningProgram(
                ["TMPDIR=\(temporary.path)", Self.train, "--program", Program.executable] + Self.endless,
                in: place.folder)
            try awaitSteps(run, place)
            switch target {
            // Twice, as a terminal that closes may.
            case .script: for _ in 0..<2 { run.send(signal) }
            case .mpirun: kill(try #require(run.child(named: "mpirun")), signal)
            case .rank: kill(try #require(run.ranks().last), signal)
            }
            let outcome = try run.outcome(within: 30)
            #expect(outcome.status == status, "\(outcome.errors)")
            try awaitNobody(place)
            #expect(place.steps("runs/cells").count == 1, "\(outcome.errors)")
            let left = try FileManager.default.contentsOfDirectory(atPath: temporary.path)
            // Open MPI's own folder of folders stays, empty.
            #expect(left.allSatisfy { $0.hasPrefix("ompi.") }, "\(left)")
            if signal != SIGKILL || target != .mpirun {
                #expect(!outcome.errors.contains("error: "), "\(outcome.errors)")
            }
        }

        /// A new terminal: this end of it, and the other's name.
        private static func terminal() throws -> (master: Int32, name: String) {
            let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
            // TIOCSPTLCK and TIOCGPTN, which Swift does not see.
            var (lock, number): (Int32, Int32) = (0, 0)
            try #require(
                master >= 0 && ioctl(master, 0x4004_5431, &lock) == 0 && ioctl(master, 0x8004_5430, &number) == 0)
            return (master, "/dev/pts/\(number)")
        }

        @Test("a terminal that closes", arguments: [true, false]) func closedTerminal(isScript: Bool) throws {
            let place = try Place()
            let (master, name) = try Self.terminal()
            let command =
                isScript ? [Self.train, "--program", Program.executable] : [Program.executable, "train"]
            let words = (command + Self.endless).map { "'\($0)'" }.joined(separator: " ")
            // A shell becomes the terminal's, hands the hangup on as a login shell does, and takes note of the status.
            let run = try RunningProgram(
                [
                    "setsid", "--wait", "bash", "-c",
                    "exec <\(name) >\(name) 2>&1; \(words) & trap 'kill -HUP $!' HUP; wait $!; wait $!; echo $? >status",
                ], in: place.folder)
            try run.wait("trained") {
                var bytes = [UInt8](repeating: 0, count: 4096)
                while read(master, &bytes, bytes.count) > 0 {}
                return (try? place.losses("runs/cells").count) ?? 0 > 5
            }
            close(master)
            _ = try run.outcome(within: 30)
            try awaitNobody(place)
            #expect(try String(contentsOfFile: place.folder.path("status"), encoding: .utf8) == "75\n")
            #expect(place.steps("runs/cells").count == 1)
        }

        @Test("a reader that goes ends nothing", arguments: [true, false]) func head(isScript: Bool) throws {
            let place = try Place()
            let command = isScript ? "\(Self.train) --program \(Program.executable)" : "\(Program.executable) train"
            let outcome = try RunningProgram(
                [
                    "bash", "-c",
                    "\(command) cells.yaml --set validation.every=1 2>&1 | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}",
                ], in: place.folder
            ).outcome()
            #expect(outcome.output == "0\n", "\(outcome.errors)")
            #expect(place.steps("runs/cells").last == 6)
        }

        @Test(
            "outputs that are closed, full or not read end nothing",
            arguments: [
                ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", "2>&3", ">out 2>&-",
            ]) func outputs(redirection: String) throws
        {
            let place = try Place()
            let script = """
                mkfifo pipe; exec 3<>pipe
                dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>/dev/null
                \(Program.executable) train cells.yaml \(redirection); echo $? >status
                """
            _ = try RunningProgram(["bash", "-c", script], in: place.folder).outcome(within: 40)
            #expect(try String(contentsOfFile: place.folder.path("status"), encoding: .utf8) == "0\n")
            #expect(place.steps("runs/cells").last == 6)
            // What was meant for the terminal is in no file of the run.
            #expect(try place.losses("runs/cells").count == 6)
            _ = try place.digest("runs/cells")
        }

        @Test func anAnswerThatCannotBePrintedIsSaid() throws {
            let place = try Place()
            let outcome = try RunningProgram(
                ["bash", "-c", "\(Program.executable) config >/dev/full"], in: place.folder
            ).outcome()
            #expect(outcome.status == 1)
            #expect(
                outcome.errors == "error: standard output could not be written: no space left on device\n",
                "\(outcome.errors)")
        }

        @Test func aLimitOnFilesIsALineAndNoSignal() throws {
            let place = try Place()
            let outcome = try RunningProgram(
                [
                    "bash", "-c",
                    "ulimit -f 1; \(Program.executable) train cells.yaml 2>&1 | cat; exit ${PIPESTATUS[0]}",
                ],
                in: place.folder
            ).outcome()
            #expect(outcome.status == 1, "\(outcome.output)")
            #expect(
                outcome.output.contains("error: ") && outcome.output.contains("file too large"), "\(outcome.output)")
        }

        @Test("names do not reach the terminal's controls", arguments: ["\u{1B}]0;x\u{7}", "\u{9B}2J", "a\rb"])
        func names(evil: String) throws {
            let place = try Place()
            try FileManager.default.copyItem(
                atPath: place.folder.path("cells.yaml"), toPath: place.folder.path("c\(evil).yaml"))
            for arguments in [
                ["train", "none\(evil).yaml"], ["train", "c\(evil).yaml", "--set", "training.steps=\(evil)"],
                ["inspect", "none\(evil)"], ["config", "optimizer\(evil)"], ["train", "--\(evil)"],
                ["train", "cells.yaml", "--set", "training.steps=1", "--output", "run\(evil)"],
            ] {
                let outcome = try place.run(arguments)
                let text = outcome.output + outcome.errors
                #expect(
                    !text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || 0x7F...0x9F ~= $0.value },
                    "\(text)")
            }
        }

        @Test("a sweep passes a stop on and leaves no orphan", arguments: [SIGHUP, SIGUSR1, SIGKILL])
        func sweep(signal: Int32) throws {
            let place = try Place()
            try place.folder.write(
                """
                name: tiny
                base: cells.yaml
                set: {training.steps: 100000000, checkpoint.every: 100000000, validation.every: 100000000}
                parameters: {optimizer.momentum: [0.5, 0.9]}
                workers: 2
                """, to: "tiny.yaml")
            let sweep = try place.start(["sweep", "tiny.yaml"])
            try sweep.wait("trained") { ((try? place.losses("sweeps/tiny/trial-0001").count) ?? 0) > 5 }
            sweep.send(signal)
            #expect(try sweep.outcome(within: 20).status == (signal == SIGKILL ? 128 + SIGKILL : 75))
            try awaitNobody(place)
            #expect(place.steps("sweeps/tiny/trial-0001").count == 1)
        }
    }
}
