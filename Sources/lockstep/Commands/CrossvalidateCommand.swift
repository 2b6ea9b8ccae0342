import ArgumentParser
import Support
import Sweeps

struct CrossvalidateCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "crossvalidate",
        abstract: "Trains once for each fold of the images, and scores every image by a network that did not see it.",
        discussion: """
            The training images are shared out to K folds, by the seed. For each fold a network is trained on the other \
            images and validated on the fold's, in an mpirun of its own. Images of data.validation take no part.

            Results are in crossvalidations/NAME: the run of each fold (fold-0, fold-1, …), results.csv with its scores, and \
            scores.json with those of all images, each by its fold's best checkpoint, as evaluate --json prints them. That \
            checkpoint was chosen on the same images, so that the scores are a little better than those of new images will \
            be. predict and evaluate take the folder as one model, which averages over the folds.

            Stopped (Ctrl-C, status 75) or killed, it goes on with --resume.
            """)

    @Argument(help: "A configuration, YAML.")
    var config: String

    @Option(help: "Number of folds, 2 or more (default: 5).")
    var folds: Int?

    @Option(
        name: .customLong("set"), help: ArgumentHelp("Overrides one key of the configuration.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: ArgumentHelp("Its folder (default: crossvalidations/name).", valueName: "dir"))
    var output: String?

    @Option(help: "Workers of each fold, beside its coordinator.")
    var workers = 2

    @Option(help: "How often a fold that fails is started again.")
    var retries = 1

    @OptionGroup var trials: TrialOptions

    @Flag(help: "Prints the summary as JSON.")
    var json = false

    func validate() throws {
        guard (2...9999).contains(folds ?? 5) else { throw ValidationError("--folds \(folds ?? 0): give 2 to 9999") }
        guard (1...999).contains(workers) else { throw ValidationError("--workers \(workers): give 1 to 999") }
        guard (0...9999).contains(retries) else { throw ValidationError("--retries \(retries): give 0 to 9999") }
    }

    func run(in job: Job) throws {
        StopSignal.installForLauncher()
        let validation = try CrossValidation(
            CrossValidation.Request(
                configuration: config, settings: settings, folds: folds, output: output, resume: trials.resume,
                workers: workers, retries: retries, parallel: trials.parallel, hosts: try trials.hostFile()),
            launcher: trials.launcher, stop: StopSignal.request)
        for remark in validation.remarks { job.console.say(remark) }
        let summary = try validation.run()
        try job.answer(summary.text, json: json ? summary : nil, isSaved: true)
        if summary.exitStatus != 0 { throw ExitCode(summary.exitStatus) }
    }
}
