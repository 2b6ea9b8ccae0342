import Checkpoints
import Foundation
import TestSupport
import TestTraits
import Testing

extension ProgramTests {
    /// Ranks that are killed or stopped, or fail, in every phase of a run under real `mpirun`.
    @Suite struct Faults {
        /// Seconds within which all must be over.
        private static let timeout = 4.0

        /// What happens to a rank, and where.
        struct Cell: CustomStringConvertible {
            let rank: Int
            let phase: String
            let step: Int
            let kind: String
            let mode: String
            var validation = "coordinator"

            var description: String { "\(rank):\(phase):\(step):\(kind)" }

            /// How the first line goes on behind the rank's host.
            var words: String {
                let doing = [
                    "start": "while starting", "data": "while reading images", "forward": "in the forward pass",
                    "backward": "in the backward pass", "reduction": "while summing gradients",
                    "checkpoint": "while saving a checkpoint",
                    "validation": "while validating",
                    "shutdown": "while shutting down",
                ]
                return "at step \(step), \(doing[phase] ?? phase): "
            }
        }

        /// The phases of a worker, of a coordinator, and of rank 0 that is both; a checkpoint every second step of six,
        /// a validation every third.
        private static let places: [(ranks: Int, mode: String, phases: [(String, Int)])] = [
            (
                2, "dedicated",
                [
                    ("start", 0), ("data", 3), ("forward", 3), ("backward", 3), ("reduction", 3),
                    ("checkpoint", 4), ("shutdown", 6),
                ]
            ),
            (0, "dedicated", [("start", 0), ("checkpoint", 4), ("validation", 3), ("shutdown", 6)]),
            (0, "shared", [("data", 3), ("backward", 3), ("reduction", 3)]),
        ]

        private static func cells(_ kind: String) -> [Cell] {
            let cells = places.flatMap { place in
                place.phases.map {
                    Cell(rank: place.ranks, phase: $0.0, step: $0.1, kind: kind, mode: place.mode)
                }
            }
            return cells + [
                Cell(rank: 2, phase: "validation", step: 3, kind: kind, mode: "dedicated", validation: "workers")
            ]
        }

        /// A run in which the fault of a cell happens.
        private struct Run {
            let cell: Cell
            let output: String
            let program: RunningProgram

            init(_ cell: Cell, in place: Place) throws {
                self.cell = cell
                output = place.folder.path("\(cell)-\(cell.mode)".replacingOccurrences(of: ":", with: "-"))
                program = try RunningProgram(
                    [
                        "LOCKSTEP_FAULT=\(cell)", "mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "3",
                        Program.executable, "train", "cells.yaml", "--output", output, "--set",
                        "run.fault_timeout=\(Faults.timeout)", "--set", "run.coordinator=\(cell.mode)",
                        "--set", "validation.on=\(cell.validation)",
                    ], in: place.folder)
            }

            /// Waits for the end, which must be as it should.
            func check() throws {
                let outcome = try program.outcome(within: 30)
                let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
                let name = "rank \(cell.rank) on \(ProcessInfo.processInfo.hostName)"
                let expected =
                    switch cell.kind {
                    case "kill": "error: \(name) was lost \(cell.words)its process ended without a word"
                    case "stop": "error: \(name) has not answered for "
                    default: "error: an injected error (\(name), step \(cell.step))"
                    }
                #expect(lines.count == 1 && lines[0].hasPrefix(expected), "\(cell) \(cell.mode): \(outcome.errors)")
                if cell.kind == "stop" {
                    #expect(outcome.errors.contains(" s, \(cell.words)stopped, or its machine"), "\(outcome.errors)")
                }
                // mpirun's own word for a rank that was killed is 137, if it is quicker.
                #expect(
                    outcome.status == 1 || (cell.kind == "kill" && outcome.status == 137), "\(cell) \(outcome.status)")
                // What mpirun kills may take a moment longer than mpirun.
                let deadline = Date(timeIntervalSinceNow: 2)
                while Date() < deadline, !Faults.processes(naming: output).isEmpty { usleep(20_000) }
                #expect(Faults.processes(naming: output) == [], "\(cell)")
                let run = RunDirectory(output)
                let files = (try? FileManager.default.contentsOfDirectory(atPath: run.checkpoints)) ?? []
                #expect(!files.contains { $0.hasSuffix(".part") }, "\(files)")
                for step in run.checkpointSteps { _ = try Checkpoint(reading: run.checkpoint(step: step)) }
            }
        }

        @Test func everyFaultInEveryPhaseEndsAllRanksWithOneLineThatNamesIt() throws {
            let place = try Place()
            var runs: [Run] = []
            for cell in ["stop", "kill", "error"].flatMap(Self.cells) {
                // A few at a time: most of it is waiting.
                if runs.count == 7 { try runs.removeFirst().check() }
                runs.append(try Run(cell, in: place))
            }
            for run in runs { try run.check() }
        }

        /// Living processes, stopped ones included, whose command line has these words.
        private static func processes(naming words: String) -> [String] {
            let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return processes.filter { process in
                guard Int(process) != nil else { return false }
                // What has ended has none.
                let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
                return String(decoding: line, as: UTF8.self).contains(words)
            }
        }

        @Suite(.tags(.timing), .onlyWhereTimeIsMeasured) struct Timing {
            @Test func aStoppedRankIsGoneInTime() throws {
                let place = try Place()
                let stopped = try [2, 0].map { rank in
                    let output = "stopped-\(rank)"
                    let run = try place.start(
                        [
                            "train", "cells.yaml", "--output", place.folder.path(output), "--set",
                            "training.steps=1000000", "--set", "run.fault_timeout=\(Faults.timeout)",
                        ], ranks: 3)
                    try run.wait("trained") { (try? place.losses(output).count) ?? 0 > 20 }
                    let ranks = run.ranks()
                    try #require(ranks.count == 3)
                    kill(ranks[rank], SIGSTOP)
                    return (run, place.folder.path(output), Date())
                }
                for (run, output, start) in stopped {
                    while Faults.processes(naming: output).contains(where: { Int32($0) != run.identifier }) {
                        try #require(Date().timeIntervalSince(start) < 20)
                        usleep(20_000)
                    }
                    let seconds = Date().timeIntervalSince(start)
                    // Half a second for a machine that has other things to do.
                    #expect(seconds < Faults.timeout + 0.5, "\(seconds)")
                    #expect(try run.outcome(within: 10).status == 1)
                }
            }
        }

        @Test func aJobThatIsStoppedAndGoesOnIsNoFault() throws {
            let place = try Place()
            let run = try place.start(
                [
                    "train", "cells.yaml", "--set", "training.steps=1000000", "--set",
                    "run.fault_timeout=\(Self.timeout)",
                ], ranks: 3)
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 20 }
            let ranks = run.ranks()
            try #require(ranks.count == 3)
            for rank in ranks { kill(rank, SIGSTOP) }
            usleep(3_000_000)
            let before = try place.losses("runs/cells").count
            for rank in ranks.reversed() { kill(rank, SIGCONT) }
            let resumed = Date()
            try run.wait("went on") {
                try place.losses("runs/cells").count > before + 100 && Date().timeIntervalSince(resumed) > 2
            }
            run.send(SIGUSR1)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 75 && !outcome.errors.contains("error: "), "\(outcome.errors)")
        }

        @Test("whose disk hangs is named, and nobody else") func hangs() throws {
            let place = try Place()
            let cases = [
                // Late enough for a look or two at how long steps take.
                ("2:data:1500:hang", "rank 2 ", " has been reading images for "),
                ("0:waiting:1500:hang", "rank 0 ", " has taken no message of the workers for "),
                // Before the first step, and in a validation, by images.
                ("1:data:0:hang", "rank 1 ", " has been reading images ("),
                ("0:validation:3:hang", "rank 0 ", " has been validating for "),
            ]
            let runs = try cases.enumerated().map { number, fault in
                try RunningProgram(
                    [
                        "LOCKSTEP_FAULT=\(fault.0)", "mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "3",
                        Program.executable, "train", "cells.yaml", "--output", "hang\(number)", "--set",
                        "training.steps=1000000", "--set", "run.fault_timeout=2", "--set",
                        "checkpoint.every=1000000", "--set", "validation.every=\(number == 3 ? 3 : 1_000_000)",
                    ], in: place.folder)
            }
            for ((fault, rank, words), (number, run)) in zip(cases, runs.enumerated()) {
                let outcome = try run.outcome(within: 120)
                #expect(outcome.status == 1)
                let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
                #expect(
                    lines.count == 1 && lines[0].hasPrefix("error: \(rank)") && lines[0].contains(words),
                    "\(fault): \(outcome.errors)")
                if number == 2 { #expect(lines.first?.contains("cell-00") == true, "\(outcome.errors)") }
                // The log is open from the first step on.
                guard number != 2 else { continue }
                let path = RunDirectory(place.folder.path("hang\(number)")).log
                #expect(try String(contentsOfFile: path, encoding: .utf8).contains(lines.first ?? "no line"))
            }
        }

        @Test func ranksThatNeverAllStartEndWithALine() throws {
            let place = try Place()
            // Rank 0 stops before it has joined the others.
            let script = "[ $OMPI_COMM_WORLD_RANK != 0 ] || kill -STOP $$; exec \(Program.executable) train cells.yaml"
            let run = try RunningProgram(
                [
                    "LOCKSTEP_START_TIMEOUT=3", "mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "3",
                    "bash", "-c", script,
                ], in: place.folder)
            let outcome = try run.outcome(within: 40)
            #expect(outcome.status != 0)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(
                lines.count == 1 && lines[0].hasPrefix("error: rank 1 on ")
                    && lines[0].contains(" has waited 3 s for the other ranks to start: "), "\(outcome.errors)")
        }

        @Test func withoutAWatchAndWithABadFault() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "run.fault_timeout=0"], ranks: 3)
            let run = try RunningProgram(
                [
                    "LOCKSTEP_FAULT=1:sleep:3:kill", "mpirun", "-q", "--oversubscribe", "-np", "3",
                    Program.executable, "train", "cells.yaml", "--output", "bad",
                ], in: place.folder)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 2)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(lines.count == 1 && lines[0].hasPrefix("error: LOCKSTEP_FAULT=1:sleep:3:kill: must be "))
        }
    }
}
