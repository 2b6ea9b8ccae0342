import ArgumentParser
import Communication
import Configurations
import Foundation
import Support

struct PlanCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Predicts step time, efficiency and memory on more hosts.",
        discussion: """
            Measures a training step of the configuration's network on one core of this machine, which should be like the \
            hosts, predicts it for more threads by its critical path (see bench --critical-path), and adds what sending \
            gradients would take: each host's link carries bucket after bucket, as soon as the backward pass has completed \
            it. More workers than training.batch get one image each.

            With --cores a host's workers and threads are the best for its cores, or, with --workers-per-host, so many \
            workers that share them; else there are that many, 1 if left out, of run.threads threads.

            lockstep plan cells.yaml --hosts 2,4,...,1024 --bandwidth 25Gbit --latency 20us --cores 2x32
            """)

    @Argument(help: "The configuration of a run that is planned.")
    var config: String

    @Option(name: .customLong("set"), help: ArgumentHelp("Overrides one key.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: "Numbers of hosts: 1,2,4 or 2,4,...,64, which doubles.")
    var hosts: CountList

    @Option(help: "Of each host's link: 1Gbit, 100Mbit.")
    var bandwidth: Bandwidth

    @Option(help: "From a process on one host to one on another: 20us, 1ms.")
    var latency: Latency

    @Option(help: "Of each host: 8, or 2x32 for two sockets of 32.")
    var cores: HostCores?

    @Option(help: "Workers on each host.")
    var workersPerHost: Int?

    @Option(help: "Steps that are timed, after one that is not.")
    var steps = 3

    @Flag(help: "Prints the plan as JSON.")
    var json = false

    func validate() throws {
        for (name, value, most) in [("workers-per-host", workersPerHost ?? 1, 4096), ("steps", steps, 1 << 20)]
        where value < 1 || value > most {
            throw ValidationError("--\(name) \(value): give 1 to \(most)")
        }
    }

    private var division: ScalingPrediction.Division {
        switch (cores, workersPerHost) {
        case (let cores?, nil): .best(cores)
        case (let cores?, let workers?): .workersOfCores(workers, cores)
        case (nil, let workers): .workers(workers ?? 1)
        }
    }

    func run(in job: Job) throws {
        let prediction = try ScalingPrediction(
            configuration: Configuration.load(path: config, settings: settings), hosts: hosts.counts,
            division: division,
            link: .init(tcpBitsPerSecond: bandwidth.bitsPerSecond, latency: latency.seconds), steps: steps)
        try job.answer(text(prediction), json: json ? prediction : nil)
    }

    private func text(_ prediction: ScalingPrediction) -> String {
        func figure(_ value: Double, _ digits: Int) -> String {
            value.formatted(.number.grouping(.never).precision(.fractionLength(digits)))
        }
        let head = [
            "hosts", "workers", "threads", "batch", "step s", "images/s", "efficiency", "waiting s", "MiB sent",
            "MiB a worker",
            "hides from batch",
        ]
        let rows = prediction.rows.map { row in
            [
                "\(row.hosts)", "\(row.workers)", "\(row.threads)", "\(row.batch)", figure(row.stepSeconds, 3),
                figure(row.imagesPerSecond, 2), "\(figure(100 * row.efficiency, 1)) %", figure(row.waitingSeconds, 3),
                figure(row.mebibytesSent, 1), figure(row.workerMebibytes, 0),
                row.hidingBatch.map(String.init) ?? "none",
            ]
        }
        return """
            measured: \(figure(prediction.measuredSeconds, 3)) s a step of one \(prediction.size)×\(prediction.size) image on \
            one thread, \(grouped(prediction.parameters)) parameters

            \(aligned([head] + rows))

            threads: of each worker
            efficiency: of as many single threads that never wait for each other
            waiting: for sums that are not there when a worker's images are done
            hides from batch: with that many images a step or more, waiting is at most a twentieth of it
            """
    }
}

/// Bits a second, as networks are sold: 1Gbit is 10⁹.
struct Bandwidth: ExpressibleByArgument {
    let bitsPerSecond: Double

    init?(argument: String) {
        let units = ["kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "tbit": 1e12]
        guard let value = quantity(argument.lowercased(), units: units) else { return nil }
        bitsPerSecond = value
    }
}

struct Latency: ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
        let units = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0]
        guard let value = quantity(argument.lowercased(), units: units) else { return nil }
        seconds = value
    }
}

/// A number above 0 and its unit, without a space.
private func quantity(_ text: String, units: [String: Double]) -> Double? {
    let number = text.prefix { $0.isNumber || $0 == "." }
    guard let value = Double(number), value > 0, value.isFinite, let unit = units[String(text.dropFirst(number.count))]
    else { return nil }
    return value * unit
}

extension HostCores: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
}
