import ArgumentParser
import Datasets
import Inference
import Interchange
import Network
import Support

struct ImportCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes a checkpoint of another PyTorch U-Net's weights.",
        discussion: """
            WEIGHTS is a .safetensors file of milesial/Pytorch-UNet (bilinear=False), which is recognised by its names, or \
            of another U-Net, whose layers --names finds. Batch normalisation is folded into the convolution before it, \
            which is exact once a network is trained. Whatever is left, or does not fit, is refused by its name. OUT is a \
            file that predict, evaluate, export and training.initialize_from take; a file that is there is replaced.

            A name map is YAML. On the left stand this program's layers, on the right their names in the file, without \
            .weight and .bias. {i} is the level from 0 at the top, {depth} that of the bottom:

              layers:
                encoder.{i}.conv1: encoder{i+1}.enc{i+1}conv1
                encoder.{i}.norm1: encoder{i+1}.enc{i+1}norm1   # batch norm, if any
                encoder.{depth}.conv1: bottleneck.bottleneckconv1
                …                                  # conv2, norm2, and the same of decoder
                decoder.{i}.up: upconv{i+1}
                head: conv
              skip_first: false         # its decoder takes [up, skip]; true: [skip, up]
              padding: same             # of the 3×3 convolutions: same or valid
              normalize: unit           # images: unit (full scale 1) or standardize
              skip: concatenate         # concatenate, add or none
              class_names: [background, tumour]
              epsilon: 1.0e-5           # of the batch normalisation
              leave_out: [aux_head.*]   # tensors that do not predict
            """)

    @Argument(help: "The weights, a .safetensors file.")
    var weights: String

    @Argument(help: "The checkpoint to write, a .safetensors file.")
    var out: String

    @Option(help: ArgumentHelp("Where each layer is in the file: a YAML file, see above.", valueName: "map"))
    var names: String?

    @Option(help: "How its 3×3 convolutions treat the edge: same or valid (default: as the map says).")
    var padding: UNetArchitecture.Padding?

    @Option(
        help:
            "What its decoder takes from the encoder: concatenate, add or none (default: as the map or the tensors say)."
    )
    var skip: UNetArchitecture.Skip?

    @Option(help: "How images were normalised for it: unit or standardize (default: as the map says).")
    var normalize: IntensityNormalization?

    @Flag(help: "Prints what was read as JSON.")
    var json = false

    func run(in job: Job) throws {
        guard out.hasSuffix(".safetensors") else {
            throw Failure.request("\(out): a checkpoint ends with .safetensors: name it so")
        }
        guard isFolder(out) != true else { throw Failure.request("\(out) is a folder: name the file to write") }
        guard realPath(weights) != realPath(out) else {
            throw Failure.request("\(out) is the file that is read: write another one")
        }
        let imported = try WeightImport(
            reading: weights, names: try names.map(NameMap.load),
            hints: TrainedModel.Hints(padding: padding, skip: skip, normalization: normalize))
        try imported.write(to: out)
        for remark in imported.remarks { job.console.say(remark) }
        try job.answer(text(imported), json: json ? Answer(imported, out) : nil, isSaved: true)
    }

    private func text(_ imported: WeightImport) -> String {
        let network = imported.architecture
        return aligned(
            [
                ["written", out], ["names of", imported.origin],
                [
                    "network",
                    "depth \(network.depth), \(network.baseChannels) channels in the first level, \(network.inputChannels) of the image, "
                        + "\(network.classes) classes",
                ],
                ["folded", "\(imported.folded) batch normalisations"],
                ["padding", imported.hints.padding?.rawValue ?? "not known"],
                ["normalise", imported.hints.normalization?.rawValue ?? "not known"],
                ["next", "lockstep predict \(out) --input IMAGES --output RESULTS"],
            ], left: 2)
    }

    private struct Answer: Encodable {
        let file: String
        let origin: String
        let depth: Int
        let baseChannels: Int
        let inputChannels: Int
        let classes: Int
        let foldedNormalizations: Int
        let padding: String?
        let skip: String
        let normalize: String?
        let notes: [String]

        init(_ imported: WeightImport, _ file: String) {
            let network = imported.architecture
            self.file = file
            origin = imported.origin
            (depth, baseChannels) = (network.depth, network.baseChannels)
            (inputChannels, classes) = (network.inputChannels, network.classes)
            foldedNormalizations = imported.folded
            padding = imported.hints.padding?.rawValue
            skip = network.skip.rawValue
            normalize = imported.hints.normalization?.rawValue
            notes = imported.remarks
        }
    }
}
