import Communication
import Configurations
import Support
import Training

/// The workers and threads of a training, chosen for the cores of its hosts.
struct LayoutChoice: Encodable, Sendable {
    let workers: Int
    let workersOfHosts: [Int]
    /// Of each worker.
    let threads: Int
    /// Ranks of the job: one more than workers where the coordinator does nothing else.
    let ranks: Int
    /// A step as predicted, where there was more than one layout to choose from.
    let stepSeconds: Double?
    /// The choice, for a line on the screen.
    let words: String

    /// Of a cluster's hosts where nothing is said: bits a second, and seconds.
    static let usualBandwidth = 10e9
    static let usualLatency = 50e-6

    /// Chooses the layout whose step takes the least time, of those that this machine has the memory for; measures only
    /// where that is not plain.
    ///
    /// - Parameters:
    ///   - hosts: are taken to have memory like this machine's.
    ///   - workers, threads: where the user has said how many.
    init(
        _ configuration: Configuration, hosts: [HostCores], workers: Int? = nil, threads: Int? = nil,
        link: AllReduceModel.Link = .init(tcpBitsPerSecond: usualBandwidth, latency: usualLatency)
    ) throws {
        let batch = configuration.training.batch
        if let workers, workers > batch {
            throw Failure.request(
                "\(workers) workers share a batch of \(batch) images: start at most \(batch) workers or raise training.batch"
            )
        }
        let candidates = LayoutCandidates(hosts: hosts, batch: batch, workers: workers, threads: threads)
        let side = try StepModel.inputSide(configuration)
        let memory = MachineMemory.share * (try MachineMemory.total())
        func bytes(_ layout: WorkerLayout) -> Double {
            configuration.trainingBytes((side, side), workers: layout.workers, local: layout.mostOnAHost)
        }
        let fitting = candidates.all.filter { bytes($0) <= memory }
        // Where nothing fits, training itself says so.
        let layouts = fitting.isEmpty ? [candidates.all.min { bytes($0) < bytes($1) }].compactMap(\.self) : fitting
        let contenders = candidates.contenders(of: layouts)
        var chosen = (layout: contenders[0], seconds: Double?.none)
        if contenders.count > 1 {
            var model = try StepModel(configuration, side: side, link: link, steps: 1)
            if let best = try model.best(contenders, batch: { _ in batch }) {
                chosen = (best.layout, best.step.seconds)
            }
        }
        let layout = chosen.layout
        self.workers = layout.workers
        workersOfHosts = layout.workersOfHosts
        self.threads = layout.threads
        ranks = layout.workers + (configuration.run.coordinator == .dedicated ? 1 : 0)
        stepSeconds = chosen.seconds
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        let cores = hosts.reduce(0) { $0 + $1.cores }
        words =
            "\(count(layout.workers, "worker")) of \(count(layout.threads, "thread")) for a batch of \(batch) on "
            + count(cores, "core") + (hosts.count == 1 ? "" : " of \(hosts.count) hosts")
    }
}
