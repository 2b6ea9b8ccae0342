import ArgumentParser
import Communication
import Datasets
import Inference
import Kernels
import Network
import Sweeps

extension GradientCompression: ExpressibleByArgument {}
extension GradientRoute: ExpressibleByArgument {}
extension Engine.Kind: ExpressibleByArgument {}
extension Engine.Convolution: ExpressibleByArgument {}
extension UNetArchitecture.Padding: ExpressibleByArgument {}
extension UNetArchitecture.Skip: ExpressibleByArgument {}
extension UNetArchitecture.Normalization: ExpressibleByArgument {}
extension IntensityNormalization: ExpressibleByArgument {}
extension TrainedModel.Weights: ExpressibleByArgument {}

/// Label encodings that a command line can name.
enum EncodingName: String, ExpressibleByArgument, CaseIterable {
    case index, binary, instances

    var encoding: LabelEncoding {
        switch self {
        case .index: .index
        case .binary: .binary
        case .instances: .instances
        }
    }
}

/// Which weights of a file, and what it may not say of its network.
struct NetworkOptions: ParsableArguments {
    @Option(
        help:
            "For a file with weights alone: how its 3×3 convolutions treat the edge (default: as the file notes, or valid)."
    )
    var padding: UNetArchitecture.Padding?

    @Option(
        help:
            "For a file with weights alone whose skips are not concatenated: add or none, which its tensors cannot tell apart."
    )
    var skip: UNetArchitecture.Skip?

    @Option(help: "For a file with weights alone: how images are normalised (default: as the file notes, or unit).")
    var normalize: IntensityNormalization?

    @Option(
        help:
            "raw or ema: the weights of the last step, or their moving average (default: those that were validated, ema where training.ema kept it)."
    )
    var weights: TrainedModel.Weights?

    var hints: TrainedModel.Hints {
        TrainedModel.Hints(padding: padding, skip: skip, normalization: normalize)
    }

    /// Loads a checkpoint.
    func load(_ checkpoint: String) throws -> TrainedModel {
        try TrainedModel(reading: checkpoint, weights: weights, hints: hints)
    }
}

/// What `predict` and `evaluate` need to load models.
struct ModelOptions: ParsableArguments {
    @Option(
        help:
            "Side of the network's input in pixels (default: one that suits the image). The result depends on it only with model.normalization: group."
    )
    var tile: Int?

    @OptionGroup var network: NetworkOptions

    @Option(help: "Threads of each process.")
    var threads = 1

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads \(threads): give 1 to 1024") }
        guard (tile ?? 1) <= UNetArchitecture.mostTile else {
            throw ValidationError("--tile \(tile ?? 0): give at most \(UNetArchitecture.mostTile)")
        }
    }

    /// Loads the checkpoints as an ensemble; with `augment` for test-time augmentation.
    func load(_ checkpoints: [String], augment: Bool) throws -> ModelEnsemble {
        try ModelEnsemble(
            checkpoints.flatMap(CrossValidationFolder.models).map(network.load), tile: tile, augment: augment,
            engine: Engine(.native, threads: threads))
    }
}
