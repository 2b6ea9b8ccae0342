import ArgumentParser
import Inference
import Interchange
import Support

struct ExportCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a trained network for other programs.",
        discussion: """
            CHECKPOINT is a run's folder (its best checkpoint) or a .safetensors file. What predicts is exported: of \
            weights with a moving average the average, unless --weights says otherwise. A file that is there is replaced.

            --to onnx: one file for ONNX Runtime, OpenCV, Fiji's deepImageJ and others (opset 17), from the normalised \
            image, N×C×H×W, to the probabilities of the classes. Its metadata say how to normalise, and which heights \
            and widths the network takes.

            --to safetensors: the weights alone, and beside them a Python file of the same name that holds the network \
            for PyTorch, reads them, and segments images as predict does.

            --to bioimageio: a package (.zip) of the BioImage Model Zoo, specification 0.5, for deepImageJ, ilastik, \
            napari and others: the ONNX model, its description with normalisation, sizes and halo, a README, a cover \
            picture, and an image with its result to test it by: the centre of --image, or cells drawn by the computer. \
            bioimage.io itself asks for --author and --license too.
            """)

    /// What can be written.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case onnx, bioimageio, safetensors

        var suffix: String {
            switch self {
            case .onnx: ".onnx"
            case .bioimageio: ".zip"
            case .safetensors: ".safetensors"
            }
        }
    }

    @Argument(help: "A checkpoint (.safetensors) or a run's folder.")
    var checkpoint: String

    @Argument(help: "The file to write.")
    var out: String

    @Option(name: .customLong("to"), help: "The format.")
    var format: Format

    @Option(help: "With --to bioimageio: the image that its test and cover show.")
    var image: String?

    @Option(help: "With --to bioimageio: the model's name (default: made of the run's).")
    var name: String?

    @Option(help: "With --to bioimageio: what the model does, in a sentence.")
    var description: String?

    @Option(name: .customLong("author"), help: "With --to bioimageio: an author's name; repeat it for several.")
    var authors: [String] = []

    @Option(help: "With --to bioimageio: the licence, as SPDX calls it: CC-BY-4.0.")
    var license: String?

    @Flag(help: "Prints what was written as JSON.")
    var json = false

    @OptionGroup var network: NetworkOptions

    func validate() throws {
        let isDescribed = image != nil || name != nil || description != nil || !authors.isEmpty || license != nil
        guard format == .bioimageio || !isDescribed else {
            throw ValidationError(
                "--image, --name, --description, --author and --license are for --to bioimageio: leave them out")
        }
    }

    func run(in job: Job) throws {
        guard out.hasSuffix(format.suffix) else {
            throw Failure.request("\(out): a file of --to \(format.rawValue) ends with \(format.suffix): name it so")
        }
        guard isFolder(out) != true else { throw Failure.request("\(out) is a folder: name the file to write") }
        let model = try network.load(checkpoint)
        guard realPath(model.path) != realPath(out) else {
            throw Failure.request("\(out) is the checkpoint itself: write another file")
        }
        if let assumption = model.assumption { job.console.say(assumption) }
        let facts = NetworkFacts(model)
        let files: [String]
        switch format {
        case .onnx:
            try ONNXModel(model).write(to: out)
            files = [out]
        case .bioimageio:
            let words = BioImagePackage.Words(
                name: name, description: description, authors: authors, license: license)
            if image == nil, facts.normalization == .unit {
                job.console.say(
                    "the package is for images of 8 bits, whose values it divides by 255: if the network's are others, give "
                        + "--image one of them")
            }
            try BioImagePackage(model, image: image, words: words).write(to: out)
            files = [out]
        case .safetensors:
            files = try PyTorchExport(model).write(to: out)
        }
        try job.answer(
            Self.text(model, facts, files), json: json ? Answer(model, facts, format, files) : nil, isSaved: true)
    }

    private static func text(_ model: TrainedModel, _ facts: NetworkFacts, _ files: [String]) -> String {
        let size = facts.margin == 0 ? "as the input" : "\(2 * facts.margin) pixels less than the input each way"
        let rows = [
            ["written", files.joined(separator: ", ")],
            ["from", "\(model.path), \(grouped(model.parameters.count)) parameters"],
            ["channels", "\(facts.inputChannels)"],
            ["normalise", facts.normalizationInWords],
            ["sizes", facts.sizesInWords],
            ["result", "\(size): \(facts.classNames.joined(separator: ", "))"],
        ]
        return aligned(rows, left: 2)
    }

    private struct Answer: Encodable {
        let format: String
        let files: [String]
        let checkpoint: String
        let parameters: Int
        let inputChannels: Int
        let classes: [String]
        let normalize: String
        let padding: String
        let margin: Int
        let smallestInput: Int
        let sizeStep: Int

        init(_ model: TrainedModel, _ facts: NetworkFacts, _ format: Format, _ files: [String]) {
            self.format = format.rawValue
            self.files = files
            checkpoint = model.path
            parameters = model.parameters.count
            inputChannels = facts.inputChannels
            classes = facts.classNames
            normalize = facts.normalization.rawValue
            padding = facts.geometry.padding.rawValue
            (margin, smallestInput, sizeStep) = (facts.margin, facts.smallestInput, facts.sizeStep)
        }
    }
}
