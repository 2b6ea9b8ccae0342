import ArgumentParser
import MPIBackend
import Support

struct DoctorCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what would go wrong, before anything does.",
        discussion: """
            Looks at the machine, MPI and BLAS; with CONFIG also at the configuration, every image and label, the classes' \
            shares, the run's folder, memory and disk, and times a step to say how long the run takes. A note is a doubt \
            that only you can settle. Exit status: 0 all well or doubtful, 1 the machine, 2 the configuration or the data.
            """)

    @Argument(help: "The configuration of a run that is planned.")
    var config: String?

    @Option(
        name: .customLong("set"), help: ArgumentHelp("Overrides one key of the configuration.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: "Processes that would train, each with run.threads threads (default: the best for this machine).")
    var workers: Int?

    @Flag(help: "Prints the findings as JSON.")
    var json = false

    func validate() throws {
        if config == nil, !settings.isEmpty {
            throw ValidationError("--set overrides a key of the configuration: name one")
        }
        if let workers, !(1...4096).contains(workers) { throw ValidationError("--workers \(workers): give 1 to 4096") }
    }

    func run(in job: Job) throws {
        let check = PreflightCheck(
            mpi: MPICommunicator.libraryDescription, configuration: config, settings: settings, workers: workers)
        let marks: [PreflightCheck.Verdict: String] = [.good: "ok", .doubtful: "note", .bad: "WRONG"]
        let rows = check.findings.map { [marks[$0.verdict] ?? "", $0.subject, $0.words] }
        let lines = alignedLines(rows, left: 3, minimumWidths: [5, 13])
        try job.answer(lines.joined(separator: "\n"), json: json ? check : nil)
        if check.exitStatus != 0 { throw ExitCode(check.exitStatus) }
    }
}
