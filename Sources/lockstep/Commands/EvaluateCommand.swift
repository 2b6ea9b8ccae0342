import ArgumentParser
import Datasets
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
            instances hold. Images that a model was trained on are counted in a note. The challenge's scores are the best over thresholds 0, 0.1, … 1 of the probability, which \
            --predictions reads from STEM.probability.png (or .tif) if every image has one (it may stand alone, without \
            STEM.png); \
            else they are those of the classes.
            """)
    static let usesRanks = true

    @Argument(
        help:
            "Checkpoints (.safetensors), folders of runs, or of a cross-validation, which stands for all of its folds; the probabilities of several are averaged."
    )
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
            "What label files hold: index, binary or instances (default: as the model was trained, which predict notes beside its results; else binary for two classes, index for more)."
    )
    var encoding: EncodingName?

    @Option(help: "Number of classes of --predictions (default: as predict noted, else 2).")
    var classes: Int?

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
            let noted = try job.world.agreeOnRoot { try PredictedClasses.noted(of: predictions) }
            let count = classes ?? noted?.classes ?? 2
            guard (2...1024).contains(count) else { throw Failure.request("--classes \(count): give 2 to 1024") }
            for note in contradictions(to: noted) { job.console.say(note) }
            // What was noted is of that many classes.
            let own = noted?.classes == count ? noted : nil
            names = own?.classNames
            outcome = try evaluation.run(
                predictions: predictions, labels: labels, classes: count, truth: truth(own?.encoding, own, of: count))
        } else {
            guard let images else { throw Failure.request("evaluate with a checkpoint needs --images") }
            let ensemble = try job.world.agree { try model.load(checkpoints, augment: augment) }
            for remark in ensemble.remarks { job.console.say(remark) }
            // Counts of each class taken for each other one, of an image and of all, as numbers and as they travel.
            let counts = Double(ensemble.classes) * Double(ensemble.classes)
            try job.world.agree {
                try MachineMemory.require(
                    32 * counts, for: "a table of \(ensemble.classes) classes", advice: "score a model of fewer")
            }
            names = ensemble.classNames
            let own = PredictedClasses(ensemble)
            outcome = try evaluation.run(
                ensemble, images: images, labels: labels, truth: truth(own.encoding, own, of: ensemble.classes))
        }
        try job.answer(text(outcome, names), json: json ? outcome : nil)
    }

    /// How labels are read: as the options say, else as the model was trained.
    private func truth(_ trained: LabelEncoding?, _ own: PredictedClasses?, of classes: Int) -> TruthEncoding {
        TruthEncoding(
            encoding?.encoding ?? trained ?? (classes == 2 ? .binary : .index),
            ignoreValue: ignoreIndex ?? own?.ignoreIndex, ignoreColor: encoding == nil ? own?.ignoreColor : nil,
            isNamed: encoding != nil)
    }

    /// Options that say otherwise than `predict` noted.
    private func contradictions(to noted: PredictedClasses?) -> [String] {
        guard let noted else { return [] }
        func note(_ option: String, _ given: String?, _ noted: String?) -> String? {
            guard let given, let noted, given != noted else { return nil }
            return "\(option) \(given) is taken, and predict noted \(noted) beside its results"
        }
        return [
            note("--classes", classes.map(String.init), String(noted.classes)),
            note("--encoding", encoding?.rawValue, noted.encoding?.name),
            note("--ignore-index", ignoreIndex.map(String.init), noted.ignoreIndex.map(String.init)),
        ].compactMap(\.self)
    }

    private func text(_ outcome: EvaluationJob.Outcome, _ names: [String]?) -> String {
        var lines: [String] = []
        if perImage { lines += outcome.images.map { "\($0.image): \($0.scores.summary)" } + [""] }
        let leftOut = outcome.unlabelled > 0 ? " (\(outcome.unlabelled) more have no label and are left out)" : ""
        lines.append("\(outcome.images.count) images\(leftOut)")
        lines += outcome.notes.map { "note: \($0)" } + [outcome.overall.table(names: names)]
        return lines.joined(separator: "\n")
    }
}
