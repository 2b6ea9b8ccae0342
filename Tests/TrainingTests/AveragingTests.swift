import Checkpoints
import Configurations
import Datasets
import Foundation
import Inference
import Kernels
import Network
import Support
import TestSupport
import Testing
import Training

extension TrainingRuns {
    /// `training.ema`: the moving average of the weights.
    @Suite struct Averaging {
        private let settings = ["training.ema=0.5", "checkpoint.every=1"]

        private func values(_ buffer: ParameterBuffer) -> [Float] { (0..<buffer.count).map { buffer.base[$0] } }

        private func average(_ run: Run, step: Int) throws -> [Float] {
            let state = try Checkpoint(reading: run.directory.checkpoint(step: step)).state
            return values(try #require(state.average))
        }

        @Test("it is the definition's, and the weights are those of a run without it")
        func definition() throws {
            let task = try TinyTask()
            let plain = try task.train("plain", ["checkpoint.every=1"])
            let run = try task.train("run", settings)
            let layout = try Checkpoint(reading: run.directory.latest).state.weights.layout
            let start = ParameterBuffer(layout)
            start.initializeWeights(seed: 5)
            var expected = values(start).map(Double.init)
            for step in 1...6 {
                // (1 + t)/(10 + t) of the step's number t, from 0; 0.5 from t = 8 on.
                let decay = Double(step) / Double(9 + step)
                let weights = values(try Checkpoint(reading: run.directory.checkpoint(step: step)).state.weights)
                expected = zip(expected, weights).map { decay * $0 + (1 - decay) * Double($1) }
                #expect(relativeL2(try average(run, step: step), expected) <= Tolerances.float32Sum)
            }
            #expect(try run.digest == plain.digest && run.losses == plain.losses)
            #expect(try Checkpoint(reading: plain.directory.latest).state.average == nil)
        }

        @Test("any number of ranks and a resume give the same bits", arguments: [1, 3, 5])
        func sameBits(ranks: Int) throws {
            let task = try TinyTask()
            let whole = try task.train("whole", settings + ["run.threads=2"])
            let run = try task.train("run", ranks: ranks, settings)
            for cut in [false, true] {
                if cut {
                    for step in 4...6 { unlink(run.directory.checkpoint(step: step)) }
                    try task.resume("run", ranks: ranks)
                }
                #expect(TestSupport.sameBits(try average(run, step: 6), try average(whole, step: 6)))
                #expect(try run.validations == whole.validations)
            }
        }

        @Test("it is what is validated, and what predicts unless asked otherwise")
        func validated() throws {
            let task = try TinyTask()
            // Warm-up is over soon enough for the two to differ much.
            let run = try task.train("run", ["training.ema=0.9", "training.steps=3", "optimizer.learning_rate=0.2"])
            let event = try #require(try run.events("validation").last)
            #expect(event["weights"] as? String == "ema")
            let plain = try task.train("plain").events("validation")
            #expect(plain.allSatisfy { $0["weights"] as? String == "raw" })
            let configuration = try Configuration.load(path: run.directory.configuration)
            let pairs = try SamplePair.inFolders(
                images: task.folder.path("data/images"), labels: task.folder.path("data/labels")
            ).pairs
            let validation = try DatasetSplit.fraction(0.3).apply(to: pairs, seed: 5).validation
            let reader = SampleReader(
                inputChannels: 1, classes: 2, encoding: .binary, ignoreValue: nil, normalization: .standardize)
            let validator = Validator(
                pairs: validation, cache: SampleCache(reader: reader, megabytes: 10), configuration: configuration,
                engine: Engine(.native, threads: 1))
            func loss(_ weights: TrainedModel.Weights?) throws -> Double? {
                let model = try TrainedModel(reading: run.directory.latest, weights: weights)
                return try validator.outcome(of: validator.validate(model.parameters)).loss
            }
            // The log has it as text.
            let (validated, logged) = (try #require(try loss(nil)), try #require(event["loss"] as? Double))
            #expect(abs(validated - logged) < 1e-9 * logged)
            #expect(try loss(.ema) == loss(nil) && loss(.raw) != loss(nil))
            // A run that starts from it starts from what was validated.
            try task.train(
                "next",
                [
                    "training.initialize_from=\(run.directory.latest)", "training.steps=1",
                    "optimizer.learning_rate=1e-30",
                ])
            let next = try Checkpoint(reading: task.run("next").directory.latest).state.weights
            #expect(try values(next) == average(run, step: 3))
        }

        @Test("a run without it has none to predict with, and may begin to average when it goes on")
        func later() throws {
            let task = try TinyTask()
            let run = try task.train("run", ["training.steps=2"])
            let latest = run.directory.latest
            let failure = #expect(throws: Failure.self) { try TrainedModel(reading: latest, weights: .ema) }
            #expect(failure?.kind == .request && failure?.message.contains("leave out --weights ema") == true)
            try task.resume("run", ranks: 3, ["training.ema=0.9", "training.steps=4"])
            let notes = try run.events("note").compactMap { $0["message"] as? String }
            #expect(notes.contains { $0.contains("averaging begins here") })
            #expect(try average(run, step: 4).allSatisfy(\.isFinite))
        }
    }
}
