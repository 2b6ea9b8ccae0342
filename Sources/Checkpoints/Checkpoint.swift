import Configurations
import Foundation
import Kernels
import Network
import Support

/// A run's state as a file: PyTorch's names and layouts, `momentum.` before the momentum's names, `ema.` before those of
/// the averaged weights where the run keeps such, and the rest in the metadata, `CheckpointMetadata`.
public struct Checkpoint {
    /// The run's effective configuration.
    public var configuration: Configuration
    public var state: TrainingState
    public var best: BestScore?
    /// `RunSpecification.imagesDigest`; nil in a checkpoint that does not say.
    public var images: String?
    /// What the images and labels show, `DatasetReview.contents`; nil in a checkpoint that does not say.
    package var contents: String?
    /// The run's identity; nil in a checkpoint that does not say.
    package var run: String?
    /// Whether this state is still to be validated: it was saved before that.
    package var isValidationDue = false
    /// `TrainingState.digest` as a worker made it; nil for that of `state` itself.
    package var digest: String?
    /// What a checkpoint that was read says of itself.
    package private(set) var metadata: CheckpointMetadata?

    public init(configuration: Configuration, state: TrainingState, best: BestScore?, images: String? = nil) {
        self.configuration = configuration
        self.state = state
        self.best = best
        self.images = images
    }

    fileprivate static let momentumPrefix = "momentum."
    package static let averagePrefix = "ema."
    /// What stands before the names of tensors that are no weights.
    static let statePrefixes = [momentumPrefix, averagePrefix]

    /// `step-00000100.safetensors`.
    public static func fileName(step: Int) -> String {
        "step-\(zeroPadded(step, digits: 8)).safetensors"
    }

    /// The step of a file of that name; nil of another one, be it a step written otherwise: no two names are of one step.
    static func step(inName name: String) -> Int? {
        guard name.hasPrefix("step-"), name.hasSuffix(".safetensors"),
            let step = Int(name.dropFirst(5).dropLast(12)), fileName(step: step) == name
        else { return nil }
        return step
    }

    /// Writes the file, whole or not at all; `temporary` as in `AtomicFile.write`.
    public func write(to path: String, by temporary: String? = nil) throws {
        var sources: [SafetensorsFile.Source] = []
        for (prefix, buffer) in [
            ("", state.weights), (Self.momentumPrefix, state.momentum), (Self.averagePrefix, state.average),
        ] {
            guard let buffer else { continue }
            for entry in buffer.layout.entries {
                sources.append(
                    .init(name: prefix + entry.name, shape: entry.shape) {
                        buffer.layout.exportTensor(entry, from: buffer.base, to: $0)
                    })
            }
        }
        try SafetensorsFile.write(sources, metadata: CheckpointMetadata(self).values, to: path, by: temporary)
    }

    /// Reads a file that `write` made, and verifies all of it.
    public init(reading path: String) throws {
        let file = try SafetensorsFile(reading: path)
        guard let metadata = try file.checkpoint else {
            throw Failure.request(
                "\(path) holds weights but no run: start a new run from it with training.initialize_from")
        }
        self.init(
            configuration: metadata.configuration, state: try file.state(of: metadata), best: metadata.best,
            images: metadata.images)
        (contents, run) = (metadata.contents, metadata.run)
        isValidationDue = metadata.isValidationDue
        self.metadata = metadata
    }
}

extension SafetensorsFile {
    /// What the file says beside its tensors where it is a checkpoint of ours, verified; nil where it has weights alone.
    package var checkpoint: CheckpointMetadata? {
        get throws { try CheckpointMetadata(self) }
    }

    /// The run's state in the tensors of a checkpoint; verified, unless it is of a version that wrote no hash.
    package func state(of metadata: CheckpointMetadata) throws -> TrainingState {
        let layout = ParameterLayout(metadata.configuration.model.architecture)
        try checkUse(by: layout)
        let state = TrainingState(layout, isAveraged: holdsAverage)
        state.step = metadata.step
        state.elapsed = metadata.elapsed
        try load(into: state.weights)
        try load(into: state.momentum, prefix: Checkpoint.momentumPrefix)
        if let average = state.average { try load(into: average, prefix: Checkpoint.averagePrefix) }
        if let digest = metadata.stateDigest, digest != state.digest {
            throw Failure.request(
                "\(path) is damaged: its weights, momentum or averages have another SHA-256 than the worker that trained them "
                    + "found, as if a bit had flipped in the file, in memory or on the way: use another checkpoint of the run"
            )
        }
        return state
    }

    /// Throws `Failure.request` where the file says that it is a checkpoint of ours and is not as it was written; returns
    /// what it says, nil where it has weights alone.
    package func verified() throws -> CheckpointMetadata? {
        let metadata = try checkpoint
        if let metadata, metadata.stateDigest != nil { _ = try state(of: metadata) }
        return metadata
    }
}

extension SafetensorsFile {
    /// Whether a run's momentum is there beside the weights.
    var holdsMomentum: Bool { tensors.contains { $0.name.hasPrefix(Checkpoint.momentumPrefix) } }

    /// Whether the weights' moving average is there beside the weights.
    package var holdsAverage: Bool { tensors.contains { $0.name.hasPrefix(Checkpoint.averagePrefix) } }
}

extension SafetensorsFile {
    /// Fills a flat buffer with the tensors of its layout's names, with `prefix` before them.
    ///
    /// - Parameters:
    ///   - except: entries that are left as they are.
    ///   - advice: what to do about a tensor of another shape.
    public func load(
        into buffer: ParameterBuffer, prefix: String = "", except: Set<String> = [],
        advice: String = Self.otherNetwork
    ) throws {
        for entry in buffer.layout.entries where !except.contains(entry.name) {
            let tensor = try tensor(of: entry, prefix: prefix, advice: advice)
            let values = values(tensor)
            guard FlatBuffers.areFinite(values, count: values.count) else {
                throw Failure.request(
                    "\(path): \(tensor.name) has values that are not finite, as of a training that has diverged: use weights of "
                        + "an earlier step")
            }
            buffer.layout.importTensor(entry, from: values, to: buffer.base)
        }
    }

    /// SHA-256 of the weights: the tensors' bytes in the order of their names, momentum and averages left out.
    public var weightsDigest: String {
        let hash = SHA256()
        for tensor in weights { hash.update(bytes(tensor)) }
        return hash.finish().hexadecimal
    }

    /// The tensors that are weights, by name.
    public var weights: [Tensor] {
        tensors.filter { tensor in !Checkpoint.statePrefixes.contains(where: tensor.name.hasPrefix) }
    }
}
