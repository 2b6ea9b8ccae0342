import ArgumentParser
import Foundation
import Support
import Sweeps

/// Where and how many at a time, for commands that start trainings.
struct TrialOptions: ParsableArguments {
    @Flag(
        help: """
            Goes on with what was begun, or begins it. Several processes may do so at the same time, on machines that share \
            the folder: they share the trainings out.
            """)
    var resume = false

    @Option(help: "Trainings at a time, each with its workers.")
    var parallel: Int?

    @Option(
        help: ArgumentHelp(
            "The machines to train on, lines such as 'node1 slots=4', a slot for each worker (launch/hosts.example); by default this one. Each training runs on as few of them as have room for it.",
            valueName: "file"))
    var hosts: String?

    func validate() throws {
        guard (1...999).contains(parallel ?? 1) else {
            throw ValidationError("--parallel \(parallel ?? 0): give 1 to 999")
        }
    }

    func hostFile() throws -> HostFile? { try hosts.map(HostFile.init(path:)) }

    /// What runs the trainings: this program, by mpirun.
    var launcher: MPILauncher { MPILauncher(executable: Bundle.main.executablePath ?? CommandLine.arguments[0]) }
}

struct SweepCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Trains once for each setting of a sweep file.",
        discussion: """
            Each trial is an mpirun of its own, with the workers that the file asks for and a coordinator. Results are \
            in sweeps/NAME: a run folder for each trial, results.csv, and best.yaml, which train takes. A sweep that \
            was stopped or killed goes on with --resume; finished trials are left alone.

            A sweep file names a base configuration and the values to try:

              name: rates
              base: ../cells.yaml                        # relative to this file
              set: {training.steps: 900}                 # for every trial
              parameters:
                optimizer.learning_rate: {log: [0.001, 0.1], count: 5}
                model.base_channels: [16, 32]
                training.batch: [2, 4, 8]
              constraints: ["model.base_channels * training.batch <= 128"]
              strategy: grid
              objective: {metric: iou, direction: maximize}
              workers: 2                                 # of each trial, beside its coordinator
              parallel: 1                                # trials at a time
              retries: 1                                 # of a trial that fails

            strategy is grid, every combination; {random: {trials: 20, seed: 1}}; or {successive_halving: {eta: 3, \
            minimum_steps: 100}}: all trials train to step 100, the best third of them to step 300, and so on to \
            training.steps. Schedules follow the whole length, and who goes on is as if it had never waited. With trials: N \
            they are drawn as for random, else they are all combinations. The best validation so far decides, and of equals \
            the first trial.

            constraints leaves out combinations: keys of the configuration, numbers, 'texts', + - * / < <= > >= == != and \
            or not ( ).
            """)

    @Argument(help: "A sweep file, YAML.")
    var sweep: String

    @OptionGroup var trials: TrialOptions

    @Flag(help: "Ends once no trial is left to begin, without waiting for those of other processes.")
    var noWait = false

    @Flag(help: "Prints the summary as JSON.")
    var json = false

    func run(in job: Job) throws {
        StopSignal.installForLauncher()
        let runner = try SweepRunner(
            path: sweep, resume: trials.resume, parallel: trials.parallel, hosts: try trials.hostFile(), waits: !noWait,
            launcher: trials.launcher, stop: StopSignal.request)
        let summary = try runner.run()
        try job.answer(summary.text, json: json ? summary : nil)
        if summary.exitStatus != 0 { throw ExitCode(summary.exitStatus) }
    }
}
