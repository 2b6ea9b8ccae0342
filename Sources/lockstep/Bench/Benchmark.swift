import Checkpoints
import Communication
import Configurations
import Datasets
import FailureDetection
import Foundation
import Kernels
import Network
import Support
import Training

/// Times the training step, that of `Trainer`, on random images.
struct Benchmark: Sendable {
    var architecture: UNetArchitecture
    /// Side of the input in pixels.
    var size: Int
    /// Images of a step, over all ranks.
    var batch: Int
    var threads: Int
    /// Steps that are timed, after one that is not.
    var steps: Int

    var engine = Engine.Kind.native
    var convolution = Engine.Convolution.automatic
    /// Whether to measure each layer by itself.
    var layers = false
    var communication = Configuration.Communication()

    struct Outcome: Codable, Sendable {
        /// Median seconds of a step.
        let stepSeconds: Double
        let imagesPerSecond: Double
        /// Operations of direct convolutions in the time of a step, over all ranks.
        let effectiveGflops: Double
        /// Peak memory of this rank, and what of it was taken before the network was made.
        let peakMebibytes: Double
        let mebibytesBefore: Double
        /// Share of the step in which a rank whose images are done waits for sums.
        let communicationShare: Double
        let ranks: Int
        let threads: Int
        let parameters: Int
        let outputSize: Int
        /// Median seconds from a step's beginning until a rank's own images are done, and of the update.
        let computeSeconds: Double
        let updateSeconds: Double
        /// The gradient's parts, in the order in which they travel.
        let buckets: [Bucket]
        /// A mean step, layer by layer in the order of the step, if that was asked for.
        let layers: [BenchmarkLayer]?
        /// Why workers of one host do not share memory though they should, if so.
        let remark: String?
    }

    /// A part of the gradient.
    struct Bucket: Codable, Sendable {
        let mebibytes: Double
        /// Median seconds from a step's beginning until it is complete on this rank.
        let completeSeconds: Double
        /// Until its sum over all ranks is there.
        let summedSeconds: Double
    }

    /// Runs on every rank; the times are rank 0's.
    ///
    /// - Parameter watch: the watch over the ranks, where there is one.
    func run(_ world: any Communicator, watch: FailureDetector? = nil) throws -> Outcome {
        let geometry = architecture.geometry
        try Self.check(size: size, geometry)
        guard batch >= world.size else {
            throw Failure.request(
                "--batch \(batch) is less than the number of ranks, \(world.size): each needs an image")
        }
        try world.agree {
            let slots = (batch + world.size - 1) / world.size
            try MachineMemory.require(
                architecture.trainingBytes(height: size, width: size, slots: slots),
                for:
                    "training with base \(architecture.baseChannels), depth \(architecture.depth) and inputs of \(size)×\(size)",
                advice: "lower one of them")
        }
        let before = Self.peakMebibytes
        let profile = layers ? StepProfile() : nil
        let engine = Engine(self.engine, threads: threads, convolution: convolution, profile: profile)
        let trainer = try trainer(world, engine: engine, watch: watch)
        defer { trainer.stop() }
        _ = try trainer.step()
        profile?.reset()
        let outcomes = try (0..<steps).map { _ in try trainer.step() }
        func median(_ value: (StepOutcome) -> Double) -> Double { Support.median(outcomes.map(value)) ?? 0 }
        let seconds = median { $0.end - $0.begin }
        let buckets = trainer.buckets.ranges.enumerated().map { number, range in
            Bucket(
                mebibytes: Double(4 * range.count) / 1_048_576,
                completeSeconds: median { $0.bucketTimes[number].complete - $0.begin },
                summedSeconds: median { $0.bucketTimes[number].summed - $0.begin })
        }
        return Outcome(
            stepSeconds: seconds, imagesPerSecond: Double(batch) / seconds,
            effectiveGflops: architecture.operationsPerStep(height: size, width: size) * Double(batch) / seconds / 1e9,
            peakMebibytes: Self.peakMebibytes, mebibytesBefore: before,
            communicationShare: median { ($0.summed - $0.computed) / ($0.end - $0.begin) },
            ranks: world.size, threads: threads, parameters: trainer.state.weights.count,
            outputSize: geometry.output(input: size), computeSeconds: median { $0.computed - $0.begin },
            updateSeconds: median { $0.end - $0.summed }, buckets: buckets,
            layers: profile.map {
                BenchmarkLayer.table($0, passes: steps, seconds: outcomes.reduce(0) { $0 + $1.end - $1.begin })
            }, remark: trainer.remark)
    }

    /// A trainer of random images.
    ///
    /// - Parameter engine: its profile learns what the trainer does, too.
    func trainer(_ workers: any Communicator, engine: Engine, watch: FailureDetector? = nil) throws -> Trainer {
        let configuration = Configuration(
            model: .init(architecture: architecture),
            data: .init(train: .files(images: "", labels: ""), tile: size), loss: .init(border: nil),
            optimizer: .init(learningRate: 1e-4), training: .init(length: .steps(steps + 1), batch: batch),
            communication: communication)
        let state = TrainingState(ParameterLayout(architecture))
        state.weights.initializeWeights(seed: 1)
        let tile = randomTile(output: architecture.geometry.output(input: size))
        return try Trainer(
            configuration: configuration, limit: .steps(steps + 1), workers: workers, state: state, engine: engine,
            recorder: Recorder(detector: watch, profile: engine.profile)
        ) { _, _ in tile }
    }

    /// Refuses a size that the network cannot take.
    static func check(size: Int, _ geometry: UNetGeometry) throws {
        guard !geometry.isLegal(input: size) else { return }
        throw Failure.request(
            "--size \(size) is no legal input size at depth \(geometry.depth) with padding \(geometry.padding): use \(geometry.nearestLegal(to: size))"
        )
    }

    /// An image of noise with labels of noise.
    private func randomTile(output: Int) -> TrainingTile {
        var random = RandomStream(seed: 1, use: .synthesis, 0)
        let image = Self.noise(size, channels: architecture.inputChannels, &random)
        let labels = LabelMap(height: output, width: output)
        for i in 0..<output * output { labels.values[i] = Int32(random.integer(below: architecture.classes)) }
        return TrainingTile(image: image, labels: labels, weights: nil)
    }

    /// A square image of noise.
    static func noise(_ side: Int, channels: Int, _ random: inout RandomStream) -> Tensor {
        let image = Tensor(side, side, channels)
        for i in 0..<image.count { image.base[i] = Float(random.gaussian()) }
        return image
    }

    /// The most memory that this process has had so far.
    static var peakMebibytes: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}
