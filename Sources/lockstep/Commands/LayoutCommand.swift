import ArgumentParser
import Communication
import Training

struct LayoutCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout",
        abstract: "Chooses the workers and threads of a training for the cores there are.",
        discussion: """
            The launch scripts ask it where neither --workers nor --threads was given. Where several layouts come close, a \
            step is measured and predicted for each, as plan does it, which takes a few steps' time.

            lockstep layout cells.yaml --cores 8
            lockstep layout cells.yaml --cores 2x32,2x32
            """)

    @Argument(help: "A YAML file. Without it: the built-in sample task.")
    var config: String?

    @Option(
        name: .customLong("set"), help: ArgumentHelp("Overrides one key of the configuration.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: ArgumentHelp("The folder of a run that goes on.", valueName: "run-dir"))
    var resume: String?

    @Option(help: "Of each host: 8,8, or 2x32 for two sockets of 32.")
    var cores: CoreList

    @Option(help: "Workers, if they are given.")
    var workers: Int?

    @Option(help: "Threads of each, if they are given.")
    var threads: Int?

    @Option(help: "Of each host's link (default: 10Gbit).")
    var bandwidth: Bandwidth?

    @Option(help: "From a process on one host to one on another (default: 50us).")
    var latency: Latency?

    @Flag(help: "Prints the choice as JSON.")
    var json = false

    func validate() throws {
        for (name, value) in [("workers", workers), ("threads", threads)] {
            if let value, !(1...4096).contains(value) { throw ValidationError("--\(name) \(value): give 1 to 4096") }
        }
    }

    func run(in job: Job) throws {
        let request = TrainingRequest(configuration: config, settings: settings, resume: resume, isDryRun: true)
        let configuration = try request.effectiveConfiguration()
        // A run that goes on has what was chosen for the machines that it began on.
        let isAsked = resume == nil && configuration.run.threads != .count(1) && configuration.run.threads != .automatic
        let choice = try LayoutChoice(
            configuration, hosts: cores.hosts, workers: workers,
            threads: threads ?? (isAsked ? configuration.run.threads(localRanks: 1) : nil),
            link: .init(
                tcpBitsPerSecond: bandwidth?.bitsPerSecond ?? LayoutChoice.usualBandwidth,
                latency: latency?.seconds ?? LayoutChoice.usualLatency))
        try job.answer(choice.words, json: json ? choice : nil)
    }
}

/// The cores of hosts: 8,8 or 2x32.
struct CoreList: ExpressibleByArgument {
    let hosts: [HostCores]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { HostCores($0) }
        guard parts.allSatisfy({ $0 != nil }), !parts.isEmpty else { return nil }
        hosts = parts.compactMap(\.self)
    }
}
