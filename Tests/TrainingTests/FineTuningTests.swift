import Checkpoints
import Foundation
import Network
import Support
import TestSupport
import Testing

extension TrainingRuns {
    /// Runs that begin with another run's weights, and keep some of them.
    @Suite struct FineTuning {
        private typealias Tensors = [String: [Float]]

        /// A flat buffer by the names of its tensors.
        private func tensors(_ buffer: ParameterBuffer) -> Tensors {
            Dictionary(
                uniqueKeysWithValues: buffer.layout.entries.map { entry in
                    (entry.name, (0..<entry.count).map { buffer.base[entry.offset + $0] })
                })
        }

        private func state(_ run: Run) throws -> TrainingState { try Checkpoint(reading: run.directory.latest).state }

        /// A step that moves nothing.
        private let still = ["training.steps=1", "optimizer.learning_rate=1e-30"]

        @Test("another number of classes starts a new head, as a new run draws it", arguments: [1, 3])
        func newHead(ranks: Int) throws {
            let task = try TinyTask()
            let old = try task.train("old", ["training.steps=2"])
            let three = ["model.classes=3", "data.labels=index", "data.ignore_index=255"]
            let fresh = tensors(try state(try task.train("fresh", still + three)).weights)
            let run = try task.train(
                "run", ranks: ranks,
                still + three + ["training.initialize_from=\(old.directory.path)/checkpoints/latest"])
            let (kept, new) = (tensors(try state(old).weights), tensors(try state(run).weights))
            #expect(new["head.weight"]?.count == 6)
            for (name, values) in new {
                let expected = try #require((name.hasPrefix("head") ? fresh : kept)[name])
                // Biases of 0 moved by what is nothing to any other value.
                #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-20 }, "\(name)")
            }
        }

        @Test("a run's folder stands for its best checkpoint, and errors name the key", arguments: [1, 3])
        func folders(ranks: Int) throws {
            let task = try TinyTask()
            let old = try task.train("old", ["training.steps=1"])
            let still = ["optimizer.learning_rate=1e-30", "training.steps=1"]
            let new = try task.train(
                "new", ranks: ranks, still + ["training.initialize_from=\(old.directory.path)"])
            #expect(try tensors(state(new).weights)["head.bias"] == tensors(state(old).weights)["head.bias"])
            for (path, words) in [
                (task.folder.path("data"), "holds no run"), (task.folder.path("none"), "does not exist"),
                (task.folder.path("old.yaml"), "a configuration"), (task.image(1), "an image"),
            ] {
                let request = try task.request("bad", ["training.initialize_from=\(path)"])
                let failure = try task.failure(request, ranks: ranks)
                #expect(failure.kind == .request && failure.message.hasPrefix("training.initialize_from: \(path)"))
                #expect(failure.message.contains(words), "\(failure)")
            }
        }

        @Test("weights that do not fit the images, and heads that start anew, are said", arguments: [1, 3])
        func remarks(ranks: Int) throws {
            let task = try TinyTask()
            let old = try task.train("old", ["training.steps=1"])
            func notes(_ name: String, _ settings: [String]) throws -> [String] {
                let start = ["training.steps=1", "training.initialize_from=\(old.directory.path)"]
                return try task.train(name, ranks: ranks, start + settings).events("note").compactMap {
                    $0["message"] as? String
                }
            }
            #expect(try notes("same", []).isEmpty)
            let unit = try notes("unit", ["data.normalize=unit"])
            #expect(
                unit.count == 1
                    && unit[0].contains("was trained with data.normalize standardize, and this run has unit"))
            let named = try task.train("named", ["training.steps=1", "model.class_names=[ground, cell]"])
            let start = "training.initialize_from=\(named.directory.path)"
            let swapped = try notes("swapped", [start, "model.class_names=[cell, ground]", "model.padding=same"])
            #expect(swapped.count == 2, "\(swapped)")
            #expect(swapped[0].contains("has the classes ground, cell, and this run cell, ground: its head takes them"))
            #expect(swapped[1].contains("was trained with model.padding valid, and this run has same"))
            let three = try notes("three", ["model.classes=3", "data.labels=index", "data.ignore_index=255"])
            #expect(
                three.count == 1 && three[0].contains("is of 2 classes and model.classes is 3: the head starts anew"))
        }

        @Test("another number of channels is refused in words", arguments: [1, 3])
        func channels(ranks: Int) throws {
            let task = try TinyTask()
            let rgb = ParameterBuffer(ParameterLayout(UNetArchitecture(inputChannels: 3, baseChannels: 2, depth: 1)))
            let path = task.folder.path("rgb.safetensors")
            let sources = rgb.layout.entries.map { entry in
                SafetensorsFile.Source(name: entry.name, shape: entry.shape) {
                    rgb.layout.exportTensor(entry, from: rgb.base, to: $0)
                }
            }
            try SafetensorsFile.write(sources, metadata: [:], to: path)
            let request = try task.request("run", ["training.initialize_from=\(path)"])
            #expect(
                try task.failure(request, ranks: ranks)
                    == .request(
                        "training.initialize_from: \(path) was trained on images of 3 channels, and model.input_channels is 1: a run that starts from it needs images of as many"
                    ))
            let latest = try task.train("old", ["training.steps=1"]).directory.latest
            let wider = try task.failure(
                task.request("run", ["training.initialize_from=\(latest)", "model.base_channels=4"]), ranks: ranks)
            #expect(wider.kind == .request && wider.message.contains("check model.base_channels"))
        }

        @Test("a deeper network's weights, and those of other skips, are refused", arguments: [1, 3])
        func otherShapes(ranks: Int) throws {
            let task = try TinyTask()
            func refusal(_ old: [String], _ new: [String]) throws -> Failure {
                let name = "old-\(old.joined())"
                let latest = try task.train(name, ["training.steps=1"] + old).directory.latest
                return try task.failure(
                    task.request("run", ["training.initialize_from=\(latest)"] + new), ranks: ranks)
            }
            let deep = try refusal(["model.depth=2"], [])
            #expect(deep.kind == .request && deep.message.contains("decoder.1.conv1"))
            #expect(deep.message.contains("set model.depth"))
            let added = try refusal(["model.skip=add"], ["model.skip=none"])
            #expect(added.kind == .request && added.message.contains("was trained with skip add: set model.skip: add"))
        }

        @Test(
            "frozen layers keep their bits, whatever moves the others; the rest's are the same on any ranks, and resumed",
            arguments: ["[encoder.0]", "[encoder]", "[encoder.1.conv2, decoder.0.up.bias]"])
        func frozen(freeze: String) throws {
            let task = try TinyTask()
            let settings = [
                "optimizer.weight_decay=0.1", "optimizer.nesterov=true", "training.ema=0.9",
                "communication.bucket_mb=0.0001", "checkpoint.every=1", "training.freeze=\(freeze)",
            ]
            let start = ParameterBuffer(ParameterLayout(UNetArchitecture(baseChannels: 2, depth: 1)))
            start.initializeWeights(seed: 5)
            let before = tensors(start)
            let run = try task.train("run", settings + ["training.steps=3"])
            let state = try state(run)
            let names = freeze.dropFirst().dropLast().split(separator: ", ").map(String.init)
            let (weights, momentum) = (tensors(state.weights), tensors(state.momentum))
            let average = tensors(try #require(state.average))
            for entry in start.layout.entries {
                let isFrozen = names.contains { entry.name.hasPrefix($0) }
                #expect((weights[entry.name] == before[entry.name]) == isFrozen, "\(entry.name)")
                #expect((average[entry.name] == before[entry.name]) == isFrozen, "\(entry.name)")
                #expect((momentum[entry.name] ?? []).allSatisfy { $0 == 0 } == isFrozen, "\(entry.name)")
            }
            #expect(try task.train("shared", ranks: 3, settings + ["training.steps=3"]).digest == run.digest)
            try task.train("resumed", ranks: 3, settings + ["training.steps=1"])
            let resumed = try task.resume("resumed", ["training.steps=3"])
            #expect(try resumed.digest == run.digest)
            #expect(tensors(try #require(self.state(resumed).average)) == average)
        }

        @Test("the first step's gradient is the whole network's, less what is frozen")
        func gradient() throws {
            let task = try TinyTask()
            let whole = try state(try task.train("whole", ["training.steps=1"])).momentum
            let run = try task.train("run", ["training.steps=1", "training.freeze=[encoder.0, decoder.0.conv1]"])
            let momentum = tensors(try state(run).momentum)
            var square = 0.0
            for (name, values) in tensors(whole) {
                let isFrozen = name.hasPrefix("encoder.0") || name.hasPrefix("decoder.0.conv1")
                #expect(momentum[name] == (isFrozen ? values.map { _ in 0 } : values), "\(name)")
                if !isFrozen { square += values.reduce(0) { $0 + Double($1) * Double($1) } }
            }
            let norm = try #require(try run.losses[0][1])
            #expect(abs(norm / square.squareRoot() - 1) < 1e-6)
        }
    }
}
