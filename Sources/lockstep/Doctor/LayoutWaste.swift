import Communication
import Configurations
import Kernels
import Support

/// What a layout of workers and threads leaves unused of the cores that it has.
struct LayoutWaste {
    /// A sentence each.
    private(set) var words: [String] = []

    /// Times a few steps where workers have many threads.
    init(_ configuration: Configuration, _ layout: WorkerLayout) throws {
        let batch = configuration.training.batch
        let (workers, threads) = (layout.workers, layout.threads)
        if batch % workers != 0 {
            words.append("\(workers) workers share a batch of \(batch) unevenly: some wait for the others")
        }
        let tree = SlotTree(slots: batch, workers: workers)
        let nodes = (0..<workers).map { tree.largestNodes(in: tree.slots(ofWorker: $0)).count }.max() ?? 1
        if nodes > 1 {
            words.append(
                "a worker's images of a batch of \(batch) make up \(nodes) sums, which are kept and sent one by one: a batch of "
                    + "\(Self.evenBatches(near: batch, workers: workers)) has one a worker")
        }
        let processors = Processors.available
        if threads > processors {
            words.append(
                "\(threads) threads and \(processors) \(processors == 1 ? "core that this process is bound" : "cores that this process may use"): "
                    + "lower run.threads, or start mpirun with --bind-to none")
        }
        guard threads >= Self.many else { return }
        var model = try StepModel(
            configuration, side: StepModel.inputSide(configuration),
            link: .init(tcpBitsPerSecond: LayoutChoice.usualBandwidth, latency: LayoutChoice.usualLatency), steps: 1)
        let (all, half) = (try model.speedUp(threads: threads), try model.speedUp(threads: threads / 2))
        if all < Self.leastGain * half {
            words.append(
                "\(threads) threads would be \(decimals(all / half, 2)) times as fast as \(threads / 2) on this network: more workers "
                    + "make more of them, with a larger training.batch")
        }
    }

    /// Fewer are of use to any network.
    private static let many = 8
    /// Of twice the threads.
    private static let leastGain = 1.2

    /// The batches nearest to `batch` of which every worker has a power of two.
    private static func evenBatches(near batch: Int, workers: Int) -> String {
        var below = workers
        while below * 2 < batch { below *= 2 }
        return below < batch ? "\(below) or \(2 * below)" : "\(below)"
    }
}
