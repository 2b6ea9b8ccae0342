import ArgumentParser
import Foundation
import Support
import Sweeps

struct SweepCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Trains once for each setting of a sweep file.",
        discussion: """
            Each trial is an mpirun of its own, with the workers that the file asks for and a coordinator. Results are \
            in sweeps/NAME: a run folder for each trial, results.csv, and best.yaml, which train takes. A sweep that \
            was stopped or killed goes on with --resume; finished trials are left alone.
            """)

    @Argument(help: "A sweep file, YAML.")
    var sweep: String

    @Flag(help: "Goes on with the sweep that was begun.")
    var resume = false

    @Flag(help: "Prints the summary as JSON.")
    var json = false

    func run(in job: Job) throws {
        let executable = Bundle.main.executablePath ?? CommandLine.arguments[0]
        StopSignal.installForLauncher()
        let runner = try SweepRunner(
            path: sweep, resume: resume, launcher: MPILauncher(executable: executable), stop: StopSignal.request)
        let summary = try runner.run()
        try job.answer(summary.text, json: json ? summary : nil)
        if summary.exitStatus != 0 { throw ExitCode(summary.exitStatus) }
    }
}
