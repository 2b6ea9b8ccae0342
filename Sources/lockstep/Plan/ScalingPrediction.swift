import Communication
import Configurations
import Foundation
import Images
import Kernels
import Network
import Support

/// Predicts step time, efficiency and memory of a run on more hosts than are at hand: from a step measured on this
/// machine and a model of the all-reduce.
struct ScalingPrediction: Encodable, Sendable {
    /// One number of hosts.
    struct Row: Encodable, Sendable {
        let hosts: Int
        let workers: Int
        /// The configuration's, or one image a worker where that is more.
        let batch: Int
        let stepSeconds: Double
        let imagesPerSecond: Double
        /// Images a second, of those of as many workers that never wait for each other.
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

    /// The measured step of one image.
    let measuredSeconds: Double
    let parameters: Int
    /// Side of the input that was measured, in pixels.
    let size: Int
    let threads: Int
    let rows: [Row]

    /// Measures a step of the configuration's network on this machine, and predicts.
    ///
    /// - Parameters:
    ///   - hosts: numbers of hosts.
    ///   - workersPerHost: workers on each, with `run.threads` threads.
    ///   - link: of each host.
    init(
        configuration: Configuration, hosts: [Int], workersPerHost: Int, link: AllReduceModel.Link, steps: Int = 3
    ) throws {
        let model = configuration.model.architecture
        size = try Self.inputSide(configuration)
        threads = configuration.run.threads(localRanks: workersPerHost)
        let measured = try Benchmark(
            architecture: model, size: size, batch: 1, threads: threads, steps: steps, engine: configuration.run.engine,
            communication: configuration.communication
        ).run(SoloCommunicator())
        let buckets = GradientBuckets(
            gradient: measured.parameters, tail: 0, floats: configuration.communication.bucketFloats)
        let speed = BufferSpeed(count: min(measured.parameters, 8 << 20), threads: threads)
        let exchange = AllReduceModel(
            worker: .init(
                slot: measured.computeSeconds, completion: measured.buckets.map(\.completeSeconds),
                update: measured.updateSeconds, addition: speed.addition, norm: speed.norm),
            link: link, buckets: buckets, overlap: configuration.communication.overlap,
            hostSums: configuration.communication.hostSums, compression: configuration.communication.compression)
        measuredSeconds = measured.stepSeconds
        parameters = measured.parameters
        let average = configuration.training.ema > 0 ? 1 : 0
        let record = 4 * Double(measured.parameters) / 1_048_576
        rows = hosts.map { count in
            let workers = count * workersPerHost
            let batch = max(configuration.training.batch, workers)
            let step = exchange.step(slots: batch, workers: workers, perHost: workersPerHost)
            let alone = exchange.step(slots: batch, workers: 1)
            // Two buckets are under way at a time, as a rule.
            let staging = workers == 1 ? 0 : 2 * configuration.communication.bucketMegabytes
            return Row(
                hosts: count, workers: workers, batch: batch, stepSeconds: step.seconds,
                imagesPerSecond: Double(batch) / step.seconds,
                efficiency: alone.seconds / (Double(workers) * step.seconds), waitingSeconds: step.waiting,
                mebibytesSent: step.bytesPerHost / 1_048_576, messagesSent: step.messagesPerHost,
                workerMebibytes: measured.peakMebibytes + Double(step.records - 1 + average) * record + staging,
                hidingBatch: exchange.imagesHiding(workers: workers, perHost: workersPerHost).map { $0 * workers })
        }
    }

    /// The tile's side, or, for whole images, that of a square of as many pixels as the first training image's input.
    private static func inputSide(_ configuration: Configuration) throws -> Int {
        guard configuration.data.tile == 0 else { return configuration.data.tile }
        guard let first = try configuration.samples().train.first else {
            throw Failure.request("data.train has no images: check data.root and data.train")
        }
        let image = try first.image.readHeader()
        let geometry = configuration.model.architecture.geometry
        let pixels =
            geometry.legalInput(outputAtLeast: image.height) * geometry.legalInput(outputAtLeast: image.width)
        return geometry.legalInput(atLeast: Int(Double(pixels).squareRoot()))
    }
}

/// Measured speed of the operations on whole gradients that come with the all-reduce.
private struct BufferSpeed {
    /// Seconds a float.
    let addition: Double
    let norm: Double

    init(count: Int, threads: Int) {
        let values = Tensor(1, 1, count)
        let sum = Tensor(1, 1, count)
        let team = ThreadTeam(threads: threads)
        func best(_ body: () -> Void) -> Double {
            (0..<5).map { _ in
                let begin = Timeline.now
                body()
                return Timeline.now - begin
            }.min().map { $0 / Double(max(count, 1)) } ?? 0
        }
        addition = best { FlatBuffers.add(values.base, to: sum.base, count: count, team: team) }
        norm = best {
            let norm = SquaredNorm(count: count)
            norm.cover(0..<count, of: sum.base, team: team)
        }
    }
}
