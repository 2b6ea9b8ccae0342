import Checkpoints
import Foundation
import Support
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// What goes wrong on one rank ends all of them with the same words.
    @Suite struct Failing {
        /// Calls `action` once the run in the folder `name` has logged a step, while the run is going on.
        private func after(
            step: Int, of run: Run, _ action: @escaping @Sendable (RunDirectory) -> Void
        ) {
            let directory = run.directory
            Thread.detachNewThread {
                let deadline = Date(timeIntervalSinceNow: 20)
                while Date() < deadline {
                    let log = (try? String(contentsOfFile: directory.metrics, encoding: .utf8)) ?? ""
                    if log.contains("\"step\":\(step),") || log.contains("\"step\":\(step)}") {
                        return action(directory)
                    }
                    usleep(1000)
                }
            }
        }

        /// So many steps that something can happen in the middle of them.
        private static let long = ["training.steps=100000", "checkpoint.every=100000", "validation.every=100000"]

        @Test(
            "an image that vanishes", arguments: [(1, "dedicated"), (2, "dedicated"), (4, "dedicated"), (3, "shared")])
        func vanishingImage(ranks: Int, mode: String) throws {
            let task = try TinyTask()
            let request = try task.request("run", Self.long + ["data.cache_mb=0", "run.coordinator=\(mode)"])
            let image = task.image(3)
            after(step: 5, of: task.run("run")) { _ in unlink(image) }
            // Number 3 is a training image with this seed, or the run would go on.
            let failure = try task.failure(request, ranks: ranks)
            #expect(failure.message.contains("cell-0003.png"), "\(failure)")
            // Which rank and step; a thread of the test is named by its number in the job.
            let place = /\((rank 0 on \S+|thread \d+), step [1-9]\d*\)/
            #expect(failure.message.contains(place), "\(failure)")
        }

        @Test(
            "the log says why, and a resume drops it", arguments: [(1, "dedicated"), (3, "dedicated"), (3, "shared")])
        func isLogged(ranks: Int, mode: String) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run",
                [
                    "training.steps=100000", "checkpoint.every=20", "validation.every=100000", "data.cache_mb=0",
                    "run.coordinator=\(mode)",
                ])
            let run = task.run("run")
            let image = task.image(3)
            let pixels = try #require(FileManager.default.contents(atPath: image))
            after(step: 25, of: run) { _ in unlink(image) }
            let failure = try task.failure(request, ranks: ranks)
            let events = try run.events("failure")
            #expect(events.count == 1 && events.first?["message"] as? String == failure.message, "\(events)")
            #expect(events.first?["repeats"] as? Bool == false)
            #expect(try #require(events.first?["step"] as? Int) >= 25)
            try pixels.write(to: URL(filePath: image))
            try task.resume("run", ["training.steps=120"])
            #expect(try run.events("failure").isEmpty)
            #expect(try run.steps("train") == Array(1...120))
        }

        @Test func aWrongRequestRepeatsAndAFailureDoesNot() {
            #expect(Failure.request("x").repeats && !Failure.running("x").repeats)
            #expect(Failure(.running, "x", repeats: true).repeats)
        }

        @Test(
            "a last checkpoint that cannot be written", arguments: [(1, "dedicated"), (2, "dedicated"), (3, "shared")])
        func noLastCheckpoint(ranks: Int, mode: String) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run",
                ["training.steps=300", "checkpoint.every=100000", "validation.every=100000", "run.coordinator=\(mode)"])
            after(step: 5, of: task.run("run")) { directory in
                try? FileManager.default.removeItem(atPath: directory.checkpoints)
                _ = FileManager.default.createFile(atPath: directory.checkpoints, contents: nil)
            }
            let failure = try task.failure(request, ranks: ranks)
            #expect(
                failure.kind == .running && failure.message.contains("last weights could not be saved"), "\(failure)")
            #expect(failure.message.contains("\(task.folder.path)/run/checkpoints"), "\(failure)")
        }

        @Test("weights to start from that are missing: nothing is made", arguments: [1, 3])
        func noInitialWeights(ranks: Int) throws {
            let task = try TinyTask()
            let missing = task.folder.path("none.safetensors")
            for isDryRun in [false, true] {
                var request = try task.request("run", ["training.initialize_from=\(missing)"])
                request.isDryRun = isDryRun
                let failure = try task.failure(request, ranks: ranks)
                #expect(failure.kind == .request && failure.message.contains(missing), "\(failure)")
                #expect(!FileManager.default.fileExists(atPath: task.folder.path("run")))
            }
        }

        @Test func aDryRunWritesNothing() throws {
            let task = try TinyTask()
            var request = try task.request("run")
            request.isDryRun = true
            for ending in try task.endings(request, ranks: 3) { _ = try ending.get() }
            #expect(!FileManager.default.fileExists(atPath: task.folder.path("run")))
        }
    }

    /// What a run leaves in its folder should it be killed.
    @Suite struct Killed {
        @Test func aCheckpointIsMadeOutsideItsFolder() throws {
            let folder = try TemporaryFolder()
            let run = RunDirectory(folder.path("run"))
            try run.create()
            try AtomicFile.write(run.checkpoint(step: 1), by: run.unfinishedCheckpoint) { file in
                try file.write(contentsOf: Data("half".utf8))
                #expect(try folder.files() == ["run/checkpoint.part": Data("half".utf8)])
            }
            #expect(try folder.files().keys.sorted() == ["run/checkpoints/step-00000001.safetensors"])
        }

        @Test func theNextStartClearsAway() throws {
            let task = try TinyTask()
            try task.train("run")
            let names = ["checkpoint.part", "checkpoints/latest.part", "previews/.latest-a.png.12-1.part"]
            for name in names { try task.folder.write("half", to: "run/\(name)") }
            try task.resume("run")
            let files = try task.folder.files()
            for name in names { #expect(files["run/\(name)"] == nil, "\(name)") }
        }
    }

    @Suite struct Replicas {
        @Test("workers whose weights differ are named", arguments: [([3], 5), ([2, 4], 6), ([4], 5)])
        func differ(broken: [Int], ranks: Int) throws {
            let task = try TinyTask()
            let failure = try task.failure(task.request("run"), ranks: ranks) { world in
                FaultyCommunicator(
                    world,
                    incoming: { rank, step, record in
                        // One bit of one weight's gradient.
                        if broken.contains(rank), step == 3 {
                            record[17] = Float(bitPattern: record[17].bitPattern ^ UInt32(1 << (20 + rank % 2)))
                        }
                    })
            }
            let names = broken.map { "thread \($0)" }.joined(separator: ", ")
            #expect(failure.kind == .running)
            #expect(failure.message.hasPrefix("replicas differ at step 3: \(names) disagree"), "\(failure)")
            #expect(try task.run("run").steps("train") == [1, 2, 3])
            #expect(task.run("run").directory.checkpointSteps == [2])
        }

        @Test("of two, or of equal parties, it is not known which is wrong", arguments: [([2], 3), ([3, 4], 5)])
        func noMajority(broken: [Int], ranks: Int) throws {
            let task = try TinyTask()
            let failure = try task.failure(task.request("run"), ranks: ranks) { world in
                FaultyCommunicator(
                    world, incoming: { rank, step, record in if broken.contains(rank), step == 3 { record[17] += 1 } })
            }
            let workers = (1..<ranks).map { "thread \($0)" }.joined(separator: ", ")
            #expect(failure.message.contains("step 3: \(workers) disagree, and which"), "\(failure)")
        }

        @Test func areComparedBeforeEveryCheckpoint() throws {
            let task = try TinyTask()
            let request = try task.request("run", ["run.replica_check_every=1000000", "validation.every=100"])
            let failure = try task.failure(request, ranks: 4) { world in
                FaultyCommunicator(
                    world, incoming: { rank, step, record in if rank == 2, step == 3 { record[17] += 1 } })
            }
            #expect(failure.message.hasPrefix("replicas differ at step 4: thread 2 disagrees"), "\(failure)")
            #expect(task.run("run").directory.checkpointSteps == [2])
        }
    }

    /// Losses and gradients that are no numbers.
    @Suite struct NonFinite {
        /// Makes a part of the third step's sum so, and with it the sum; a worker alone sends none to meddle with.
        private static let fault: FaultyCommunicator.Fault = { _, step, record in
            if step == 3 { record[17] = .nan }
        }

        @Test("stop ends the run and names the step", arguments: [3, 4])
        func stop(ranks: Int) throws {
            let task = try TinyTask()
            let failure = try task.failure(task.request("run"), ranks: ranks) {
                FaultyCommunicator($0, outgoing: Self.fault)
            }
            #expect(failure.kind == .running && failure.message.contains("not finite at step 3"), "\(failure)")
            #expect(try task.run("run").steps("train") == [1, 2])
            #expect(task.run("run").directory.checkpointSteps == [2])
        }

        @Test("an exploding run ends", arguments: [1, 3])
        func exploding(ranks: Int) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run",
                ["optimizer.learning_rate=1e30", "training.steps=100", "validation.every=1", "checkpoint.every=1"])
            let failure = try task.failure(request, ranks: ranks)
            #expect(failure.kind == .running && failure.message.contains("not finite"), "\(failure)")
        }

        @Test(
            "weights that are not finite are never saved, and nothing is deleted for them", arguments: [1, 3],
            ["stop", "skip"])
        func broken(ranks: Int, onNonFinite: String) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2"])
            let whole = try run.digest
            for steps in [3, 12] {
                let settings = [
                    "optimizer.learning_rate=1e39", "checkpoint={every: 1, keep: 1}", "training.steps=\(steps)",
                    "training.on_nonfinite=\(onNonFinite)",
                ]
                let request = TrainingRequest(settings: settings, resume: run.directory.path)
                let failure = try task.failure(request, ranks: ranks)
                #expect(failure.kind == .running && failure.repeats, "\(failure)")
                #expect(
                    failure.message.contains("weights are not finite after step 3, and were not saved"), "\(failure)")
                #expect(run.directory.checkpointSteps == [2])
                #expect(try run.digest == whole)
            }
        }

        @Test("steps that are skipped without end, end the run", arguments: [1, 3])
        func skippedInARow(ranks: Int) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run",
                [
                    "optimizer.learning_rate=1e39", "checkpoint.every=1000", "validation.every=1000",
                    "training={steps: 500, batch: 5, on_nonfinite: skip}",
                ])
            let failure = try task.failure(request, ranks: ranks)
            #expect(failure.message.contains("in 21 steps in a row, up to step 22"), "\(failure)")
            #expect(failure.repeats && task.run("run").directory.checkpointSteps.isEmpty)
        }

        @Test("skip leaves the weights as they are and goes on", arguments: [3, 4])
        func skip(ranks: Int) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run", ["training={steps: 4, batch: 5, on_nonfinite: skip}", "checkpoint.every=1"])
            for ending in try task.endings(
                request, ranks: ranks, wrap: { FaultyCommunicator($0, outgoing: Self.fault) })
            {
                _ = try ending.get()
            }
            let run = task.run("run")
            #expect(try run.steps("train") == [1, 2, 3, 4])
            #expect(try run.losses[2][1] == nil && run.losses[3][1] != nil)
            let digests = try (1...4).map { try run.digest(step: $0) }
            #expect(digests[1] == digests[2] && Set(digests).count == 3)
            let states = try [2, 3].map { try Checkpoint(reading: run.directory.checkpoint(step: $0)).state.momentum }
            #expect(Data(states[0].bytes) == Data(states[1].bytes))
            let notes = try run.events("note").map { ($0["step"] as? Int, $0["message"] as? String ?? "") }
            #expect(notes.count { $0.0 == 3 && $0.1.contains("skipped") } == 1)
            #expect(notes.last.map { $0.0 == 4 && $0.1.hasPrefix("1 step was skipped") } == true, "\(notes)")
        }
    }
}
