import Checkpoints
import Configurations
import Datasets
import Images
import Network
import Support

/// A network with its weights, ready to predict: from a checkpoint of ours or from any program's weights.
public struct TrainedModel {
    public let path: String
    public let architecture: UNetArchitecture
    public let parameters: ParameterBuffer
    public let normalization: IntensityNormalization
    /// Side of the input that it was trained on; 0 = whole images, or unknown.
    public let tile: Int
    public let classNames: [String]?
    public let classColors: [RGBColor]?
    /// What was assumed of a network whose file has weights alone, or that its file could not be verified, for the user; nil
    /// where there is nothing of the kind.
    package let assumption: String?
    /// The run's, where the file is a checkpoint of a run.
    public let configuration: Configuration?
    /// `SamplePair.digest` of the run's images, where the file says it.
    package let imagesDigest: String?
    /// What the pages of a TIFF file are to it (`data.pages`).
    public var pages: PageMeaning { configuration?.data.pages ?? .auto }

    /// Which weights of a checkpoint, where it has the run's moving average beside them.
    public enum Weights: String, Sendable, CaseIterable {
        /// As the last step left them.
        case raw
        /// Their moving average, which is what was validated.
        case ema
    }

    /// Reads a `.safetensors` file; a run's folder stands for its best checkpoint, or its latest.
    ///
    /// - Parameter weights: nil for those that were validated: the average where there is one.
    public init(reading path: String, weights: Weights? = nil, hints: Hints = Hints()) throws {
        let path = try RunDirectory.checkpointFile(at: path)
        let file = try SafetensorsFile(reading: path)
        self.path = path
        let checkpoint = try file.checkpoint
        imagesDigest = checkpoint?.images
        if let checkpoint {
            let configuration = checkpoint.configuration
            self.configuration = configuration
            architecture = configuration.model.architecture
            normalization = configuration.data.normalize
            tile = configuration.data.tile
            assumption = checkpoint.remark(on: path)
            classNames = configuration.model.classNames
            classColors = configuration.model.classColors
            try hints.check(
                against: Hints(padding: architecture.padding, skip: architecture.skip, normalization: normalization),
                of: path)
        } else {
            configuration = nil
            let noted = try Hints(notedIn: file)
            try hints.check(against: noted, of: path)
            let (padding, scaling) = (hints.padding ?? noted.padding, hints.normalization ?? noted.normalization)
            architecture = try file.architecture(padding: padding ?? .valid, skip: hints.skip ?? noted.skip)
            normalization = scaling ?? .unit
            tile = 0
            let assumed = [
                padding == nil && architecture.depth > 0 ? "--padding valid" : nil,
                scaling == nil ? "--normalize unit" : nil,
            ].compactMap(\.self)
            assumption =
                assumed.isEmpty
                ? nil
                : "\(path) has weights alone: \(assumed.joined(separator: " and ")) assumed; give the options if it was trained "
                    + "otherwise"
            classNames = try noted.names(classes: architecture.classes, of: path)
            classColors = nil
        }
        // What the file does not hold takes no memory.
        let layout = ParameterLayout(architecture)
        try file.checkUse(by: layout)
        guard weights != .ema || file.holdsAverage else {
            throw Failure.request(
                "\(path) has no averaged weights (its run had training.ema 0): leave out --weights ema")
        }
        let isAveraged = file.holdsAverage && weights != .raw
        if let checkpoint, checkpoint.stateDigest != nil {
            let state = try file.state(of: checkpoint)
            parameters = isAveraged ? state.validated : state.weights
        } else {
            parameters = ParameterBuffer(layout)
            try file.load(into: parameters, prefix: isAveraged ? Checkpoint.averagePrefix : "")
        }
    }

}

extension SafetensorsFile {
    /// The network that these tensors belong to, read off their names and shapes.
    ///
    /// - Parameter skip: nil for what the tensors say; they cannot tell `add` from `none`.
    public func architecture(
        padding: UNetArchitecture.Padding, skip: UNetArchitecture.Skip? = nil
    ) throws -> UNetArchitecture {
        try refuseBatchNormalization()
        guard let first = tensor("encoder.0.conv1.weight"), first.shape.count == 4,
            let head = tensor("head.weight"), head.shape.count == 4
        else { throw noUNet }
        guard first.shape[2...] == [3, 3], tensor("encoder.0.conv1.bias").map({ $0.shape == [first.shape[0]] }) != false
        else {
            throw Failure.request(
                "\(path): encoder.0.conv1.weight has shape \(first.shape), and PyTorch's is [out, in, 3, 3] with a bias of "
                    + "[out]: put the axes of all convolutions into that order (Keras' kernels: w.transpose(3, 2, 0, 1))"
            )
        }
        var depth = 0
        while tensor("encoder.\(depth + 1).conv1.weight") != nil { depth += 1 }
        guard head.shape[0] >= 2 else {
            throw Failure.request(
                "\(path): its head has \(head.shape[0]) class, and two are the least: put zeros before it as class 0's weight "
                    + "and bias, which gives the probabilities of its sigmoid")
        }
        let architecture = UNetArchitecture(
            inputChannels: first.shape[1], classes: head.shape[0], baseChannels: first.shape[0], depth: depth,
            padding: padding, skip: try self.skip(given: skip), normalization: normalization)
        if let impossibility = architecture.impossibility {
            throw Failure.request("\(path) holds no U-Net that can be used: \(impossibility)")
        }
        return architecture
    }

    /// The refusal of tensors that are called otherwise than ours.
    private var noUNet: Failure {
        let names = tensors.map(\.name)
        let first = "encoder.0.conv1.weight"
        // A wrapper of another program's: all names have one beginning.
        if let wrapped = names.first(where: { $0.hasSuffix(".\(first)") }) {
            let prefix = wrapped.dropLast(first.count)
            return .request(
                "\(path) holds no U-Net: \(wrapped) and others begin with \(prefix): save one model's weights, without it, in "
                    + "Python {k.removeprefix(\"\(prefix)\"): v for k, v in weights.items()}")
        }
        let what = names.first.map { "its first tensor is \($0.shortened)" } ?? "it is empty"
        return .request(
            "\(path) holds no U-Net: \(first) or head.weight is missing, \(what): make a checkpoint of it with lockstep "
                + "import")
    }

    /// What the decoder takes from the encoder over the skip connections: its first convolution has twice as many inputs
    /// as outputs where the encoder's activations are concatenated.
    private func skip(given: UNetArchitecture.Skip?) throws -> UNetArchitecture.Skip {
        guard let shape = tensor("decoder.0.conv1.weight")?.shape, shape.count == 4 else {
            return given ?? .concatenate
        }
        let isConcatenated = shape[1] / 2 == shape[0] && shape[1] % 2 == 0
        guard let given else {
            guard isConcatenated else {
                throw Failure.request(
                    "\(path) holds a network whose skips are added or left out, and cannot say which: give --skip add or --skip none"
                )
            }
            return .concatenate
        }
        guard (given == .concatenate) == isConcatenated else {
            throw Failure.request(
                "\(path) holds a network whose skips are \(isConcatenated ? "concatenated: leave out --skip" : "added or left out: give --skip add or --skip none")"
            )
        }
        return given
    }

    /// Whether the network normalises, read off its tensors.
    private var normalization: UNetArchitecture.Normalization {
        tensor("encoder.0.norm1.weight") == nil ? .none : .group
    }

    /// Fills a network's weights for `training.initialize_from`: all tensors, or all but the head where that has
    /// another number of classes, which stays as a new run draws it. The averaged weights where the file has such.
    ///
    /// Throws `Failure.request` where the file is of a network of another shape, deeper ones included, or has tensors
    /// that the network has no place for.
    ///
    /// - Returns: a note for the user where the head starts anew; else nil.
    @discardableResult
    public func initialize(_ buffer: ParameterBuffer, of architecture: UNetArchitecture) throws -> String? {
        try refuseBatchNormalization()
        let head = buffer.layout.entry("head.weight")
        if let own = tensor("encoder.0.conv1.weight"), own.shape.count == 4 {
            let (inputs, wanted) = (own.shape[1], buffer.layout.entry(own.name).shape[1])
            guard inputs == wanted else {
                throw Failure.request(
                    "\(path) was trained on images of \(inputs) channel\(inputs == 1 ? "" : "s"), and model.input_channels is \(wanted): a run that starts from it needs images of as many"
                )
            }
        }
        let isNormalized = buffer.layout.entries.contains { $0.kind == .scale }
        guard isNormalized == (normalization == .group) else {
            throw Failure.request(
                "\(path) holds a network with normalization \(normalization): set model.normalization: \(normalization) in a run that starts from it"
            )
        }
        try checkUse(
            by: buffer.layout, entirely: false,
            deeper: "one of model.depth \(architecture.depth) has not such a layer, set model.depth as it was")
        // Tensors cannot tell networks whose skips are added from those without; a run's file says it.
        if let skip = try checkpoint?.configuration.model.architecture.skip ?? TrainedModel.Hints(notedIn: self).skip {
            guard skip == architecture.skip else {
                throw Failure.request(
                    "\(path) was trained with skip \(skip): set model.skip: \(skip) in a run that starts from it")
            }
        }
        let own = tensor("head.weight")?.shape
        let keepsHead = own?.first != head.shape.first
        try load(
            into: buffer, prefix: holdsAverage ? Checkpoint.averagePrefix : "",
            except: keepsHead ? ["head.weight", "head.bias"] : [],
            advice: "check model.base_channels, input_channels, classes and skip")
        guard keepsHead else { return nil }
        return own.map {
            "\(path) is of \($0.first ?? 0) classes and model.classes is \(architecture.classes): the head starts anew"
        } ?? "\(path) has no head: it starts anew"
    }
}
