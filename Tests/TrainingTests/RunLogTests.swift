import Checkpoints
import Foundation
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// What a run leaves of its course beside its checkpoints.
    @Suite struct RunLogs {
        @Test("TensorBoard is told what the log has, also by a run that goes on", arguments: [1, 3])
        func tensorboard(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ranks: ranks)
            // As it is after a kill: the last checkpoint was not written any more.
            try FileManager.default.removeItem(atPath: run.directory.checkpoint(step: 6))
            try task.resume("run", ranks: ranks)
            let found = try EventFileReader(folder: run.directory.tensorboard)
            #expect(found.files.count == 2 && found.isEnded)
            for (tag, key) in [
                ("loss", "loss"), ("learning_rate", "learning_rate"), ("gradient_norm", "gradient_norm"),
            ] {
                let logged = try run.events("train").map { Float($0[key] as? Double ?? .nan) }
                #expect(found.scalars["train/\(tag)"]?.map(\.value) == logged, "\(tag)")
                #expect(found.scalars["train/\(tag)"]?.map(\.step) == Array(1...6), "\(tag)")
            }
            let scores = try run.events("validation").map { Float($0["iou"] as? Double ?? .nan) }
            #expect(found.scalars["validation/iou"]?.map(\.value) == scores)
            #expect(found.scalars["validation/iou"]?.map(\.step) == [3, 6])
            let pictures = found.pictures.values.first ?? []
            #expect(found.pictures.count == 2 && pictures.map(\.step) == [3, 6])
            let previews = try FileManager.default.contentsOfDirectory(atPath: run.directory.previews)
            #expect(Set(found.pictures.keys) == Set(previews.map { "previews/\($0.dropFirst(7).dropLast(4))" }))
            #expect(found.parameters.first?["optimizer.learning_rate"] == "0.02")
            #expect(found.parameters.first?["data.labels"] == "binary" && found.parameters.first?["data.root"] == nil)
        }

        @Test("event files that cannot be written end no run")
        func noFolder() throws {
            let task = try TinyTask()
            let whole = try task.train("whole")
            try task.folder.write("in its place", to: "run/tensorboard")
            let run = try task.train("run")
            #expect(try run.digest == whole.digest)
        }

        @Test("a step has its epoch, and the seconds of training over all parts of a run")
        func epochsAndSeconds() throws {
            let task = try TinyTask()
            // Five training images.
            let run = try task.train("run", ["training.batch=2", "training.steps=4"])
            #expect(try run.events("train").compactMap { $0["epoch"] as? Double } == [0.4, 0.8, 1.2, 1.6])
            func seconds() throws -> [Double] {
                try run.events("train").compactMap { $0["elapsed_seconds"] as? Double }
            }
            let before = try seconds()
            try task.resume("run", ["training.steps=6"])
            let after = try seconds()
            #expect(after.count == 6 && Array(after.prefix(4)) == before)
            // A checkpoint has the seconds at the beginning of its last step.
            #expect(after[4] > after[2] && after[5] > after[4])
            #expect(before[0] > 0)
        }

        @Test("near the end of its minutes a run leaves a validation to the last step")
        func lastValidation() {
            let limit = TrainingLimit.seconds(60)
            // 0.05 s a step: 3 s are 60 steps.
            #expect(limit.endsWithin(steps: 61, step: 1140, elapsed: 57))
            #expect(!limit.endsWithin(steps: 59, step: 1140, elapsed: 57))
            #expect(!limit.endsWithin(steps: 1000, step: 0, elapsed: 0))
            #expect(!TrainingLimit.steps(100).endsWithin(steps: 50, step: 99, elapsed: 5))
        }
    }
}
