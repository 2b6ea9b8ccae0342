import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `launch/supervise` and `launch/train` on this machine alone.
    @Suite struct Supervise {
        private static let settings = [
            "--workers", "2", "cells.yaml", "--set", "training.steps=200", "--set", "checkpoint.every=25", "--set",
            "validation.every=100", "--set", "model.base_channels=8", "--set", "training.batch=8",
        ]

        /// Kills a rank of a script's job once a checkpoint is there.
        private func kill(rank: Int, of run: RunningProgram, in place: Place) throws {
            try run.wait("saved") { !place.steps("runs/cells").isEmpty }
            let ranks = run.ranks()
            try #require(ranks.count == 3)
            Glibc.kill(ranks[rank], SIGKILL)
        }

        private static let alone = Result { () throws -> String in
            let place = try Place()
            try place.succeed(["train"] + settings.dropFirst(2))
            return try place.digest("runs/cells")
        }

        @Test func aRunGoesOnAfterAWorkerWasKilled() throws {
            let place = try Place()
            let run = try place.start(launch: "supervise", Self.settings)
            try kill(rank: 2, of: run, in: place)
            let outcome = try run.outcome(within: 60)
            #expect(outcome.status == 0, "\(outcome.errors)")
            // The ranks see it, or mpirun does: who is first tells.
            let pattern =
                /restart 1 of 5: rank 2 on \S+ was (killed|lost).*; going on with 2 workers/
            #expect(
                outcome.errors.split(separator: "\n").count { $0.wholeMatch(of: pattern) != nil } == 1,
                "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count { $0.hasPrefix("error: ") } <= 1, "\(outcome.errors)")
            #expect(!outcome.errors.contains("mpirun"), "\(outcome.errors)")
            #expect(try place.digest("runs/cells") == Self.alone.get())
        }

        @Test("a killed rank is one line", arguments: [("supervise", 2), ("train", 0)])
        func killed(script: String, rank: Int) throws {
            let place = try Place()
            let limit = script == "supervise" ? ["--max-restarts", "0"] : []
            let run = try place.start(
                launch: script, limit + Self.settings + ["--output", "runs/cells", "--set", "training.steps=100000"])
            try kill(rank: rank, of: run, in: place)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 1)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            let pattern = /error: rank \d on \S+ was (killed|lost).* go on with --resume runs\/cells/
            #expect(lines.count == 1 && lines[0].wholeMatch(of: pattern) != nil, "\(outcome.errors)")
            #expect(!outcome.errors.contains("-----") && !outcome.errors.contains("restart"), "\(outcome.errors)")
        }

        @Test func whatWouldHappenAgainIsNotTriedAgain() throws {
            let place = try Place()
            let run = try place.start(launch: "supervise", Self.settings + ["--set", "optimizer.learning_rate=1e30"])
            let outcome = try run.outcome(within: 30)
            #expect(outcome.status == 1)
            #expect(!outcome.errors.contains("restart"), "\(outcome.errors)")
            let failure = try #require(try place.events("runs/cells", "failure").last)
            #expect(failure["repeats"] as? Bool == true)
            #expect((failure["message"] as? String)?.contains("not finite") == true)
        }

        @Test func aPauseCanBeInterrupted() throws {
            let place = try Place()
            // A program that fails at once, and never makes a run.
            let program = try place.folder.write(
                "#!/bin/sh\ncase \"$*\" in *dry-run* | layout*) exec \(Program.executable) \"$@\" ;; esac\nexit 1\n",
                to: "failing")
            chmod(program, 0o755)
            let run = try place.start(launch: "supervise", ["--program", program] + Self.settings)
            // The second pause is 2 s.
            try run.wait("paused twice") { run.isRunning(["sleep", "2"]) }
            run.send(SIGTERM)
            let outcome = try run.outcome(within: 10)
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(
                outcome.errors.hasSuffix("error: stopped before the run had begun: start again\n"), "\(outcome.errors)")
            #expect(!outcome.errors.contains("restart 2"), "\(outcome.errors)")
        }
    }
}
