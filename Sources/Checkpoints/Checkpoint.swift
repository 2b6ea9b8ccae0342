import Configurations
import Foundation
import Kernels
import Network
import Support

/// A run's state as a file: PyTorch's names and layouts, `momentum.` before the momentum's names, `ema.` before those of
/// the averaged weights where the run keeps such, and the rest in the metadata.
public struct Checkpoint {
    /// The run's effective configuration.
    public var configuration: Configuration
    public var state: TrainingState
    public var best: BestScore?
    /// `RunSpecification.imagesDigest`; nil in a checkpoint that does not say.
    public var images: String?
    /// What computed a checkpoint that was read: its engine, and the BLAS with the CPU that it ran on.
    public private(set) var origin: (engine: String, blas: String)?

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
        var metadata = [
            "format": "pt", "lockstep.version": BuildInformation.version,
            "lockstep.revision": BuildInformation.revision,
            "lockstep.target": BuildInformation.target, "lockstep.engine": configuration.run.engine.rawValue,
            "lockstep.blas": BuildInformation.blas, "lockstep.configuration": configuration.yaml,
            "lockstep.step": String(state.step), "lockstep.elapsed_seconds": String(state.elapsed),
        ]
        metadata["lockstep.images"] = images
        if let best {
            metadata["lockstep.best_step"] = String(best.step)
            metadata["lockstep.best_value"] = String(best.value)
            metadata["lockstep.validations_since_best"] = String(best.validationsSince)
        }
        try SafetensorsFile.write(sources, metadata: metadata, to: path, by: temporary)
    }

    /// Why a run that goes on from here may have other bits than one that was never stopped; nil where it has the same.
    package func divergence(engine: Engine.Kind) -> String? {
        guard let origin else { return nil }
        if origin.engine != engine.rawValue {
            return
                "the checkpoint is of engine \(origin.engine) and the run goes on with \(engine.rawValue): bits may differ from here from those of a run that was not stopped"
        }
        guard engine == .openblas, origin.blas != BuildInformation.blas else { return nil }
        return
            "the checkpoint was computed with \(origin.blas) and the run goes on with \(BuildInformation.blas): bits may differ from here from those of a run that was not stopped"
    }

    /// Reads a file that `write` made.
    public init(reading path: String) throws {
        let file = try SafetensorsFile(reading: path)
        guard let configuration = try file.configuration,
            let step = file.metadata["lockstep.step"].flatMap(Int.init),
            let elapsed = file.metadata["lockstep.elapsed_seconds"].flatMap(Double.init)
        else {
            throw Failure.request(
                "\(path) holds weights but no run: start a new run from it with training.initialize_from")
        }
        self.configuration = configuration
        if let engine = file.metadata["lockstep.engine"], let blas = file.metadata["lockstep.blas"] {
            origin = (engine, blas)
        }
        let layout = ParameterLayout(configuration.model.architecture)
        try file.checkUse(by: layout)
        state = TrainingState(layout, isAveraged: file.holdsAverage)
        state.step = step
        state.elapsed = elapsed
        try file.load(into: state.weights)
        try file.load(into: state.momentum, prefix: Self.momentumPrefix)
        if let average = state.average { try file.load(into: average, prefix: Self.averagePrefix) }
        best = file.best
        images = file.metadata["lockstep.images"]
    }
}

extension SafetensorsFile {
    /// Whether the weights' moving average is there beside the weights.
    package var holdsAverage: Bool { tensors.contains { $0.name.hasPrefix(Checkpoint.averagePrefix) } }

    /// The configuration of the run, where the file is a checkpoint of one.
    package var configuration: Configuration? {
        get throws { try metadata["lockstep.configuration"].map { try Configuration.decode(yaml: $0, name: path) } }
    }

    /// The best score of the run so far, where the file is a checkpoint that has one.
    package var best: BestScore? {
        guard let step = metadata["lockstep.best_step"].flatMap(Int.init),
            let value = metadata["lockstep.best_value"].flatMap(Double.init)
        else { return nil }
        return BestScore(
            step: step, value: value,
            validationsSince: metadata["lockstep.validations_since_best"].flatMap(Int.init) ?? 0)
    }
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
            values(tensor).withUnsafeBufferPointer { values in
                if let values = values.baseAddress { buffer.layout.importTensor(entry, from: values, to: buffer.base) }
            }
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
