import Checkpoints
import Foundation
import Support
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// What happens to a run's files while it trains, or between two parts of it, costs nothing that was good.
    @Suite struct Durability {
        /// Calls `action` once the run has logged a step, while it is going on.
        private func after(step: Int, of run: Run, _ action: @escaping @Sendable (RunDirectory) -> Void) {
            let directory = run.directory
            Thread.detachNewThread {
                let deadline = Date(timeIntervalSinceNow: 20)
                while Date() < deadline {
                    let log = FileManager.default.contents(atPath: directory.metrics) ?? Data()
                    if log.range(of: Data("\"step\":\(step),".utf8)) != nil { return action(directory) }
                    usleep(1000)
                }
            }
        }

        private func notes(_ run: Run) throws -> [String] {
            try run.events("note").compactMap { $0["message"] as? String }
        }

        private static let long = ["checkpoint={every: 20, keep: 2}", "validation.every=100000"]

        @Test(
            "a folder of checkpoints that vanishes is made again",
            arguments: [(1, "dedicated"), (3, "dedicated"), (3, "shared")])
        func vanishedFolder(ranks: Int, mode: String) throws {
            let task = try TinyTask()
            after(step: 25, of: task.run("run")) { try? FileManager.default.removeItem(atPath: $0.checkpoints) }
            let run = try task.train(
                "run", ranks: ranks, Self.long + ["training.steps=400", "run.coordinator=\(mode)"])
            #expect(run.directory.checkpointSteps.suffix(2) == [380, 400] && run.directory.checkpointSteps.count <= 3)
        }

        @Test("a save that fails is tried again at the next", arguments: [1, 3])
        func failedSave(ranks: Int) throws {
            let task = try TinyTask()
            let run = task.run("run")
            try task.folder.write("", to: "file")
            for folder in ["run", "kept"] {
                try FileManager.default.createDirectory(
                    atPath: task.folder.path(folder), withIntermediateDirectories: true)
            }
            try AtomicFile.link(run.directory.checkpoints, to: "../kept")
            after(step: 25, of: run) { directory in
                // A file stands in the folder's place for a while.
                try? AtomicFile.link(directory.checkpoints, to: "../file")
                let deadline = Date(timeIntervalSinceNow: 20)
                func log() -> Data { FileManager.default.contents(atPath: directory.metrics) ?? Data() }
                while Date() < deadline, log().range(of: Data("could not be".utf8)) == nil { usleep(1000) }
                try? AtomicFile.link(directory.checkpoints, to: "../kept")
            }
            try task.train("run", ranks: ranks, Self.long + ["training.steps=600"])
            #expect(try notes(run).contains { $0.contains("could not be saved, the old ones stay") })
            #expect(run.directory.checkpointSteps.suffix(1) == [600])
            _ = try Checkpoint(reading: run.directory.latest)
        }

        @Test("a log that cannot be written for a while loses no event and ends no run", arguments: [1, 3])
        func fullDisk(ranks: Int) throws {
            let task = try TinyTask()
            let run = task.run("run")
            after(step: 5, of: run) { directory in
                /// Makes the open log another file.
                func redirect(to path: String, _ flags: Int32) {
                    let other = open(path, flags)
                    defer { close(other) }
                    for (number, target) in descriptors where target == directory.metrics { dup2(other, number) }
                    descriptors = []
                }
                var descriptors: [(Int32, String)] = []
                for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
                    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                    if let number = Int32(name), let target, target == directory.metrics {
                        descriptors.append((number, target))
                    }
                }
                let kept = descriptors
                redirect(to: "/dev/full", O_WRONLY)
                usleep(20_000)
                descriptors = kept
                redirect(to: directory.metrics, O_WRONLY | O_APPEND)
            }
            try task.train("run", ranks: ranks, Self.long + ["training.steps=600"])
            #expect(try run.steps("train") == Array(1...600))
        }

        @Test("a folder that is removed, and made anew by another run, is left to that one", arguments: [1, 3])
        func replacedFolder(ranks: Int) throws {
            let task = try TinyTask()
            let run = task.run("run")
            after(step: 25, of: run) { directory in
                // Away at once, then what is in it: the run may be writing there.
                let old = directory.path + "-old"
                rename(directory.path, old)
                try? RunDirectory(directory.path).create()
                _ = FileManager.default.createFile(atPath: directory.checkpoint(step: 5), contents: Data("new".utf8))
                while FileManager.default.fileExists(atPath: old) { try? FileManager.default.removeItem(atPath: old) }
            }
            let failure = try task.failure(
                task.request("run", Self.long + ["training.steps=100000"]), ranks: ranks)
            #expect(failure.message.contains("was removed while the run was writing to it"), "\(failure)")
            #expect(run.directory.checkpointSteps == [5])
            #expect(
                try task.folder.files().keys.filter { $0.hasPrefix("run/") } == [
                    "run/checkpoints/step-00000005.safetensors"
                ])
        }

        @Test("a damaged checkpoint is passed over, and the end is the same", arguments: [(1, 3), (3, 1)])
        func damaged(before: Int, after: Int) throws {
            let task = try TinyTask()
            let whole = try task.train("whole")
            let run = try task.train("run", ranks: before)
            for step in [6, 4] {
                let path = run.directory.checkpoint(step: step)
                var bytes = try Data(contentsOf: URL(filePath: path))
                // In the momentum of one, in the configuration of the other.
                bytes[step == 6 ? bytes.count - 5 : 300] ^= 0x10
                try bytes.write(to: URL(filePath: path))
            }
            try task.resume("run", ranks: after)
            #expect(try notes(run).count { $0.hasPrefix("passed over: ") } == 2)
            #expect(try run.digest == whole.digest && run.validations == whole.validations)
        }

        @Test(
            "a run that was killed in a validation makes up for it",
            arguments: [(1, "coordinator"), (3, "coordinator"), (3, "workers")])
        func validationIsDue(ranks: Int, place: String) throws {
            let task = try TinyTask()
            let settings = ["training.steps=9", "checkpoint.every=3", "validation.on=\(place)"]
            let whole = try task.train("whole", ranks: ranks, settings)
            let run = try task.train("run", ranks: ranks, settings)
            for step in [9, 6] {
                // As it was saved before its validation.
                let path = run.directory.checkpoint(step: step)
                var checkpoint = try Checkpoint(reading: path)
                checkpoint.isValidationDue = true
                checkpoint.best = try Checkpoint(reading: run.directory.checkpoint(step: step - 3)).best
                try checkpoint.write(to: path)
                for later in run.directory.checkpointSteps where later > step {
                    unlink(run.directory.checkpoint(step: later))
                }
                try task.resume("run", ranks: ranks)
                #expect(try run.validations == whole.validations)
                #expect(
                    try Checkpoint(reading: run.directory.latest).best
                        == Checkpoint(reading: whole.directory.latest).best)
                #expect(try !Checkpoint(reading: run.directory.checkpoint(step: step)).isValidationDue)
                #expect(try run.digest == whole.digest)
            }
        }

        @Test("a log with lines that cannot be read is kept beside the new one")
        func damagedLog() throws {
            let task = try TinyTask()
            let run = try task.train("run")
            var log = try Data(contentsOf: URL(filePath: run.directory.metrics))
            let quote = try #require(log.firstIndex(of: UInt8(ascii: "\"")))
            log[quote] = 0xFF
            try log.write(to: URL(filePath: run.directory.metrics))
            try task.resume("run", ["training.steps=7"])
            #expect(try Data(contentsOf: URL(filePath: run.directory.metrics + ".damaged-1")) == log)
            #expect(try run.steps("train") == Array(2...7))
            try task.resume("run", ["training.steps=8"])
            #expect(!FileManager.default.fileExists(atPath: run.directory.metrics + ".damaged-2"))
        }

        @Test("a log that ends in zeros, as a power cut may leave it, is kept too", arguments: [0, 3])
        func zerosInTheLog(share: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run")
            var log = try Data(contentsOf: URL(filePath: run.directory.metrics))
            let first = share == 0 ? 0 : log.count / share
            log.replaceSubrange(first..., with: Data(count: log.count - first))
            try log.write(to: URL(filePath: run.directory.metrics))
            try task.resume("run", ["training.steps=7"])
            #expect(try Data(contentsOf: URL(filePath: run.directory.metrics + ".damaged-1")) == log)
            #expect(try run.steps("train").last == 7)
        }

        @Test("lines that a log has lost between two starts are counted", arguments: [0, 1, 2, 5])
        func cutLog(kept: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run")
            let steps = try run.steps("train")
            let last = try #require(run.directory.checkpointSteps.last)
            var left = kept
            let lines = try String(contentsOfFile: run.directory.metrics, encoding: .utf8).split(separator: "\n").filter
            {
                guard $0.contains("\"event\":\"train\"") else { return true }
                left -= 1
                return left >= 0
            }
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: run.directory.metrics))
            try task.resume("run", ["training.steps=7"])
            let missing = last - min(kept, steps.count)
            let notes = try run.events("note").compactMap { $0["message"] as? String }.filter {
                $0.contains("the log lacks")
            }
            #expect(
                notes
                    == (missing == 0
                        ? []
                        : [
                            "the log lacks \(missing) of the \(last) steps before this one: it was cut, or its disk was full"
                        ]))
        }

        @Test("a copy of a checkpoint beside the others is none", arguments: ["step-3", "step-003", "step-+5"])
        func copiedCheckpoint(name: String) throws {
            let task = try TinyTask()
            let run = try task.train("run")
            let step = try #require(run.directory.checkpointSteps.last)
            let folder = URL(filePath: run.directory.checkpoint(step: step)).deletingLastPathComponent()
            let copy = folder.appending(path: "\(name).safetensors")
            try FileManager.default.copyItem(at: URL(filePath: run.directory.checkpoint(step: step)), to: copy)
            try task.resume("run", ["training.steps=7"])
            #expect(run.directory.checkpointSteps.last == 7)
            #expect(FileManager.default.fileExists(atPath: copy.path))
        }

        @Test func aLogThatCannotBeReadIsNotOverwritten() throws {
            let task = try TinyTask()
            let run = try task.train("run")
            unlink(run.directory.metrics)
            try FileManager.default.createDirectory(atPath: run.directory.metrics, withIntermediateDirectories: false)
            let request = TrainingRequest(settings: ["training.steps=7"], resume: run.directory.path)
            let failure = try task.failure(request, ranks: 1)
            #expect(failure.message.contains("metrics.jsonl is a folder"), "\(failure)")
        }

        @Test("an image that changes under a run ends it by name", arguments: [1, 3], ["images", "labels"])
        func changingImage(ranks: Int, kind: String) throws {
            let task = try TinyTask()
            let request = try task.request(
                "run",
                ["training.steps=100000", "checkpoint.every=100000", "validation.every=100000", "data.cache_mb=0"])
            let image = task.image(3).replacingOccurrences(of: "/images/", with: "/\(kind)/")
            let other = task.image(2).replacingOccurrences(of: "/images/", with: "/\(kind)/")
            after(step: 5, of: task.run("run")) { _ in
                _ = try? FileManager.default.copyItem(atPath: other, toPath: image + ".new")
                rename(image + ".new", image)
            }
            let failure = try task.failure(request, ranks: ranks)
            #expect(failure.kind == .running && failure.message.contains("cell-0003.png"), "\(failure)")
            #expect(failure.message.contains("not what was read when the run began"), "\(failure)")
            #expect(failure.message.contains(/\((rank 0 on \S+|thread \d+), step/), "\(failure)")
        }

        @Test("one that was changed between two parts of a run is named", arguments: [1, 3])
        func changedImage(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ranks: ranks)
            #expect(try !notes(run).contains { $0.contains("was changed") })
            try task.resume("run", ranks: ranks, ["training.steps=7"])
            #expect(try !notes(run).contains { $0.contains("was changed") })
            try Data(contentsOf: URL(filePath: task.image(2))).write(to: URL(filePath: task.image(3)))
            try task.resume("run", ranks: ranks, ["training.steps=8"])
            #expect(try notes(run).count { $0.contains("cell-0003.png") && $0.contains("was changed") } == 1)
        }

        @Test("a best checkpoint that no score is known of any more stays, until there is another")
        func formerBest() throws {
            let task = try TinyTask()
            let run = try task.train("run", ["checkpoint={every: 1, keep: 1}"])
            let best = try #require(Checkpoint(reading: run.directory.latest).best).step
            try FileManager.default.copyItem(
                atPath: task.image(1), toPath: task.folder.path("data/images/another.png"))
            try FileManager.default.copyItem(
                atPath: task.image(1).replacingOccurrences(of: "/images/", with: "/labels/"),
                toPath: task.folder.path("data/labels/another.png"))
            // Nothing is left to do, and what goes on meets no validation.
            for steps in [6, 8] {
                let settings = ["training.steps=\(steps)", "validation.every=1000"]
                try task.resume("run", settings + (steps == 8 ? ["data.validation=null"] : []))
                #expect(run.directory.checkpointSteps.contains(best))
                #expect(try Checkpoint(reading: run.directory.best).state.step == best)
            }
        }

        @Test("a damaged best is said, and sought anew", arguments: [1, 3])
        func damagedBest(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ["checkpoint={every: 1, keep: 3}", "validation.every=1"])
            let best = try #require(Checkpoint(reading: run.directory.latest).best).step
            let path = run.directory.checkpoint(step: best == 6 ? 5 : best)
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[bytes.count - 9] ^= 4
            try bytes.write(to: URL(filePath: path))
            guard best != 6 else { return }
            try task.resume("run", ranks: ranks, ["training.steps=7"])
            #expect(try notes(run).contains { $0.hasPrefix("the best score is sought anew: \(path) is damaged") })
            #expect(try Checkpoint(reading: run.directory.latest).best?.step == 7)
        }

        @Test("another run's folder in the place of its checkpoints loses none", arguments: [1, 3])
        func foreignFolder(ranks: Int) throws {
            let task = try TinyTask()
            let other = try task.train("other", ["checkpoint={every: 1, keep: 100}"])
            let run = task.run("run")
            let before = other.directory.checkpointSteps
            after(step: 25, of: run) { directory in
                rename(directory.checkpoints, directory.checkpoints + "-aside")
                rename(other.directory.checkpoints, directory.checkpoints)
            }
            try task.train("run", ranks: ranks, Self.long + ["training.steps=400"])
            #expect(Set(run.directory.checkpointSteps).isSuperset(of: before))
        }

        @Test func aNetworkWhoseAnswersAreNoNumbersIsNotKept() throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2", "checkpoint={every: 1, keep: 1}"])
            let (digest, steps) = (try run.digest, run.directory.checkpointSteps)
            for skip in ["stop", "skip"] {
                let request = TrainingRequest(
                    settings: [
                        "training.steps=3", "optimizer.learning_rate=1e37", "training.on_nonfinite=\(skip)",
                        "validation.every=1", "checkpoint={every: 1, keep: 1}",
                    ], resume: run.directory.path)
                let failure = try task.failure(request, ranks: 1)
                #expect(failure.message.contains("not finite after step 3") && failure.repeats, "\(failure)")
                #expect(run.directory.checkpointSteps == steps)
                #expect(try run.digest == digest)
            }
        }

        @Test func aLiveRunIsNotGoneOnWith() throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2"])
            let lock = try run.directory.lock(patience: 5)
            // What the other process saves while this one waits is what it goes on from.
            Thread.detachNewThread {
                usleep(500_000)
                let newer = try? Checkpoint(reading: run.directory.checkpoint(step: 2))
                newer?.state.step = 4
                try? newer?.write(to: run.directory.checkpoint(step: 4))
                try? lock.close()
            }
            try task.resume("run", ["training.steps=5"])
            #expect(try notes(run).count { $0.hasPrefix("going on from the checkpoint") } == 1)
            #expect(try run.steps("train") == [1, 2, 5])
        }

        @Test func aLogThatIsAPipeIsRefused() throws {
            let task = try TinyTask()
            let run = try task.train("run")
            for log in [run.directory.log, run.directory.metrics] {
                rename(log, log + ".aside")
                #expect(mkfifo(log, 0o600) == 0)
                let request = TrainingRequest(settings: ["training.steps=7"], resume: run.directory.path)
                let failure = try task.failure(request, ranks: 1)
                #expect(failure.message.contains((log as NSString).lastPathComponent), "\(failure)")
                unlink(log)
                rename(log + ".aside", log)
            }
        }

        @Test func aRunHasOneIdentity() throws {
            let task = try TinyTask()
            let run = try task.train("run")
            let identity = try #require(run.directory.identity)
            try task.resume("run", ranks: 3, ["training.steps=8"])
            #expect(run.directory.identity == identity)
            #expect(try Checkpoint(reading: run.directory.latest).run == identity)
            #expect(try task.train("other").directory.identity != identity)
        }
    }
}
