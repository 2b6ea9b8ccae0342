import ArgumentParser
import Inference
import Reports
import Support

struct ReportCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Makes a page of a run, a sweep or a cross-validation to look at.",
        discussion: """
            Writes report.html into the folder: one file without requests to the network, to open in any browser, send \
            or keep. Of a run it shows curves, where the time goes, the scores of each class, a confusion matrix, the \
            best and the worst validation images with truth, prediction and errors, the configuration, the environment \
            and the checkpoints with their hashes; of a sweep the trials as a table, as curves and as parallel \
            coordinates; of a cross-validation its folds and the scores of all of them together.

            The pictures and scores of a run come from evaluating its best checkpoint on its validation images, which \
            takes as long as evaluate does; where the images are gone, the rest is shown.

            With --serve the page is at http://127.0.0.1:PORT/, for this machine alone, and follows what is still under \
            way until Ctrl-C; from another machine by ssh -L PORT:localhost:PORT HOST.
            """)

    @Argument(help: "The folder of a run, a sweep (sweeps/NAME) or a cross-validation (crossvalidations/NAME).")
    var folder: String

    @Option(help: "The file to write (default: report.html in the folder).")
    var output: String?

    @Flag(help: "Serves the page on this machine, and follows what is still under way, instead of writing a file.")
    var serve = false

    @Option(help: "With --serve: the port; 0 for any that is free.")
    var port: UInt16 = 8765

    @Flag(help: "Leaves the checkpoint and the validation images alone: no pictures, and the scores of the run's log.")
    var withoutImages = false

    @Option(help: "Threads that evaluate the checkpoint.")
    var threads = 1

    @Flag(help: "Prints the path of the page, its size and notes as JSON.")
    var json = false

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads \(threads): give 1 to 1024") }
        if serve, output != nil || json {
            throw ValidationError("--serve writes no file: leave out --output and --json")
        }
        if output?.isEmpty == true { throw ValidationError("--output is empty: name a file") }
    }

    func run(in job: Job) throws {
        let evaluation = withoutImages ? nil : EvaluationJob(world: job.world)
        if serve {
            StopSignal.installForLauncher()
            let server = ReportServer(try Report(folder), port: port)
            return try server.run(evaluation: evaluation, threads: threads, until: StopSignal.request) {
                job.console.say("serving \(folder) at \($0) until Ctrl-C")
            }
        }
        var report = try Report(folder)
        if let output { try Self.checkPlace(output) }
        if let evaluation {
            report.review(by: evaluation, threads: threads) { line in job.console.progress(line) }
            job.console.endProgress()
        }
        let outcome = try report.write(to: output)
        for note in outcome.notes { job.console.say("note: \(note)") }
        let size = decimals(Double(outcome.bytes) / 1e6, outcome.bytes < 1_000_000 ? 2 : 1)
        try job.answer(
            "\(outcome.report) (\(size) MB): open it in a browser", json: json ? outcome : nil, isSaved: true)
    }

    /// Refuses a place where no file can be, before anything is evaluated for it.
    private static func checkPlace(_ path: String) throws {
        guard isFolder(path) != true else {
            throw Failure.request("\(path) (--output) is a folder: name the file to write")
        }
        let folder = parentFolder(path)
        guard folder.isEmpty || isFolder(folder) == true else {
            throw Failure.request("folder \(folder) (--output) does not exist: make it, or correct the path")
        }
    }
}
