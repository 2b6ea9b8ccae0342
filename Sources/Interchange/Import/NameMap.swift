import Configurations
import Datasets
import Inference
import Network
import Support

/// Where each layer of a U-Net is in the weights file of another program, and what the file does not show.
///
/// As YAML: `layers` gives to each of our layers (`encoder.{i}.conv1`, `encoder.{i}.norm1`, `decoder.{i}.up`, `head`, …)
/// its name there, without `.weight` or `.bias`. On the left `{i}` is any level and `{depth}` the bottom of the U, or a
/// number stands for itself; on the right stand `{i}`, `{depth}`, and sums of them and of numbers: `up{depth-i}.conv`.
package struct NameMap: Sendable {
    /// What errors call it.
    let name: String
    /// Our layer's pattern to theirs.
    private var layers: [String: String]
    var hints = TrainedModel.Hints()
    /// Whether the decoder's first convolution takes the skip's channels before the up-convolution's, as ours does.
    var takesSkipFirst = true
    /// ε of the batch normalisation, which no file has.
    var epsilon = 1e-5
    /// Beginnings of names, and whole names, of tensors that are not used.
    private var leftOut: [String] = []

    private init(name: String, layers: [String: String]) { (self.name, self.layers) = (name, layers) }

    // MARK: - Known programs

    /// Our own names.
    static let own: NameMap = {
        var layers = ["head": "head"]
        for part in ["encoder", "decoder"] {
            for layer in ["conv1", "norm1", "conv2", "norm2", "up"] {
                layers["\(part).{i}.\(layer)"] = "\(part).{i}.\(layer)"
            }
        }
        return NameMap(name: "lockstep", layers: layers)
    }()

    /// milesial/Pytorch-UNet: images of full scale 1, padded convolutions, batch normalisation, the skip's channels first.
    static let milesial: NameMap = {
        var layers = ["head": "outc.conv"]
        for (part, block) in [
            ("encoder.0", "inc.double_conv"), ("encoder.{i}", "down{i}.maxpool_conv.1.double_conv"),
            ("decoder.{i}", "up{depth-i}.conv.double_conv"),
        ] {
            for (layer, number) in [("conv1", 0), ("norm1", 1), ("conv2", 3), ("norm2", 4)] {
                layers["\(part).\(layer)"] = "\(block).\(number)"
            }
        }
        layers["decoder.{i}.up"] = "up{depth-i}.up"
        var map = NameMap(name: "milesial/Pytorch-UNet", layers: layers)
        map.hints = TrainedModel.Hints(padding: .same, skip: .concatenate, normalization: .unit)
        return map
    }()

    /// The program that a file is of, by its names; nil where it is none of these.
    static func recognized(in names: some Sequence<String>) -> NameMap? {
        for name in names {
            if name == "inc.double_conv.0.weight" { return milesial }
            if name == "encoder.0.conv1.weight" { return own }
        }
        return nil
    }

    // MARK: - Files

    private static let keys = [
        "layers", "padding", "skip", "normalize", "skip_first", "epsilon", "class_names", "leave_out",
    ]

    /// Reads a map. Throws `Failure.request` with file and line for what is wrong with it.
    package static func load(path: String) throws -> NameMap {
        try decode(yaml: Configuration.readText(path: path, what: "name map"), name: path)
    }

    static func decode(yaml: String, name: String) throws -> NameMap {
        let document = try ConfigurationNode.parse(yaml: yaml, name: name)
        let reader = try SectionReader(document, name: name, keys: keys, everyKey: keys)
        guard let entries = reader.node("layers")?.entries, !entries.isEmpty else {
            throw reader.failure(
                "layers", "is missing: give each layer's name, as in encoder.{i}.conv1: down{i}.conv.0")
        }
        var map = NameMap(name: name, layers: [:])
        for entry in entries {
            guard case .scalar(let theirs, _) = entry.value.content else {
                throw Failure.request(
                    "\(entry.origin): layers.\(entry.key) must be a layer's name, not \(entry.value.kind)")
            }
            guard isLayer(entry.key) else {
                throw Failure.request(
                    "\(entry.origin): layers has '\(entry.key.shortened)', which is no layer of a U-Net here: name "
                        + "encoder.{i}.conv1, norm1, conv2, norm2, decoder.{i}.up and the same, or head")
            }
            guard let used = levels(in: theirs), used.isEmpty || entry.key.contains("{i}") || !used.contains("i") else {
                throw Failure.request(
                    "\(entry.origin): layers.\(entry.key) is '\(theirs.shortened)': in braces stand i (where the layer has "
                        + "{i}), depth, numbers, + and -")
            }
            map.layers[entry.key] = theirs
        }
        map.hints = TrainedModel.Hints(
            padding: try reader.word("padding", as: UNetArchitecture.Padding.self),
            skip: try reader.word("skip", as: UNetArchitecture.Skip.self),
            normalization: try reader.word("normalize", as: IntensityNormalization.self))
        map.hints.classNames = try reader.texts("class_names")
        map.takesSkipFirst = try reader.truth("skip_first") ?? true
        map.leftOut = try reader.texts("leave_out") ?? []
        if let epsilon = try reader.number("epsilon") {
            guard epsilon >= 0, epsilon < 1 else { throw reader.failure("epsilon", "must be from 0 to below 1") }
            map.epsilon = epsilon
        }
        return map
    }

    private static func isLayer(_ name: String) -> Bool {
        name == "head" || name.wholeMatch(of: #/encoder\.(\d+|\{i\}|\{depth\})\.(conv|norm)[12]/#) != nil
            || name.wholeMatch(of: #/decoder\.(\d+|\{i\}|\{depth\})\.(up|(conv|norm)[12])/#) != nil
    }

    // MARK: - Names

    /// Their name of one of our layers (`encoder.2.conv1`); nil where the map has none.
    func name(of layer: String, depth: Int) -> String? {
        let parts = layer.split(separator: ".")
        guard parts.count == 3, let level = Int(parts[1]) else { return layers[layer] }
        let end = level == depth ? layers["\(parts[0]).{depth}.\(parts[2])"] : nil
        let pattern = layers[layer] ?? end ?? layers["\(parts[0]).{i}.\(parts[2])"]
        return pattern.map { Self.filled($0, level: level, depth: depth) }
    }

    /// Whether a tensor is of no use and may be there.
    func leavesOut(_ tensor: String) -> Bool {
        // How often a batch normalisation was trained is nothing that predicts.
        tensor.hasSuffix(".num_batches_tracked")
            || leftOut.contains { $0.hasSuffix("*") ? tensor.hasPrefix($0.dropLast()) : tensor == $0 }
    }

    /// The words in a pattern's braces; nil where these hold anything but sums.
    private static func levels(in pattern: String) -> Set<String>? {
        let plain = pattern.replacing(#/\{[^{}]*\}/#, with: "")
        guard !plain.contains("{"), !plain.contains("}") else { return nil }
        var words: Set<String> = []
        for match in pattern.matches(of: #/\{([^{}]*)\}/#) {
            guard match.1.wholeMatch(of: #/ *(i|depth|\d{1,4})( *[+-] *(i|depth|\d{1,4}))* */#) != nil else {
                return nil
            }
            words.formUnion(match.1.matches(of: #/i|depth/#).map { String($0.output) })
        }
        return words
    }

    private static func filled(_ pattern: String, level: Int, depth: Int) -> String {
        pattern.replacing(#/\{([^{}]*)\}/#) { match in
            var (sum, sign) = (0, 1)
            for token in match.1.matches(of: #/[+-]|\w+/#) {
                switch token.output {
                case "+": sign = 1
                case "-": sign = -1
                case "i": sum += sign * level
                case "depth": sum += sign * depth
                default: sum += sign * (Int(token.output) ?? 0)
                }
            }
            return String(sum)
        }
    }
}
