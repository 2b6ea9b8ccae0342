import Checkpoints
import Datasets
import Foundation
import Inference
import Kernels
import Network
import Support
import TestSupport
import Testing

extension TrainingRuns {
    /// Networks that are not the paper's: trained, saved, predicted with, and gone on from.
    @Suite struct NetworkKinds {
        private static let kinds = [
            ["model.normalization=group"], ["model.skip=add"], ["model.skip=none", "model.normalization=group"],
        ]

        @Test("the same bits on any number of ranks and threads, and resumed", arguments: kinds)
        func sameBits(settings: [String]) throws {
            let task = try TinyTask()
            let alone = try task.train("alone", settings)
            #expect(try alone.digest != task.train("plain").digest)
            for (number, more) in [["run.threads=2"], ["data.loader_threads=3"]].enumerated() {
                let run = try task.train("run-\(number)", ranks: 3 + number, settings + more)
                #expect(try run.digest == alone.digest)
                #expect(try run.losses == alone.losses)
                #expect(try run.validations == alone.validations)
            }
            try task.train("stopped", settings + ["training.steps=3"])
            #expect(try task.resume("stopped", ranks: 4, ["training.steps=6"]).digest == alone.digest)
        }

        /// Writes a checkpoint's weights alone.
        private func bare(_ path: String, to target: String) throws {
            let file = try SafetensorsFile(reading: path)
            let sources = file.weights.map { tensor in
                SafetensorsFile.Source(name: tensor.name, shape: tensor.shape) {
                    $0.update(from: file.values(tensor), count: tensor.count)
                }
            }
            try SafetensorsFile.write(sources, metadata: [:], to: target)
        }

        @Test("a file's tensors say that it is normalised, and what is predicted with it depends on the tile")
        func normalized() throws {
            let task = try TinyTask()
            let latest = try task.train("run", ["model.normalization=group", "training.steps=2"]).directory.latest
            let weights = task.folder.path("weights.safetensors")
            try bare(latest, to: weights)
            let (own, bare) = (try TrainedModel(reading: latest), try TrainedModel(reading: weights))
            #expect(own.architecture.normalization == .group)
            var expected = own.architecture
            expected.dropout = bare.architecture.dropout
            #expect(bare.architecture == expected)
            let engine = Engine(.native, threads: 1)
            func probabilities(_ model: TrainedModel, tile: Int?) throws -> [Float] {
                let ensemble = try ModelEnsemble([model], tile: tile, augment: true, engine: engine)
                let remarks = ensemble.remarks.filter { $0.contains(model.path) && $0.contains("--tile") }
                #expect(remarks.count == (tile == nil ? 0 : 1))
                let result = try ensemble.predict(ImagePage(task.image(1)))
                return withExtendedLifetime(result) { Array(result.values) }
            }
            let whole = try probabilities(own, tile: nil)
            #expect(whole.allSatisfy { $0 > 0 && $0 < 1 })
            #expect(try probabilities(own, tile: nil) == whole)
            #expect(try probabilities(own, tile: 36) != whole)
            let plain = try TrainedModel(reading: try task.train("plain", ["training.steps=1"]).directory.latest)
            #expect(try ModelEnsemble([plain], tile: nil, engine: engine).remarks.isEmpty)
            // What tensors cannot say is assumed, and said.
            let assumed = try ModelEnsemble([bare], tile: nil, engine: engine).remarks
            #expect(
                assumed.last?.hasPrefix("\(weights) has weights alone: --padding valid and --normalize unit assumed")
                    == true)
            let told = try TrainedModel(
                reading: weights, hints: .init(padding: .valid, normalization: .standardize))
            #expect(try ModelEnsemble([told], tile: nil, engine: engine).remarks.isEmpty)
        }

        @Test("models that are averaged have their classes in one order") func orders() throws {
            let task = try TinyTask()
            func model(_ name: String, _ names: String) throws -> TrainedModel {
                let settings = ["model.classes=3", "data.labels=index", "data.ignore_index=255", "training.steps=1"]
                return try TrainedModel(
                    reading: task.train(name, settings + ["model.class_names=[\(names)]"]).directory.latest)
            }
            let first = try model("a", "ground, cell, debris")
            let engine = Engine(.native, threads: 1)
            for (name, names) in [("b", "ground, debris, cell"), ("c", "ground, debris, other")] {
                let other = try model(name, names)
                let failure = #expect(throws: Failure.self) {
                    try ModelEnsemble([first, other], tile: nil, engine: engine)
                }
                #expect(failure?.message.contains("models that are averaged must have them in one order") == true)
            }
            _ = try ModelEnsemble([first, model("d", "ground, cell, other")], tile: nil, engine: engine)
        }

        @Test("skips that are not concatenated are named for a file of weights alone", arguments: ["add", "none"])
        func skips(kind: String) throws {
            let task = try TinyTask()
            let latest = try task.train("run", ["model.skip=\(kind)", "training.steps=1"]).directory.latest
            let weights = task.folder.path("weights.safetensors")
            try bare(latest, to: weights)
            let skip = try #require(UNetArchitecture.Skip(rawValue: kind))
            #expect(try TrainedModel(reading: latest).architecture.skip == skip)
            #expect(try TrainedModel(reading: weights, hints: .init(skip: skip)).architecture.skip == skip)
            func failure(_ path: String, _ skip: UNetArchitecture.Skip?) -> String {
                do {
                    _ = try TrainedModel(reading: path, hints: .init(skip: skip))
                    return "none"
                } catch { return "\(error)" }
            }
            #expect(failure(weights, nil).contains("cannot say which: give --skip add or --skip none"))
            #expect(failure(weights, .concatenate).contains("added or left out: give --skip add or --skip none"))
            #expect(failure(latest, .concatenate).contains("was trained with skip \(kind): leave out --skip"))
            let plain = try task.train("plain", ["training.steps=1"]).directory.latest
            let bareWeights = task.folder.path("plain.safetensors")
            try bare(plain, to: bareWeights)
            #expect(failure(bareWeights, .add).contains("are concatenated: leave out --skip"))
            #expect(failure(bareWeights, .concatenate) == "none" && failure(bareWeights, nil) == "none")
            for (file, words) in [(plain, "was trained with skip concatenate"), (bareWeights, "classes and skip")] {
                let request = try task.request("refused", ["training.initialize_from=\(file)", "model.skip=\(kind)"])
                #expect(try task.failure(request, ranks: 1).message.contains(words))
            }
        }

        @Test("a run goes on from weights of its own kind, and says what another is", arguments: [1, 3])
        func initialized(ranks: Int) throws {
            let task = try TinyTask()
            let group = ["model.normalization=group", "training.steps=1"]
            let (plain, normalized) = (
                try task.train("plain", ["training.steps=1"]).directory.latest,
                try task.train("group", group).directory.latest
            )
            try task.train("on", ranks: ranks, group + ["training.initialize_from=\(normalized)"])
            for (start, settings, kind) in [(plain, group, "none"), (normalized, ["training.steps=1"], "group")] {
                let request = try task.request("refused", settings + ["training.initialize_from=\(start)"])
                #expect(
                    try task.failure(request, ranks: ranks)
                        == .request(
                            "training.initialize_from: \(start) holds a network with normalization \(kind): set model.normalization: \(kind) in a run that starts from it"
                        ))
            }
        }
    }
}
