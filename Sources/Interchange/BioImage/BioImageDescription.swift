import Checkpoints
import Configurations
import Datasets
import Foundation
import Inference
import Network
import Support

/// The description of a package, `rdf.yaml` (bioimage.io's model specification 0.5), and its README.
struct BioImageDescription {
    private let model: TrainedModel
    private let facts: NetworkFacts
    private let example: BioImageExample
    private let words: BioImagePackage.Words
    private let name: String
    private var hashes: [String: String] = [:]

    init(_ model: TrainedModel, _ example: BioImageExample, _ words: BioImagePackage.Words) throws {
        self.model = model
        self.example = example
        self.words = words
        facts = NetworkFacts(model)
        name = try Self.name(words.name, model)
        guard (words.description?.count ?? 1) <= 1024 else {
            throw Failure.request(
                "--description has more than 1,024 characters, the most of the specification: shorten it")
        }
        if let author = words.authors.first(where: { $0.isEmpty || $0.contains("/") }) {
            throw Failure.request("--author '\(author.shortened)': give a name without /, once for each author")
        }
    }

    /// Notes a file's hash.
    mutating func add(_ file: String, _ bytes: Data) {
        let hash = SHA256()
        hash.update(bytes)
        hashes[file] = hash.finish().hexadecimal
    }

    /// The name as the specification allows it.
    private static func name(_ given: String?, _ model: TrainedModel) throws -> String {
        func isAllowed(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber) || "_+- ()".contains(character)
        }
        guard let given else {
            let run = model.configuration?.name ?? ImagePage.stem(ofPath: model.path)
            return "U-Net " + String(run.map { isAllowed($0) ? $0 : "-" }.prefix(100))
        }
        guard (5...128).contains(given.count), given.allSatisfy(isAllowed) else {
            throw Failure.request(
                "--name '\(given.shortened)': the specification takes 5 to 128 letters, digits, blanks and _+-(): choose "
                    + "another")
        }
        return given
    }

    private var summary: String {
        words.description
            ?? "A U-Net of \(grouped(model.parameters.count)) parameters that segments images of "
            + "\(facts.inputChannels) channel\(facts.inputChannels == 1 ? "" : "s") into "
            + facts.classNames.joined(separator: ", ").shortened + "."
    }

    // MARK: - rdf.yaml

    var yaml: String {
        var lines = [
            "type: model", "format_version: 0.5.4", "name: \(YAMLText.quoted(name))",
            "description: \(YAMLText.quoted(summary))",
        ]
        if !words.authors.isEmpty {
            lines += ["authors:"] + words.authors.map { "- name: \(YAMLText.quoted($0))" }
        }
        if let license = words.license { lines.append("license: \(YAMLText.quoted(license))") }
        lines += [
            "documentation: \(BioImagePackage.Name.documentation)", "covers: [\(BioImagePackage.Name.cover)]",
            "tags: [unet, segmentation, semantic-segmentation, 2d, lockstep]",
            "cite:",
            "- text: \"Ronneberger, Fischer, Brox 2015: U-Net: Convolutional Networks for Biomedical Image Segmentation\"",
            "  doi: 10.1007/978-3-319-24574-4_28",
            "inputs:", "- id: image", "  description: The image as its file has it, which the preprocessing normalises",
        ]
        let sides = "{min: \(facts.smallestInputBeyondHalo), step: \(facts.sizeStep)}"
        lines += axes(channels: channelNames) { _ in sides }
        lines += tensor(BioImagePackage.Name.input) + ["  data: {type: \(example.type)\(inputRange)}"] + preprocessing
        lines += [
            "outputs:", "- id: probabilities", "  description: The probability of each class",
        ]
        lines += axes(channels: Self.identifiers(facts.classNames)) { axis in
            "{tensor_id: image, axis_id: \(axis), offset: \(-2 * facts.margin)}"
                + (facts.halo > 0 ? "\n    halo: \(facts.halo)" : "")
        }
        lines += tensor(BioImagePackage.Name.output) + ["  data: {type: float32, range: [0, 1]}"]
        lines += [
            "weights:", "  onnx:", "    source: \(BioImagePackage.Name.weights)",
            "    sha256: \(hashes[BioImagePackage.Name.weights] ?? "")", "    opset_version: \(ONNXModel.opset)",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private func axes(channels: [String], side: (_ axis: String) -> String) -> [String] {
        ["  axes:", "  - type: batch", "  - type: channel", "    channel_names: [\(channels.joined(separator: ", "))]"]
            + ["y", "x"].flatMap { ["  - type: space", "    id: \($0)", "    size: \(side($0))"] }
    }

    private func tensor(_ file: String) -> [String] {
        ["  test_tensor:", "    source: \(file)", "    sha256: \(hashes[file] ?? "")"]
    }

    private var channelNames: [String] {
        switch facts.inputChannels {
        case 1: ["grey"]
        case 3: ["red", "green", "blue"]
        default: (0..<facts.inputChannels).map { "channel\($0)" }
        }
    }

    /// Names as the specification wants them: of letters, digits and `_`, not a digit first, no two alike.
    private static func identifiers(_ names: [String]) -> [String] {
        let all = names.map { name in
            let plain = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
            return plain.first?.isLetter == true
                && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
                    .contains(plain.lowercased())
                ? plain : "class_\(plain)"
        }
        return Set(all).count == all.count ? all : all.indices.map { "class_\($0)" }
    }

    private var inputRange: String {
        switch example.type {
        case "uint8": ", range: [0, 255]"
        case "uint16": ", range: [0, 65535]"
        default: ""
        }
    }

    /// The type is said before and after, or the input's own would be put there.
    private var preprocessing: [String] {
        let cast = ["  - id: ensure_dtype", "    kwargs: {dtype: float32}"]
        let steps =
            switch facts.normalization {
            case .standardize: ["  - id: zero_mean_unit_variance", "    kwargs: {axes: [y, x], eps: 1.0e-06}"] + cast
            case .unit where example.image.maximum > 1:
                ["  - id: scale_linear", "    kwargs: {gain: \(1 / Double(example.image.maximum)), offset: 0.0}"] + cast
            case .unit: [String]()
            }
        return ["  preprocessing:"] + cast + steps
    }

    // MARK: - README.md

    var documentation: String {
        let tile =
            facts.normalizesEachImage
            ? "\n\nThe network normalises its activations over each input (group normalisation): results depend on the size of "
                + "the input, so give it images, or tiles, of about the size that it was trained on"
                + (model.tile > 0 ? ", \(model.tile) pixels." : ".") : ""
        let scale =
            facts.normalization == .unit && example.image.maximum > 1
            ? "\n\nThe package divides by \(example.image.maximum), the full scale of the images that it was made for."
            : ""
        let source = model.configuration.map { "It was trained in the run \"\($0.name)\"." } ?? "It was imported."
        return """
            # \(name)

            \(summary)

            \(source) Weights and this package were written by Lockstep \(BuildInformation.version).

            ## Input and output

            Images go in as they are in their files: the package normalises them. Of `weights.onnx` itself:

            - \(facts.inputInWords)
            - \(facts.outputInWords)\(scale)\(tile)

            ## Validation

            Compare its classes with labels of images that it was not trained on, by the intersection over union of each
            class. Lockstep does it with

                lockstep evaluate CHECKPOINT --images IMAGES --labels LABELS

            `test_output.npy` is what Lockstep computes from `test_input.npy`; other programs agree within rounding.

            """
    }
}
