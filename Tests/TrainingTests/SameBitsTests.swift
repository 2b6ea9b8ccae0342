import Foundation
import Testing

extension TrainingRuns {
    /// What a run computes does not depend on who shares the work.
    @Suite struct SameBits {
        struct Case: Sendable, CustomTestStringConvertible {
            let ranks: Int
            let settings: [String]
            var testDescription: String { "\(ranks) ranks \(settings)" }

            init(_ ranks: Int, _ settings: String...) {
                self.ranks = ranks
                self.settings = settings
            }
        }

        /// Five images a step: with 4 workers uneven shares, with 5 one each.
        private static let five = [
            Case(2), Case(3), Case(4), Case(5), Case(6), Case(2, "run.coordinator=shared"),
            Case(3, "run.coordinator=shared"), Case(1, "run.threads=2"), Case(3, "run.threads=2"),
            Case(3, "data.loader_threads=3"), Case(1, "data.cache_mb=0"),
        ]

        @Test("on any number of ranks and threads", arguments: ["native", "openblas"])
        func sharedWork(engine: String) throws {
            let task = try TinyTask()
            let chosen = ["run.engine=\(engine)"]
            let alone = try task.train("alone", chosen)
            let losses = try alone.losses
            #expect(losses.count == 6 && Set(losses.map { $0[0] }).count == 6)
            #expect(try alone.validations.map { $0[0] } == [3, 6])
            for (number, example) in Self.five.enumerated() {
                let run = try task.train("run-\(number)", ranks: example.ranks, chosen + example.settings)
                #expect(try run.digest == alone.digest, "\(example)")
                #expect(try run.losses == losses, "\(example)")
                #expect(try run.validations == alone.validations, "\(example)")
            }
        }

        @Test("uneven shares, deeper, same padding", arguments: [[], ["model.padding=same", "data.tile=32"]])
        func sixImagesAStep(settings: [String]) throws {
            let task = try TinyTask()
            let more =
                ["training.batch=6", "training.steps=3", "model.depth=2"]
                + (settings.isEmpty ? ["data.tile=60"] : settings)
            let alone = try task.train("alone", more)
            for ranks in [3, 5, 6] {
                let run = try task.train("run-\(ranks)", ranks: ranks, more)
                #expect(try run.digest == alone.digest, "\(ranks) ranks")
                #expect(try run.losses == alone.losses, "\(ranks) ranks")
            }
        }

        @Test("every loss", arguments: ["dice", "cross_entropy+dice, label_smoothing: 0.1"])
        func losses(kind: String) throws {
            let task = try TinyTask()
            let more = ["loss={kind: \(kind)}", "training.steps=2"]
            let plain = try task.train("plain", ["training.steps=2"])
            let alone = try task.train("alone", more)
            let shared = try task.train("shared", ranks: 4, more + ["run.threads=2"])
            #expect(try shared.digest == alone.digest && shared.losses == alone.losses)
            #expect(try alone.digest != plain.digest)
        }

        @Test func theWholeRecipeIsTheSameOnAnyNumberOfRanks() throws {
            let task = try TinyTask()
            let recipe = [
                "augmentation.grey={gamma: 0.2}", "augmentation.noise=0.1", "augmentation.blur=1",
                "loss.border.sigma=3",
                "loss.class_weights=balanced", "data.sampling.foreground=0.5",
            ]
            let alone = try task.train("alone", recipe)
            let plain = try task.train("plain").digest
            #expect(try alone.digest != plain)
            for (number, settings) in [[], ["data.cache_mb=0"], ["data.loader_threads=3"]].enumerated() {
                let run = try task.train("run-\(number)", ranks: 3 + number, recipe + settings)
                #expect(try run.digest == alone.digest)
                #expect(try run.losses == alone.losses)
            }
            // A killed run goes on with the samples that it would have seen.
            try task.train("stopped", recipe + ["training.steps=4"])
            let resumed = try task.resume("stopped", ranks: 4, ["training.steps=6"]).digest
            #expect(try alone.digest == resumed)
        }

        @Test func anotherSeedOrNoDropoutGivesOtherWeights() throws {
            let task = try TinyTask()
            let digests = try [["seed=5"], ["seed=6"], ["model.dropout=0"]].enumerated().map {
                try task.train("run-\($0)", $1 + ["training.steps=2"]).digest
            }
            #expect(Set(digests).count == 3)
        }
    }

    /// When a run ends.
    @Suite struct Lengths {
        @Test("E epochs of n images are ⌈E·n/batch⌉ steps", arguments: [(1, 1), (3, 3), (4, 4)])
        func epochs(epochs: Int, steps: Int) throws {
            // Five training images, six a step.
            let run = try TinyTask().train(
                "run", ["training={epochs: \(epochs), batch: 6}", "data.validation={fraction: 0.3}"])
            #expect(try run.steps("train") == Array(1...steps))
            #expect(run.directory.checkpointSteps.last == steps)
        }

        @Test("minutes end in time, on all ranks alike", arguments: [1, 3])
        func minutes(ranks: Int) throws {
            let start = Date()
            let run = try TinyTask().train(
                "run", ranks: ranks,
                ["training={minutes: 0.02, batch: 4}", "optimizer.schedule={kind: polynomial, power: 1}"])
            let seconds = Date().timeIntervalSince(start)
            // Far above what it takes: other programs may have the cores.
            #expect(seconds > 1.2 && seconds < 40, "\(seconds) s")
            let rates = try run.losses.compactMap { $0[2] }
            #expect(rates.count > 2 && zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
            #expect(run.directory.checkpointSteps.last == rates.count)
        }

        @Test func theLastStepIsSavedAndValidatedWhateverTheInterval() throws {
            let run = try TinyTask().train(
                "run", ["training.steps=4", "checkpoint.every=100", "validation.every=100"])
            #expect(run.directory.checkpointSteps == [4])
            #expect(try run.steps("validation") == [4])
        }
    }
}
