import Checkpoints
import Foundation
import Support
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// A run that was ended in the middle goes on as if it had not been.
    @Suite struct Resuming {
        /// Takes a run back to what a kill leaves behind: later checkpoints are missing, the log is longer.
        private func cut(_ run: Run, after step: Int) throws {
            for later in run.directory.checkpointSteps where later > step {
                try FileManager.default.removeItem(atPath: run.directory.checkpoint(step: later))
            }
        }

        @Test("with another number of ranks", arguments: [(1, 3), (3, 1), (4, 2), (2, 6)])
        func sameWeights(before: Int, after: Int) throws {
            let task = try TinyTask()
            let whole = try task.train("whole")
            let run = try task.train("run", ranks: before)
            for step in [4, 2] {
                try cut(run, after: step)
                // What a crash may leave of a line.
                let log = try #require(FileHandle(forWritingAtPath: run.directory.metrics))
                try log.seekToEnd()
                try log.write(contentsOf: Data("{\"event\":\"train\",\"st".utf8))
                try log.close()
                try task.resume("run", ranks: after)
                #expect(try run.digest == whole.digest)
                #expect(try run.losses == whole.losses)
                #expect(try run.steps("train") == Array(1...6))
                #expect(try run.validations == whole.validations)
            }
        }

        @Test("other images are said to be others, and the best score is sought anew", arguments: [1, 3])
        func otherImages(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ranks: ranks)
            func remarks() throws -> [String] {
                try run.events("note").compactMap { $0["message"] as? String }.filter {
                    $0.contains("the images are not")
                }
            }
            for kind in ["images", "labels"] {
                let folder = task.folder.path("data/\(kind)")
                let name = (task.image(1) as NSString).lastPathComponent
                try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(folder)/another.png")
            }
            try task.resume("run", ranks: ranks, ["training.steps=9"])
            #expect(try remarks().count == 1)
            #expect(try remarks()[0].contains("what was trained on may now be among the validation images"))
            #expect(try #require(Checkpoint(reading: run.directory.latest).best).step > 6)
            try task.resume("run", ranks: ranks, ["training.steps=10"])
            #expect(try remarks().count == 1)
        }

        @Test("a run that was lost before its first checkpoint begins again", arguments: [(1, 3), (3, 1)])
        func noCheckpoint(before: Int, after: Int) throws {
            let task = try TinyTask()
            let whole = try task.train("whole")
            let run = try task.train("run", ranks: before)
            try cut(run, after: 0)
            for link in [run.directory.latest, run.directory.best] { unlink(link) }
            try task.resume("run", ranks: after)
            #expect(try run.digest == whole.digest)
            #expect(try run.steps("train") == Array(1...6))
            #expect(try run.validations == whole.validations)
            let notes = try run.events("note").compactMap { $0["message"] as? String }
            #expect(notes.contains { $0.contains("beginning again") }, "\(notes)")
        }

        @Test func momentumIsRestored() throws {
            let task = try TinyTask()
            let whole = try task.train("whole")
            let run = try task.train("run")
            try cut(run, after: 4)
            let path = run.directory.checkpoint(step: 4)
            let checkpoint = try Checkpoint(reading: path)
            checkpoint.state.momentum.base.update(repeating: 0, count: checkpoint.state.momentum.count)
            try checkpoint.write(to: path)
            try task.resume("run")
            #expect(try run.digest != whole.digest)
        }

        @Test("a newest checkpoint that was cut off is passed over", arguments: [1, 3])
        func truncated(keep: Int) throws {
            let task = try TinyTask()
            let steps = ["training.steps=8", "data.validation=null"]
            let whole = try task.train("whole", steps)
            let settings = ["checkpoint.keep=\(keep)"]
            let run = try task.train("run", steps)
            for step in [4, 8] {
                let path = run.directory.checkpoint(step: step)
                let bytes = try Data(contentsOf: URL(filePath: path))
                try bytes.prefix(bytes.count / 2).write(to: URL(filePath: path))
            }
            try FileManager.default.removeItem(atPath: run.directory.checkpoint(step: 6))
            // No earlier checkpoint may be given up for one that is of no use.
            try task.resume("run", ranks: 2, settings + ["training.steps=6"])
            #expect(run.directory.checkpointSteps.contains(6))
            #expect(try run.digest == whole.digest(step: 6))
            try task.resume("run", settings + ["training.steps=8"])
            #expect(try run.digest == whole.digest)
            #expect(try run.steps("train") == Array(1...8))
        }

        @Test("a finished run ends at once and well", arguments: [1, 3])
        func finished(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ranks: ranks)
            let digest = try run.digest
            try task.resume("run", ranks: ranks)
            #expect(try run.digest == digest)
            #expect(try run.steps("train") == Array(1...6))
            #expect(run.directory.checkpointSteps.last == 6)
        }

        @Test("a longer run goes on where the shorter ended")
        func longer() throws {
            let task = try TinyTask()
            let whole = try task.train("whole", ["training.steps=7"])
            try task.train("run", ["training.steps=3"])
            let run = try task.resume("run", ranks: 3, ["training.steps=7"])
            #expect(try run.digest == whole.digest)
            #expect(try run.losses == whole.losses)
        }

        @Test("another engine, or OpenBLAS on another CPU, is said to change bits", arguments: ["native", "openblas"])
        func divergence(engine: String) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["run.engine=\(engine)", "training.steps=2"])
            func remarks() throws -> [String] {
                try run.events("note").compactMap { $0["message"] as? String }.filter { $0.contains("bits may differ") }
            }
            try task.resume("run", ranks: 3, ["training.steps=4"])
            #expect(try remarks().isEmpty)
            try run.reseal(step: 4, ["lockstep.blas": "OpenBLAT"])
            try task.resume("run", ["training.steps=6"])
            #expect(try remarks().count == (engine == "openblas" ? 1 : 0))
            try run.reseal(step: 6, ["lockstep.engine_version": "77"])
            try task.resume("run", ["training.steps=7"])
            let version = try remarks().count { $0.contains("of version 77 of the engine and the run goes on with") }
            #expect(version == (engine == "native" ? 1 : 0))
            let other = engine == "native" ? "openblas" : "native"
            try task.resume("run", ["training.steps=8", "run.engine=\(other)"])
            let last = try #require(try remarks().last)
            #expect(last.contains("of engine \(engine) and the run goes on with \(other)"))
        }

        @Test("what a resume does otherwise is said once, at its start, in the log too", arguments: [1, 3])
        func otherConfiguration(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2", "optimizer.schedule={kind: cosine}"])
            func notes() throws -> [String] { try run.events("note").compactMap { $0["message"] as? String } }
            try task.resume("run", ranks: ranks)
            let plain = try notes()
            #expect(plain.allSatisfy { $0.contains("going on") || $0.contains("nothing is left") }, "\(plain)")
            try task.resume(
                "run", ranks: ranks,
                [
                    "training.steps=4", "optimizer.momentum=0.5", "data.normalize=unit", "run.threads=2",
                    "checkpoint.keep=50",
                ])
            let said = try notes().dropFirst(plain.count)
            #expect(said.count == 4, "\(said)")
            for words in [
                "the learning rate jumps from 0 to 0.01 at this step (the schedule follows the run's new length)",
                "optimizer.momentum is 0.5 from here, and was 0.9",
                "data.normalize is unit, and the weights were trained with standardize",
            ] {
                #expect(said.contains { $0.contains(words) }, "\(said)")
            }
            // From the next checkpoint on it is the run's own.
            try task.resume("run", ranks: ranks, ["training.steps=5", "optimizer.schedule={kind: constant}"])
            let last = try notes().suffix(3)
            #expect(last.contains { $0.contains("optimizer.schedule is {kind: constant") }, "\(last)")
            #expect(!last.contains { $0.contains("optimizer.momentum") }, "\(last)")
        }

        @Test(
            "the learning rate's jump has its cause",
            arguments: [
                ("optimizer.learning_rate=0.2", "jumps from 0.02 to 0.2 at this step (optimizer.learning_rate)"),
                (
                    "optimizer.schedule={kind: step, every: 1, factor: 0.5}",
                    "jumps from 0.02 to 0.005 at this step (optimizer.schedule)"
                ), ("optimizer.schedule={warmup_steps: 8}", "jumps from 0.02 to 0.0075"),
            ])
        func rate(setting: String, says: String) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2"])
            try task.resume("run", ["training.steps=3", setting])
            let said = try run.events("note").compactMap { $0["message"] as? String }
            #expect(said.count { $0.contains("the learning rate jumps") } == 1)
            #expect(said.contains { $0.contains(says) }, "\(said)")
        }

        @Test("checkpoints that are out of sight are no reason to begin again", arguments: [false, true])
        func outOfSight(folderIsGone: Bool) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2"])
            let away = task.folder.path("away")
            try FileManager.default.moveItem(atPath: run.directory.checkpoints, toPath: away)
            if !folderIsGone {
                // As a disk that is not mounted leaves it, but for the link.
                try FileManager.default.createDirectory(
                    atPath: run.directory.checkpoints, withIntermediateDirectories: false)
                try FileManager.default.createSymbolicLink(
                    atPath: run.directory.latest, withDestinationPath: "step-00000002.safetensors")
            }
            let request = TrainingRequest(settings: ["training.steps=4"], resume: run.directory.path)
            let failure = try task.failure(request, ranks: 3)
            #expect(failure.kind == .request && failure.message.contains("though one was saved"), "\(failure)")
            #expect(try run.steps("train") == [1, 2])
        }

        @Test("what cannot be gone on with is refused, and left as it was", arguments: [1, 3])
        func refused(ranks: Int) throws {
            let task = try TinyTask()
            let empty = TrainingRequest(resume: task.folder.path("nothing"))
            #expect(try task.failure(empty, ranks: ranks).kind == .request)
            let run = try task.train("run", ["training.steps=2"])
            let other = TrainingRequest(settings: ["model.base_channels=3"], resume: run.directory.path)
            let failure = try task.failure(other, ranks: ranks)
            #expect(failure.kind == .request && failure.message.contains("another network"))
            let again = try task.failure(task.request("run"), ranks: ranks)
            #expect(again.kind == .request && again.message.contains("--resume"))
            #expect(try run.steps("train") == [1, 2])
            #expect(
                try String(contentsOfFile: run.directory.configuration, encoding: .utf8).contains("base_channels: 2"))
        }
    }

    /// Which checkpoints stay, and where the links point.
    @Suite struct Retention {
        private func target(_ link: String) throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: link)
        }

        @Test("the last few and the best stay", arguments: [1, 2, 3])
        func keep(count: Int) throws {
            let run = try TinyTask().train(
                "run", ranks: 2,
                ["training.steps=9", "checkpoint={every: 1, keep: \(count)}", "validation.every=2"])
            let scores = try run.events("validation").map { event in
                (step: event["step"] as? Int ?? 0, value: event["iou"] as? Double ?? 0)
            }
            #expect(scores.map(\.step) == [2, 4, 6, 8, 9])
            let most = scores.map(\.value).max()
            let best = try #require(scores.first { $0.value == most }).step
            let kept = (1...9).filter { $0 != best }.suffix(count)
            #expect(Set(run.directory.checkpointSteps) == Set(kept + [best]))
            #expect(try target(run.directory.latest) == Checkpoint.fileName(step: 9))
            #expect(try target(run.directory.best) == Checkpoint.fileName(step: best))
            let noted = try Checkpoint(reading: run.directory.latest).best
            // JSONSerialization may be off in the last digit.
            #expect(
                noted?.step == best && abs((noted?.value ?? -1) - (most ?? 0)) < 1e-12,
                "\(String(describing: noted)), \(scores)")
        }

        @Test func theBestStaysThoughItGrowsOld() throws {
            let folder = try TemporaryFolder()
            let task = try TinyTask()
            let made = try task.train("run", ["training.steps=1"])
            let directory = RunDirectory(folder.path("run"))
            try directory.create()
            for step in 1...6 {
                try FileManager.default.copyItem(
                    atPath: made.directory.checkpoint(step: 1), toPath: directory.checkpoint(step: step))
                try directory.adopt(step: step, best: BestScore(step: min(step, 2), value: 0.5), keep: 2)
            }
            #expect(directory.checkpointSteps == [2, 5, 6])
            #expect(try target(directory.best) == Checkpoint.fileName(step: 2))
            #expect(try target(directory.latest) == Checkpoint.fileName(step: 6))
        }

        @Test("without validation there is no best")
        func noValidation() throws {
            let task = try TinyTask()
            let request = try task.request("run", ["data.validation=null", "training.steps=2"])
            let ending = try #require(try task.endings(request, ranks: 1).first)
            let run = task.run("run")
            #expect(try ending.get().best == nil)
            #expect(!FileManager.default.fileExists(atPath: run.directory.best))
            #expect(FileManager.default.fileExists(atPath: run.directory.latest))
        }
    }
}
