import Communication
import Configurations
import Support

/// Predicts step time, efficiency and memory of a run on more hosts than are at hand.
struct ScalingPrediction: Encodable, Sendable {
    /// One number of hosts.
    struct Row: Encodable, Sendable {
        let hosts: Int
        let workers: Int
        /// Of each worker.
        let threads: Int
        /// The configuration's, or one image a worker where that is more.
        let batch: Int
        let stepSeconds: Double
        let imagesPerSecond: Double
        /// Images a second and thread, of those of as many threads that never wait for each other.
        let efficiency: Double
        /// Seconds of the step in which workers wait for sums.
        let waitingSeconds: Double
        /// What a host sends in a step.
        let mebibytesSent: Double
        let messagesSent: Int
        /// Peak memory of a worker.
        let workerMebibytes: Double
        /// The smallest batch with which waiting is at most a twentieth of the step; nil where none is.
        let hidingBatch: Int?
    }

    /// What a host does with its cores.
    enum Division: Sendable {
        /// So many workers, with `run.threads` threads each.
        case workers(Int)
        /// So many workers, which share the cores.
        case workersOfCores(Int, HostCores)
        /// The best workers and threads for these cores.
        case best(HostCores)
    }

    /// The measured step of one image on one thread.
    let measuredSeconds: Double
    let parameters: Int
    /// Side of the input that was measured, in pixels.
    let size: Int
    let rows: [Row]

    /// Measures a step of the configuration's network on this machine, and predicts.
    ///
    /// - Parameters:
    ///   - hosts: numbers of hosts.
    ///   - division: of each host.
    ///   - link: of each host.
    init(
        configuration: Configuration, hosts: [Int], division: Division, link: AllReduceModel.Link, steps: Int
    ) throws {
        size = try StepModel.inputSide(configuration)
        var model = try StepModel(configuration, side: size, link: link, steps: steps)
        let measured = model.measured
        let alone = try model.exchange(threads: 1)
        measuredSeconds = measured.stepSeconds
        parameters = measured.parameters
        let average = configuration.training.ema > 0 ? 1 : 0
        let record = 4 * Double(measured.parameters) / 1_048_576
        rows = try hosts.map { count in
            let layouts = Self.layouts(configuration, hosts: count, division)
            func batch(_ layout: WorkerLayout) -> Int { max(configuration.training.batch, layout.workers) }
            guard let (layout, step) = try model.best(layouts, batch: batch) else {
                throw Failure.running("no layout for \(count) hosts")
            }
            let exchange = try model.exchange(threads: layout.threads)
            let one = alone.step(slots: batch(layout), workers: 1)
            // Two buckets are under way at a time, as a rule.
            let staging = layout.workers == 1 ? 0 : 2 * configuration.communication.bucketMegabytes
            return Row(
                hosts: count, workers: layout.workers, threads: layout.threads, batch: batch(layout),
                stepSeconds: step.seconds, imagesPerSecond: Double(batch(layout)) / step.seconds,
                efficiency: one.seconds / (Double(layout.workers * layout.threads) * step.seconds),
                waitingSeconds: step.waiting, mebibytesSent: step.bytesPerHost / 1_048_576,
                messagesSent: step.messagesPerHost,
                workerMebibytes: measured.peakMebibytes + Double(step.records - 1 + average) * record + staging,
                hidingBatch: exchange.imagesHiding(workers: layout.workers, perHost: layout.mostOnAHost).map {
                    $0 * layout.workers
                })
        }
    }

    private static func layouts(
        _ configuration: Configuration, hosts: Int, _ division: Division
    ) -> [WorkerLayout] {
        switch division {
        case .workers(let count):
            let threads = configuration.run.threads(localRanks: count)
            return [WorkerLayout(workersOfHosts: Array(repeating: count, count: hosts), threads: threads)]
        case .workersOfCores(let count, let cores):
            let threads = max(1, cores.cores / count)
            return [WorkerLayout(workersOfHosts: Array(repeating: count, count: hosts), threads: threads)]
        case .best(let cores):
            // A batch of less than an image for each host would leave hosts without work.
            let candidates = LayoutCandidates(
                hosts: Array(repeating: cores, count: hosts), batch: max(configuration.training.batch, hosts))
            return candidates.contenders(of: candidates.all)
        }
    }
}
