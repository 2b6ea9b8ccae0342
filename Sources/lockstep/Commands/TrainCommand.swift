import ArgumentParser
import Checkpoints
import Foundation
import Metrics
import Support
import Training

struct TrainCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a U-Net.",
        discussion: """
            Without mpirun one process does everything. Under mpirun rank 0 coordinates (checkpoints, validation, logs) \
            and the others train: mpirun -np 3 lockstep train cells.yaml has two workers. The result does not depend on \
            how many there are.

            SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1 or SIGUSR2, sent to any of its processes, end a run with a \
            checkpoint and status 75; nohup keeps SIGHUP away. Output that nobody reads ends nothing.
            """)
    static let usesRanks = true

    @Argument(help: "A YAML file. Without it: the built-in sample task, synthetic touching cells.")
    var config: String?

    @Option(
        name: .customLong("set"), help: ArgumentHelp("Overrides one key of the configuration.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: ArgumentHelp("The run's own folder (default: run.output/name).", valueName: "run-dir"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Goes on with the run in this folder: from its newest checkpoint, or from a newer step that a machine has kept in memory.",
            valueName: "run-dir"))
    var resume: String?

    @Option(
        help: ArgumentHelp(
            "Ends well at this step, with a checkpoint and a validation, though the run is longer; schedules follow the whole run, and --resume goes on as if it had not ended.",
            valueName: "step"))
    var until: Int?

    @Flag(help: "Checks configuration, images and folder, says what would be trained, and ends.")
    var dryRun = false

    @Option(
        name: .customLong("preview"),
        help: ArgumentHelp(
            "Draws the first N training samples, varied and weighed as training will see them, into the run's previews.",
            valueName: "n"))
    var previews: Int?

    @Flag(help: "Prints the outcome as JSON.")
    var json = false

    func run(in job: Job) throws {
        let request = TrainingRequest(
            configuration: config, settings: settings, output: output, resume: resume, isDryRun: dryRun,
            previews: previews ?? 0, until: until)
        if output != nil && resume != nil {
            throw Failure.request("--output and --resume both name a run's folder: give one of them")
        }
        if let until, until < 1 {
            throw Failure.request("--until \(until): give a step, 1 or more")
        }
        if let previews, previews < 1 {
            throw Failure.request("--preview \(previews): give a number of samples, 1 or more")
        }
        if previews != nil && dryRun {
            throw Failure.request("--preview writes pictures and --dry-run writes nothing: give one of them")
        }
        let result = try TrainingJob(
            world: job.world, localRanks: job.localRanks, console: job.console, detector: job.watch
        ).run(request)
        try job.answer(
            dryRun ? "the run can begin; nothing was written" : Self.text(result), json: json ? Answer(result) : nil,
            isSaved: !dryRun)
    }

    /// The scores of the last validation, and where everything is.
    private static func text(_ result: TrainingResult) -> String {
        let directory = result.directory
        var lines: [String] = []
        if let scores = result.scores, let step = result.scoresStep {
            lines += ["", "validation at step \(step)", scores.table(names: result.configuration.model.classNames), ""]
        }
        if let best = result.best {
            lines.append("best \(result.metric.rawValue):   \(decimals(best.value, 4)) at step \(best.step)")
        }
        lines.append("checkpoint: \(result.checkpoint)")
        lines.append("log:        \(directory.log)")
        if let preview = result.preview { lines.append("prediction: \(preview)") }
        if let times = result.times { lines.append("time:       \(times)") }
        lines.append(
            "next:       \(Job.programName) predict \(directory.path.shellWord) --input IMAGES --output predictions, where "
                + "IMAGES is a folder of new images")
        return lines.joined(separator: "\n")
    }

    private struct Answer: Encodable {
        let run: String
        let checkpoint: String
        let log: String
        let metrics: String
        let prediction: String?
        let step: Int?
        let best: BestScore?
        let scores: SegmentationScores?
        let seconds: RunTimes?
        /// Threads of a rank; 0 where its ranks share a machine's cores.
        let threads: Int
        let coordinator: String
        /// Whole seconds.
        let faultTimeout: Int

        init(_ result: TrainingResult) {
            run = result.directory.path
            checkpoint = result.checkpoint
            log = result.directory.log
            metrics = result.directory.metrics
            prediction = result.preview
            step = result.scoresStep
            best = result.best
            scores = result.scores
            seconds = result.times
            if case .count(let count) = result.configuration.run.threads { threads = count } else { threads = 0 }
            coordinator = result.configuration.run.coordinator.rawValue
            faultTimeout = Int(result.configuration.run.faultTimeout.rounded(.up))
        }
    }
}

extension TrainingResult {
    /// The best checkpoint, or the newest where nothing was validated.
    var checkpoint: String {
        FileManager.default.fileExists(atPath: directory.best) ? directory.best : directory.latest
    }

    /// The first picture of the last validation.
    var preview: String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.previews)) ?? []
        return names.filter { $0.hasPrefix("latest-") }.min().map { "\(directory.previews)/\($0)" }
    }
}
