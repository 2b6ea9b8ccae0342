import Checkpoints
import Inference
import Network
import Support

/// A U-Net of another program, as the weights of one of ours: each layer found by its name, batch normalisation folded into
/// the convolution before it, and what does not fit refused by its name.
package struct WeightImport {
    package let architecture: UNetArchitecture
    /// What the file cannot show, as it is noted in the new one.
    package let hints: TrainedModel.Hints
    /// The program whose names these are, or the map.
    package let origin: String
    /// Batch normalisations that were folded.
    package let folded: Int
    /// What the user should know.
    package let remarks: [String]
    /// By our names.
    private let tensors: [String: FileLayer.Values]

    /// - Parameters:
    ///   - map: nil for one that the names tell.
    ///   - user: what the user says of the network, before what the file notes, and that before what the map says.
    ///
    /// Throws `Failure.request` for what does not fit.
    package init(reading path: String, names map: NameMap? = nil, hints user: TrainedModel.Hints) throws {
        let file = try SafetensorsFile(reading: path) {
            $0.hasSuffix(".num_batches_tracked") || map?.leavesOut($0) == true
        }
        guard try file.checkpoint == nil else {
            throw Failure.request(
                "\(path) is a checkpoint of this program already: predict and export take it as it is")
        }
        let noted = try TrainedModel.Hints(notedIn: file)
        try user.check(against: noted, of: path)
        let given = TrainedModel.Hints(
            padding: user.padding ?? noted.padding, skip: user.skip ?? noted.skip,
            normalization: user.normalization ?? noted.normalization)
        let names = file.tensors.map(\.name)
        guard let map = map ?? NameMap.recognized(in: names) else {
            let first = names.first.map { "its first tensor is \($0.shortened)" } ?? "it is empty"
            throw Failure.request(
                "\(path) has the names of no program that is known here, \(first): give --names MAP, a YAML file that says "
                    + "where each layer is (lockstep import --help)")
        }
        var reader = LayerReader(file: file, map: map)
        let depth = try reader.depth()
        let first = try reader.layer("encoder.0.conv1", depth: depth)
        var head = try reader.layer("head", depth: depth)
        var remarks: [String] = []
        if head.outputs == 1 {
            // softmax(0, z) is the sigmoid of z.
            head.addZeroClass()
            remarks.append(
                "its head has one class, of a sigmoid: class 0 is added, with zeros, which gives the same probabilities"
            )
        }
        let inputs = depth > 0 ? try reader.inputChannels(ofDecoder: depth) : nil
        let skip = try Self.skip(
            inputs: inputs, base: first.outputs, given: given.skip ?? map.hints.skip, reader: reader, depth: depth)
        let architecture = UNetArchitecture(
            inputChannels: first.inputs, classes: head.outputs, baseChannels: first.outputs, depth: depth,
            padding: given.padding ?? map.hints.padding ?? .valid, skip: skip)
        if let impossibility = architecture.impossibility {
            throw Failure.request("\(path) holds no U-Net that can be used: \(impossibility)")
        }
        var tensors: [String: FileLayer.Values] = [:]
        for entry in ParameterLayout(architecture).entries where entry.name.hasSuffix(".weight") {
            let name = String(entry.name.dropLast(7))
            var layer = name == "head" ? head : try reader.layer(name, depth: depth)
            guard layer.shape == entry.shape else {
                throw Failure.request(
                    "\(path): \(layer.name).weight has shape \(layer.shape), and \(entry.name) of this U-Net (levels of "
                        + "\(architecture.baseChannels)·2^i channels, skips \(skip.rawValue)) has \(entry.shape): only networks "
                        + "of that shape can be imported")
            }
            if skip == .concatenate, !map.takesSkipFirst, name.hasPrefix("decoder"), name.hasSuffix("conv1") {
                layer.swapInputHalves()
            }
            let (weight, bias) = layer.values
            guard (weight + bias).allSatisfy(\.isFinite) else {
                throw Failure.request(
                    "\(path): \(layer.name) has values that are not finite, or a batch normalisation of negative variance: "
                        + "use weights of an earlier step")
            }
            tensors["\(name).weight"] = weight
            tensors["\(name).bias"] = bias
        }
        try reader.refuseUnused(depth: depth)
        var hints = given
        hints.skip = skip
        hints.padding = given.padding ?? map.hints.padding
        hints.normalization = given.normalization ?? map.hints.normalization
        hints.classNames =
            try map.hints.classNames.flatMap { names in
                guard names.count == architecture.classes else {
                    throw Failure.request(
                        "\(map.name): class_names lists \(names.count), and the network has \(architecture.classes) classes"
                    )
                }
                return names
            } ?? noted.names(classes: architecture.classes, of: path)
        for (option, isKnown) in [("--padding", hints.padding != nil), ("--normalize", hints.normalization != nil)]
        where !isKnown {
            remarks.append("the file does not say \(option.dropFirst(2)): give \(option) here, or to predict")
        }
        if hints.padding == .same, depth > 0 {
            remarks.append(
                "images whose sides are no multiples of \(1 << depth) are mirrored to the next ones here, where other programs "
                    + "pad with zeros: near the right and bottom edge results differ")
        }
        self.architecture = architecture
        self.hints = hints
        origin = map.name
        folded = reader.folded.count
        self.remarks = remarks
        self.tensors = tensors
    }

    /// What the decoder takes over its skip connections, by the channels of its first convolution.
    private static func skip(
        inputs: Int?, base: Int, given: UNetArchitecture.Skip?, reader: LayerReader, depth: Int
    ) throws -> UNetArchitecture.Skip {
        guard let inputs else { return given ?? .concatenate }
        if inputs == 2 * base, given ?? .concatenate == .concatenate { return .concatenate }
        if inputs == base {
            if let given, given != .concatenate { return given }
            throw Failure.request(
                "\(reader.file.path) holds a network whose skips are added or left out, and cannot say which: give --skip add or "
                    + "--skip none")
        }
        throw Failure.request(
            "\(reader.file.path): \(reader.map.name(of: "decoder.0.conv1", depth: depth) ?? "decoder.0.conv1") takes "
                + "\(inputs) channels of \(base) a level, where \(2 * base) (skips concatenated) or \(base) (added, or none) "
                + "are possible: give --skip as it is, or another network")
    }

    /// Writes a weights file of ours, whole or not at all; its metadata note what the tensors do not show.
    package func write(to path: String) throws {
        let sources = ParameterLayout(architecture).entries.map { entry in
            SafetensorsFile.Source(name: entry.name, shape: entry.shape) { target in
                for (index, value) in (tensors[entry.name] ?? []).enumerated() { target[index] = value }
            }
        }
        try SafetensorsFile.write(
            sources, metadata: hints.metadata.merging(["format": "pt"]) { $1 }, to: path)
    }
}
