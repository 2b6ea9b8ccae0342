import Checkpoints
import Foundation
import Testing

extension TrainingRuns {
    /// `validation.patience`: where a run ends depends on its validations alone, and not on when the workers learn of it.
    @Suite struct EarlyStopping {
        /// The weights change, too little for another score: the first validation stays the best.
        private let still = [
            "optimizer.learning_rate=1e-7", "training.steps=3000", "validation.every=2", "checkpoint.every=5",
        ]

        private func notes(_ run: Run) throws -> [String] {
            try run.events("note").compactMap { $0["message"] as? String }
        }

        @Test("on any number of ranks, with a coordinator of either kind, a run ends at the same validation")
        func sameEnd() throws {
            let task = try TinyTask()
            let whole = try task.train("whole", still + ["training.steps=6", "checkpoint.every=2"])
            for (number, ranks) in [1, 3, 4].enumerated() {
                for mode in ["dedicated", "shared"] {
                    let run = try task.train(
                        "run-\(number)-\(mode)", ranks: ranks,
                        still + ["validation.patience=2", "run.coordinator=\(mode)"])
                    #expect(try run.steps("validation") == [2, 4, 6], "\(ranks) ranks, \(mode)")
                    #expect(try run.steps("train") == Array(1...6))
                    #expect(run.directory.checkpointSteps == [2, 5, 6])
                    #expect(try run.digest == whole.digest && run.losses == whole.losses)
                    let best = try #require(try Checkpoint(reading: run.directory.best).best)
                    #expect(best.step == 2)
                    #expect(
                        try notes(run).contains("2 validations without a better iou than step 2's: the run ends here"))
                }
            }
            #expect(try whole.digest != whole.digest(step: 4))
        }

        @Test("a run that was cut goes on to the same end; the count is part of the checkpoint", arguments: [1, 3])
        func resume(ranks: Int) throws {
            let task = try TinyTask()
            let settings = still + ["checkpoint.every=2", "validation.patience=3"]
            let run = try task.train("run", ranks: ranks, settings)
            let digest = try run.digest
            #expect(run.directory.checkpointSteps == [2, 4, 6, 8])
            let counts = try [2, 4, 6, 8].map {
                try Checkpoint(reading: run.directory.checkpoint(step: $0)).best?.validationsSince
            }
            #expect(counts == [0, 1, 2, 3])
            for step in [6, 8] { unlink(run.directory.checkpoint(step: step)) }
            try task.resume("run", ranks: ranks)
            #expect(try run.digest == digest)
            #expect(try run.steps("train") == Array(1...8) && run.steps("validation") == [2, 4, 6, 8])
        }

        @Test("an ended run has nothing left to do, until more patience is asked for", arguments: [1, 3])
        func ended(ranks: Int) throws {
            let task = try TinyTask()
            let run = try task.train("run", ranks: ranks, still + ["validation.patience=1"])
            let digest = try run.digest
            try task.resume("run", ranks: ranks)
            #expect(try run.digest == digest && run.steps("train") == Array(1...4))
            #expect(try notes(run).contains("the run has ended here, and nothing is left to do"))
            try task.resume("run", ranks: ranks, ["validation.patience=2"])
            #expect(try run.steps("validation") == [2, 4, 6] && run.steps("train") == Array(1...6))
        }

        @Test func aBetterValidationStartsTheCountAnew() throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=12", "validation.every=1", "validation.patience=4"])
            // As the definition has it, over the scores in the log.
            var (best, since, end) = (-1.0, 0, 12)
            for (index, score) in try run.validations.map({ $0[2] ?? -1 }).enumerated() where since < 4 {
                if score > best { (best, since) = (score, 0) } else { since += 1 }
                if since == 4 { end = index + 1 }
            }
            #expect(try run.steps("validation") == Array(1...end))
            let score = try #require(try Checkpoint(reading: run.directory.latest).best)
            #expect(score.value == best && score.step == end - score.validationsSince && score.step > 1)
        }
    }
}
