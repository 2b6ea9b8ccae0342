import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `lockstep sweep`, which starts `mpirun` by itself.
    @Suite struct Sweep {
        private static let file = """
            name: tiny
            base: cells.yaml
            set: {training.steps: 60, checkpoint.every: 20, validation.every: 30, model.base_channels: 4}
            parameters:
              optimizer.momentum: [0.5, 0.9]
              optimizer.learning_rate: [0.01, 0.03]
            workers: 2

            """

        /// `results.csv` without the seconds.
        private func rows(_ place: Place) throws -> [String] {
            try String(contentsOfFile: place.folder.path("sweeps/tiny/results.csv"), encoding: .utf8)
                .split(separator: "\n").map { String($0[..<($0.lastIndex(of: ",") ?? $0.endIndex)]) }
        }

        private func losses(_ place: Place) throws -> [[Double]] {
            try (1...4).map { try place.losses("sweeps/tiny/trial-000\($0)") }
        }

        @Test func killedInTheMiddleItGoesOn() throws {
            let whole = try Place()
            try whole.folder.write(Self.file, to: "tiny.yaml")
            let summary = try whole.succeed(["sweep", "tiny.yaml", "--json"])
            let expected = try rows(whole)
            #expect(try !summary.json.isEmpty)
            #expect(expected.count == 5 && expected.dropFirst().allSatisfy { $0.contains(",done,") }, "\(expected)")
            #expect(Set(try losses(whole)).count == 4)

            let place = try Place()
            try place.folder.write(Self.file, to: "tiny.yaml")
            let sweep = try place.start(["sweep", "tiny.yaml"])
            try sweep.wait("began its second trial") {
                ((try? place.losses("sweeps/tiny/trial-0002").count) ?? 0) > 25
            }
            sweep.send(SIGKILL)
            #expect(try sweep.outcome(within: 10).status == 128 + SIGKILL)
            #expect(try rows(place).count == 2)
            let first = place.folder.path("sweeps/tiny/trial-0001/metrics.jsonl")
            let before = try Data(contentsOf: URL(filePath: first))
            let again = try place.run(["sweep", "tiny.yaml"])
            #expect(again.status == 2 && again.errors.contains("--resume"), "\(again.errors)")
            try place.succeed(["sweep", "tiny.yaml", "--resume"])
            #expect(try rows(place) == expected)
            #expect(try losses(place) == (try losses(whole)))
            #expect(try Data(contentsOf: URL(filePath: first)) == before)

            try place.succeed(
                ["train", "sweeps/tiny/best.yaml", "--set", "training.steps=2", "--output", "best"], ranks: 2)
            #expect(place.steps("best").last == 2)
        }

        /// Twelve trials whose sweep is killed three times with all that it has started, and those of one that never was.
        @Test(arguments: [
            "grid", "{random: {trials: 12, seed: 3}}",
            "{successive_halving: {eta: 3, minimum_steps: 20}}",
        ])
        func killedThreeTimes(strategy: String) throws {
            let file = """
                name: tiny
                base: cells.yaml
                set: {training.steps: 60, checkpoint.every: 10, validation.every: 20, run.coordinator: shared}
                parameters:
                  optimizer.momentum: [0.5, 0.8, 0.9, 0.95]
                  optimizer.learning_rate: [0.01, 0.03, 0.05]
                strategy: \(strategy)
                workers: 1
                parallel: 2

                """
            let whole = try Place()
            try whole.folder.write(file, to: "tiny.yaml")
            try whole.succeed(["sweep", "tiny.yaml"])
            let expected = try rows(whole)
            #expect(expected.count == 13)

            let place = try Place()
            try place.folder.write(file, to: "tiny.yaml")
            func trained() -> Int {
                (1...12).count { number in
                    let name = "sweeps/tiny/trial-\(number < 10 ? "000" : "00")\(number)/trial.json"
                    return FileManager.default.fileExists(atPath: place.folder.path(name))
                }
            }
            for count in [1, 5, 10] {
                let sweep = try place.start(["sweep", "tiny.yaml", "--resume"])
                try sweep.wait("has trained \(count) trials", within: 120) { trained() >= count }
                // A moment later, in the middle of the next ones.
                usleep(300_000)
                sweep.kill()
            }
            try place.succeed(["sweep", "tiny.yaml", "--resume"])
            #expect(try rows(place) == expected)
            for number in [1, 6, 12] {
                let run = "sweeps/tiny/trial-\(number < 10 ? "000" : "00")\(number)"
                #expect(try place.digest(run) == whole.digest(run))
            }
        }

        @Test func severalProcessesWorkAtOneSweep() throws {
            let alone = try Place()
            try alone.folder.write(Self.file, to: "tiny.yaml")
            try alone.succeed(["sweep", "tiny.yaml"])
            let place = try Place()
            try place.folder.write(Self.file, to: "tiny.yaml")
            let sweeps = try (0..<3).map { _ in try place.start(["sweep", "tiny.yaml", "--resume"]) }
            try sweeps[0].wait("began") {
                (1...4).contains { ((try? place.losses("sweeps/tiny/trial-000\($0)").count) ?? 0) > 5 }
            }
            // What it was at is taken over by the others.
            sweeps[0].kill()
            for sweep in sweeps.dropFirst() {
                let outcome = try sweep.outcome(within: 120)
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
            #expect(try rows(place) == rows(alone))
            #expect(try losses(place) == losses(alone))
        }
    }

    /// `train --until`, by which a sweep's rungs end.
    @Suite struct Until {
        @Test func aRunThatEndsEarlyGoesOnAsIfItHadNot() throws {
            let place = try Place()
            try place.succeed([
                "train", "cells.yaml", "--set", "optimizer.schedule={kind: polynomial, power: 0.9}", "--output",
                "whole",
            ])
            try place.succeed(
                [
                    "train", "cells.yaml", "--set", "optimizer.schedule={kind: polynomial, power: 0.9}", "--until", "3",
                    "--output", "part",
                ], ranks: 3)
            #expect(place.steps("part").last == 3)
            #expect(try place.losses("part") == Array(place.losses("whole")[..<3]))
            #expect(try place.events("part", "validation").count == 1)
            // It has come this far.
            try place.succeed(["train", "--resume", "part", "--until", "3"])
            #expect(try place.losses("part").count == 3)
            try place.succeed(["train", "--resume", "part", "--until", "5"], ranks: 2)
            #expect(place.steps("part").last == 5)
            try place.succeed(["train", "--resume", "part"])
            #expect(try place.digest("part") == place.digest("whole"))
            #expect(try place.losses("part") == place.losses("whole"))
            let refused = try place.run(["train", "cells.yaml", "--until", "0"])
            #expect(refused.status == 2 && refused.errors.contains("--until 0: give a step, 1 or more"))
        }
    }
}
