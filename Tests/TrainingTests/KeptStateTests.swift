import Checkpoints
import Foundation
import Support
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// A run that was lost goes on from the last step that a machine has kept in memory.
    @Suite struct KeptStates {
        /// Nothing but the last checkpoint of the run is on the disk, and of images little is kept.
        private static let rare = ["checkpoint.every=100000", "data.cache_mb=0", "checkpoint.keep=100"]

        /// Trains until an image vanishes after a step, which ends the run without a word on what it has kept; returns the last
        /// step of its log.
        private func lose(
            _ task: TinyTask, _ name: String = "run", ranks: Int, after step: Int, _ settings: [String],
            resuming: Bool = false, machine: @escaping @Sendable (Int) -> Int = { _ in 0 }
        ) throws -> Int {
            let request =
                resuming
                ? TrainingRequest(resume: task.folder.path(name)) : try task.request(name, Self.rare + settings)
            let run = task.run(name)
            let (image, metrics) = (task.image(3), run.directory.metrics)
            let pixels = try #require(FileManager.default.contents(atPath: image))
            Thread.detachNewThread {
                let deadline = Date(timeIntervalSinceNow: 20)
                while Date() < deadline {
                    let log = FileManager.default.contents(atPath: metrics) ?? Data()
                    if log.range(of: Data("\"step\":\(step),".utf8)) != nil { break }
                    usleep(500)
                }
                unlink(image)
            }
            for ending in try task.endings(request, ranks: ranks, machine: machine) {
                guard case .failure = ending else { throw TinyTask.Unexpected("the run was not lost") }
            }
            try pixels.write(to: URL(filePath: image))
            return try #require(try run.steps("train").last)
        }

        /// The step that the run says it has gone on from.
        private func origin(_ run: Run) throws -> Int {
            let notes = try run.events("note").filter {
                ($0["message"] as? String)?.contains("kept in the memory of") == true
            }
            return try #require(notes.last?["step"] as? Int)
        }

        private func states(_ task: TinyTask, _ machine: Int = 0) -> [KeptState] {
            let memory = task.memory(machine)
            return memory.names().compactMap { memory.open($0).flatMap { KeptState($0) } }
        }

        private func whole(_ task: TinyTask, _ settings: [String]) throws -> Run {
            try task.train("whole", Self.rare + settings)
        }

        private func expectSame(_ run: Run, _ whole: Run, steps: Int) throws {
            #expect(try run.digest == whole.digest)
            #expect(try run.losses == whole.losses)
            #expect(try run.steps("train") == Array(1...steps))
            #expect(try run.validations == whole.validations)
            #expect(try run.events("failure").isEmpty)
        }

        @Test(
            "with another number of ranks, before the first checkpoint",
            arguments: [(1, 3, "coordinator"), (3, 1, "coordinator"), (4, 2, "workers"), (2, 6, "workers")])
        func goesOn(before: Int, after: Int, place: String) throws {
            let task = try TinyTask()
            let settings = ["training.steps=120", "validation.every=20", "validation.on=\(place)", "training.ema=0.9"]
            let whole = try whole(task, settings)
            _ = try lose(task, ranks: before, after: 50, settings)
            let run = task.run("run")
            #expect(run.directory.checkpointSteps.allSatisfy { $0 % 20 == 0 })
            let kept = states(task)
            #expect(kept.count >= 2)
            try task.resume("run", ranks: after)
            #expect(try origin(run) >= 40)
            #expect(kept.contains { (try? origin(run)) == $0.step })
            try expectSame(run, whole, steps: 120)
            #expect(task.memory(0).names().isEmpty)
        }

        @Test("a run that is lost twice, on two machines of which one does not come back")
        func lostTwice() throws {
            let task = try TinyTask()
            try FileManager.default.createDirectory(atPath: task.memory(1).folder, withIntermediateDirectories: true)
            let settings = ["training.steps=200", "validation.every=40"]
            let whole = try whole(task, settings)
            let machine: @Sendable (Int) -> Int = { $0 % 2 }
            _ = try lose(task, ranks: 4, after: 50, settings, machine: machine)
            #expect(states(task).count >= 2 && states(task, 1).count >= 2)
            // The other machine is gone, with its memory.
            for name in task.memory(0).names() { task.memory(0).remove(name) }
            let newest = try #require(states(task, 1).map(\.step).max())
            let last = try lose(task, ranks: 2, after: newest + 40, [], resuming: true, machine: { _ in 1 })
            #expect(last > newest && task.run("run").directory.checkpointSteps.contains(newest))
            let run = try task.resume("run", ranks: 3)
            #expect(try origin(run) == newest)
            try task.resume("run")
            try expectSame(run, whole, steps: 200)
        }

        /// Puts a state of a run that has all its checkpoints into a machine's memory.
        private func put(
            _ step: Int, of whole: Run, due: [Int] = [], as run: KeptState.Run, in memory: MemoryFolder,
            changing place: Int? = nil
        ) throws {
            let state = try Checkpoint(reading: whole.directory.checkpoint(step: step)).state
            let file = try MemoryFile(MemoryFolder.nextName(run: run.run), in: memory, size: run.fileBytes)
            let kept = KeptState(
                run: run, state: state, learningRate: 0.02, validationsDue: due, course: [], supervisor: nil)
            #expect(kept.write(state, to: file, team: .init(threads: 2)))
            if let place {
                file.base.storeBytes(
                    of: file.base.load(fromByteOffset: place, as: UInt8.self) ^ 1, toByteOffset: place, as: UInt8.self)
            }
        }

        @Test("damage is passed over, and a validation that was under way is made up for", arguments: [1, 3])
        func validationIsDue(ranks: Int) throws {
            let task = try TinyTask()
            let settings = ["training.steps=80", "validation.every=20"]
            let whole = try task.train("whole", settings + ["checkpoint={every: 1, keep: 1000}"])
            let lost = try lose(task, ranks: ranks, after: 50, settings)
            let run = task.run("run")
            let kept = try #require(states(task).first).run
            for name in task.memory(0).names() { task.memory(0).remove(name) }
            try #require(lost >= 50)
            try put(40, of: whole, due: [40], as: kept, in: task.memory(0))
            try put(47, of: whole, due: [40], as: kept, in: task.memory(0))
            try put(48, of: whole, as: kept, in: task.memory(0), changing: kept.fileBytes - 1)
            // Of a run with other settings, of which nothing is taken.
            let other = KeptState.Run(
                run: kept.run, folder: kept.folder, configuration: "other", images: "", contents: "", engine: "",
                state: try Checkpoint(reading: whole.directory.checkpoint(step: 49)).state)
            try put(49, of: whole, as: other, in: task.memory(0))
            try task.resume("run", ranks: ranks)
            #expect(try origin(run) == 47)
            let notes = try run.events("note").compactMap { $0["message"] as? String }
            #expect(notes.contains { $0.hasPrefix("passed over: the state of step 48") }, "\(notes)")
            #expect(Set(run.directory.checkpointSteps).isSuperset(of: [40, 47]))
            #expect(try Checkpoint(reading: run.directory.checkpoint(step: 40)).isValidationDue == false)
            try expectSame(run, whole, steps: 80)
            #expect(task.memory(0).names().isEmpty)
        }

        @Test("what two machines do not agree on is not taken")
        func machinesDiffer() throws {
            let task = try TinyTask()
            try FileManager.default.createDirectory(atPath: task.memory(1).folder, withIntermediateDirectories: true)
            let settings = ["training.steps=80", "data.validation=null"]
            let whole = try task.train("whole", settings + ["checkpoint={every: 1, keep: 1000}"])
            _ = try lose(task, ranks: 3, after: 50, settings)
            let kept = try #require(states(task).first).run
            for name in task.memory(0).names() { task.memory(0).remove(name) }
            for (step, machine) in [(48, 0), (47, 1), (46, 0), (46, 1)] {
                try put(step, of: whole, as: kept, in: task.memory(machine))
            }
            // Step 47, which says that it is step 48.
            let state = try Checkpoint(reading: whole.directory.checkpoint(step: 47)).state
            state.step = 48
            let file = try MemoryFile(
                MemoryFolder.nextName(run: kept.run), in: task.memory(1), size: kept.fileBytes)
            let mistaken = KeptState(
                run: kept, state: state, learningRate: 0.02, validationsDue: [], course: [], supervisor: nil)
            #expect(mistaken.write(state, to: file, team: .init(threads: 1)))
            let request = TrainingRequest(resume: task.folder.path("run"))
            for ending in try task.endings(request, ranks: 4, machine: { $0 % 2 }) { _ = try ending.get() }
            let run = task.run("run")
            #expect(try origin(run) == 47)
            let notes = try run.events("note").compactMap { $0["message"] as? String }
            #expect(notes.contains { $0.contains("states of step 48 in the memories of") }, "\(notes)")
            #expect(try run.digest == whole.digest)
            #expect(task.memory(0).names().isEmpty && task.memory(1).names().isEmpty)
        }

        @Test("until a step, and switched off", arguments: [1, 3])
        func untilAndOff(ranks: Int) throws {
            let task = try TinyTask()
            let settings = ["training.steps=80", "validation.every=20"]
            let whole = try whole(task, settings)
            _ = try lose(task, ranks: ranks, after: 50, settings)
            let newest = try #require(states(task).map(\.step).max())
            let request = TrainingRequest(resume: task.folder.path("run"), until: newest)
            for ending in try task.endings(request, ranks: ranks) { _ = try ending.get() }
            let run = task.run("run")
            #expect(run.directory.checkpointSteps.last == newest)
            #expect(try run.steps("validation").contains(newest))
            #expect(task.memory(0).names().isEmpty)
            try task.resume("run", ranks: ranks, ["checkpoint.memory=false"])
            #expect(try run.digest == whole.digest)
            #expect(try run.steps("train") == Array(1...80))

            _ = try lose(task, "off", ranks: ranks, after: 50, settings + ["checkpoint.memory=false"])
            #expect(task.memory(0).names().isEmpty)
        }

        @Test("what another run has left is removed by the next start")
        func sweeping() throws {
            let task = try TinyTask()
            _ = try lose(task, ranks: 1, after: 20, ["training.steps=80"])
            #expect(!states(task).isEmpty)
            try task.train("next", ["training.steps=2"])
            #expect(task.memory(0).names().isEmpty)
        }
    }
}
