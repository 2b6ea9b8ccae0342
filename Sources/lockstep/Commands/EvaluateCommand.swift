import ArgumentParser
import Foundation
import Inference
import Support

struct EvaluateCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Scores a model, or predictions, against labels.",
        discussion: """
            With checkpoints, --images are segmented and scored. With --predictions, what predict (or any program) \
            wrote is scored: with two classes 0 and anything else, with more the class index. Images and labels are \
            paired by file name, or, of paths with wildcards such as '01/t*.tif' and '01_ST/SEG/man_seg*.tif', by what \
            the wildcards stand for; images without a label are then left out. Pages of TIFF stacks count one by one, \
            STEM-0000, STEM-0001, … as predict calls them. Under mpirun the ranks share the images out.

            With two classes also: SEG and average precision of objects; adapted rand error and variation of \
            information; the ISBI 2012 challenge's V_rand, V_info, rand error and pixel error. Objects are the \
            4-connected regions of the classes, or what STEM.instances.png beside a prediction and a label file of \
            instances hold. The challenge's scores are the best over thresholds 0, 0.1, … 1 of the probability, which \
            --predictions reads from STEM.probability.png (or .tif) if every image has one (it may stand alone, without \
            STEM.png); \
            else they are those of the classes.
            """)
    static let usesRanks = true

    @Argument(help: "Checkpoints (.safetensors) or run folders; the probabilities of several are averaged.")
    var checkpoints: [String] = []

    @Option(help: "The images to segment: a folder (PNG, TIFF, JPEG), a file, or a path with wildcards in quotes.")
    var images: String?

    @Option(help: "The labels: a folder (PNG, TIFF), a file, or a path with wildcards in quotes.")
    var labels: String

    @Option(
        help: "A folder of predictions, or a path with wildcards in quotes, instead of checkpoints and --images.")
    var predictions: String?

    @Option(
        help:
            "What label files hold: index, binary or instances (default: as the model was trained; with --predictions binary for two classes, else index)."
    )
    var encoding: EncodingName?

    @Option(help: "Number of classes of --predictions.")
    var classes = 2

    @Option(help: "A raw label value whose pixels do not count.")
    var ignoreIndex: Int?

    @Flag(help: "Averages over the eight flips and rotations of each image; takes eight times as long.")
    var augment = false

    @Flag(help: "Also measures the warping error of two classes.")
    var warping = false

    @Flag(help: "Also prints a line for each image.")
    var perImage = false

    @Flag(help: "Prints the scores as JSON.")
    var json = false

    @OptionGroup var model: ModelOptions

    func validate() throws {
        guard (predictions == nil) != checkpoints.isEmpty else {
            throw ValidationError("name checkpoints and --images, or --predictions")
        }
        if augment, predictions != nil { throw ValidationError("--augment is about checkpoints, not --predictions") }
    }

    func run(in job: Job) throws {
        let evaluation = EvaluationJob(world: job.world, warping: warping)
        let outcome: EvaluationJob.Outcome
        var names: [String]?
        if let predictions {
            guard (2...1024).contains(classes) else { throw Failure.request("--classes \(classes): give 2 to 1024") }
            outcome = try evaluation.run(
                predictions: predictions, labels: labels, classes: classes,
                encoding: encoding?.encoding ?? (classes == 2 ? .binary : .index), ignoreValue: ignoreIndex)
        } else {
            guard let images else { throw Failure.request("evaluate with a checkpoint needs --images") }
            let ensemble = try job.world.agree { try model.load(checkpoints, augment: augment) }
            if let remark = ensemble.remark { job.console.say(remark) }
            let data = ensemble.models[0].configuration?.data
            names = ensemble.classNames
            outcome = try evaluation.run(
                ensemble, images: images, labels: labels,
                encoding: encoding?.encoding ?? data?.labels ?? (ensemble.classes == 2 ? .binary : .index),
                ignoreValue: ignoreIndex ?? data?.ignoreIndex)
        }
        try job.answer(text(outcome, names), json: json ? outcome : nil)
    }

    private func text(_ outcome: EvaluationJob.Outcome, _ names: [String]?) -> String {
        var lines: [String] = []
        if perImage { lines += outcome.images.map { "\($0.image): \($0.scores.summary)" } + [""] }
        let leftOut = outcome.unlabelled > 0 ? " (\(outcome.unlabelled) more have no label and are left out)" : ""
        return (lines + ["\(outcome.images.count) images\(leftOut)", outcome.overall.table(names: names)]).joined(
            separator: "\n")
    }
}
