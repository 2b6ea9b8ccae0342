import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// lockstep layout, and what the launch scripts make of it.
    @Suite struct LayoutTests {
        private static let network = """
            model: {base_channels: 4, depth: 1}
            data: {train: {images: none, labels: none}, tile: 44}

            """

        private func layout(_ batch: Int, _ arguments: [String], environment: [String: String] = [:]) throws
            -> Program.Outcome
        {
            let folder = try TemporaryFolder()
            let path = try folder.write(Self.network + "training: {batch: \(batch)}\n", to: "small.yaml")
            let words = environment.map { "\($0)=\($1)" }
            return try RunningProgram(
                ["env"] + words + [Program.executable, "layout", path, "--json"] + arguments, in: folder
            ).outcome()
        }

        @Test(
            "as many workers as share the batch evenly, with threads for the other cores",
            arguments: [
                (1, "64", [1], 64), (1, "2x32", [1], 64), (8, "64", [8], 8), (10, "64", [10], 6), (4, "1", [1], 1),
                (3, "2x32", [3], 16), (8, "2x32,2x32", [4, 4], 16), (2, "8,8", [1, 1], 8), (16, "8,4,4", [8, 4, 4], 1),
            ])
        func chosen(batch: Int, cores: String, workers: [Int], threads: Int) throws {
            let outcome = try layout(batch, ["--cores", cores])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let json = try outcome.json
            #expect(json["workers_of_hosts"] as? [Int] == workers && json["threads"] as? Int == threads, "\(json)")
            #expect(json["ranks"] as? Int == workers.reduce(1, +))
        }

        @Test("where layouts come close, steps are measured") func measured() throws {
            let outcome = try layout(2, ["--cores", "2"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try outcome.json["step_seconds"] as? Double ?? 0 > 0)
            #expect(try outcome.json["words"] as? String ?? "" != "")
        }

        @Test("what was asked for stays")
        func given() throws {
            for (arguments, workers, threads) in [
                (["--workers", "2"], [2], 8), (["--threads", "2"], [8], 2),
                (["--workers", "3", "--threads", "9"], [3], 9),
                (["--set", "run.threads=4"], [4], 4), (["--set", "run.threads=auto"], [8], 2),
                (["--set", "run.coordinator=shared", "--workers", "1"], [1], 16),
            ] {
                let json = try layout(8, ["--cores", "16"] + arguments).json
                #expect(
                    json["workers_of_hosts"] as? [Int] == workers && json["threads"] as? Int == threads,
                    "\(arguments): \(json)")
            }
            let shared = try layout(8, ["--cores", "8", "--set", "run.coordinator=shared"]).json
            #expect(shared["workers"] as? Int == 8 && shared["ranks"] as? Int == 8)
        }

        @Test("workers that memory has no room for are not started") func memory() throws {
            let all = try layout(64, ["--cores", "64"]).json
            #expect(all["workers"] as? Int == 64)
            let large = [
                "--cores", "64", "--set", "model.base_channels=16", "--set", "data.tile=572", "--set", "model.depth=4",
            ]
            let few = try layout(64, large, environment: ["LOCKSTEP_MEMORY_MB": "4000"]).json
            #expect((1...32).contains(few["workers"] as? Int ?? 64), "\(few)")
        }

        @Test(
            "what cannot be is one line",
            arguments: [
                ["--cores", "0"], ["--cores", "2x"], ["--cores", "8,,8"], ["--cores", "1x2x3"], [],
                ["--cores", "8", "--workers", "9"], ["--cores", "8", "--threads", "0"],
                ["--cores", "8", "--set", "training.batch=0"],
            ])
        func refused(arguments: [String]) throws {
            let outcome = try layout(8, arguments)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
            #expect(
                outcome.errors.hasPrefix("error: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }

        @Test("a script says what it chose, and a resume chooses for the machine that it is on")
        func scripts() throws {
            let place = try Place()
            let words = ["--set", "training.steps=4", "--set", "training.batch=1"]
            let first = try place.start(launch: "train", ["cells.yaml"] + words).outcome()
            #expect(first.status == 0, "\(first.errors)")
            #expect(first.errors.contains("1 worker of ") && first.errors.contains(" for a batch of 1 on "))
            #expect(first.errors.contains("--workers and --threads choose otherwise"))
            let rest = try place.start(
                launch: "train", ["--resume", "runs/cells", "--set", "training.steps=6", "--threads", "3"]
            ).outcome()
            #expect(rest.status == 0 && rest.errors.contains("1 worker of 3 threads"), "\(rest.errors)")
            let wrong = try place.start(launch: "train", ["cells.yaml", "--set", "training.batch=none"])
                .outcome()
            #expect(wrong.status == 2 && wrong.errors.filter { $0 == "\n" }.count == 1, "\(wrong.errors)")
        }

        @Test("threads that a binding leaves no cores are said") func bound() throws {
            let place = try Place()
            let outcome = try RunningProgram(
                [
                    "taskset", "-c", "0", Program.executable, "train", "cells.yaml", "--set", "run.threads=2", "--set",
                    "training.steps=2",
                ], in: place.folder
            ).outcome()
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("computes with 2 threads and may run on 1 core:"), "\(outcome.errors)")
            let doctor = try place.run(["doctor", "cells.yaml", "--workers", "2", "--set", "training.batch=6"])
            #expect(
                doctor.output.contains("make up 2 sums") && doctor.output.contains("a batch of 4 or 8"), "\(doctor)")
        }
    }
}
