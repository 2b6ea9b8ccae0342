import Communication
import Configurations
import FailureDetection
import Foundation
import Kernels
import Network
import Optimization
import Support

/// Times training steps on random images: forward, loss, backward, the sum over slots and ranks, and the update.
public struct Benchmark: Sendable {
    public var architecture: UNetArchitecture
    /// Side of the input in pixels.
    public var size: Int
    /// Images of a step, over all ranks.
    public var batch: Int
    public var threads: Int
    /// Steps that are timed, after one that is not.
    public var steps: Int

    public var engine: Engine.Kind
    public var convolution: Engine.Convolution
    /// Whether to measure each layer by itself.
    public var layers: Bool
    public var communication: Configuration.Communication

    public init(
        architecture: UNetArchitecture, size: Int, batch: Int, threads: Int, steps: Int, engine: Engine.Kind = .native,
        convolution: Engine.Convolution = .automatic, layers: Bool = false,
        communication: Configuration.Communication = .init()
    ) {
        self.communication = communication
        self.convolution = convolution
        self.layers = layers
        self.architecture = architecture
        self.size = size
        self.batch = batch
        self.threads = threads
        self.steps = steps
        self.engine = engine
    }

    public struct Outcome: Codable, Sendable {
        /// Median seconds of a step.
        public let stepSeconds: Double
        public let imagesPerSecond: Double
        /// Operations of direct convolutions in the time of a step, over all ranks.
        public let effectiveGflops: Double
        /// Peak memory of this rank, and what of it was taken before the network was made.
        public let peakMebibytes: Double
        public let mebibytesBefore: Double
        /// Share of the step in which a rank whose images are done waits for sums.
        public let communicationShare: Double
        public let ranks: Int
        public let threads: Int
        public let parameters: Int
        public let outputSize: Int
        /// Median seconds from a step's beginning until a rank's own images are done, and of the update.
        public let computeSeconds: Double
        public let updateSeconds: Double
        /// The gradient's parts, in the order in which they travel.
        public let buckets: [Bucket]
        /// A mean step, layer by layer in the order of the step, if that was asked for.
        public let layers: [Layer]?
    }

    /// A part of the gradient.
    public struct Bucket: Codable, Sendable {
        public let mebibytes: Double
        /// Median seconds from a step's beginning until it is complete on this rank.
        public let completeSeconds: Double
        /// Until its sum over all ranks is there.
        public let summedSeconds: Double
    }

    /// One pass through a layer in a mean step.
    public struct Layer: Codable, Sendable {
        public let layer: String
        /// forward, backward, or empty for what has but one.
        public let pass: String
        public let kernel: String
        public let milliseconds: Double
        /// Of these, transforming and packing weights and their gradient; transforming maps; matrix products.
        public let filters: Double
        public let transforms: Double
        public let products: Double
        /// Operations as computed, and as the direct sum would take, over all of the time.
        public let realGflops: Double
        public let effectiveGflops: Double
        /// Part of the step's time.
        public let share: Double
    }

    /// Runs on every rank; the times are rank 0's.
    public func run(_ world: any Communicator) throws -> Outcome {
        let geometry = architecture.geometry
        guard geometry.isLegal(input: size) else {
            throw Failure.request(
                "--size \(size) is no legal input size at depth \(geometry.depth) with padding \(geometry.padding): use \(geometry.nearestLegal(to: size))"
            )
        }
        guard batch >= world.size else {
            throw Failure.request(
                "--batch \(batch) is less than the number of ranks, \(world.size): each needs an image")
        }
        let before = Self.peakMebibytes
        let profile = layers ? StepProfile() : nil
        let engine = Engine(self.engine, threads: threads, convolution: convolution, profile: profile)
        let network = UNet(architecture, engine: engine)
        let weights = ParameterBuffer(network.layout)
        let momentum = ParameterBuffer(network.layout)
        weights.initializeWeights(seed: 1)
        let output = geometry.output(input: size)
        let image = Tensor(size, size, architecture.inputChannels)
        let labels = LabelMap(height: output, width: output)
        var random = RandomStream(seed: 1, use: .synthesis, 0)
        for i in 0..<image.count { image.base[i] = Float(random.gaussian()) }
        for i in 0..<output * output { labels.values[i] = Int32(random.integer(below: architecture.classes)) }
        let tree = GradientTree(
            slots: batch, communicator: world,
            buckets: GradientBuckets(gradient: weights.count, tail: 0, floats: communication.bucketFloats),
            overlap: communication.overlap, compression: communication.compression, team: engine.team)
        let optimizer = MomentumSGD(momentum: 0.99)
        var samples: [Sample] = []
        for step in 0...steps {
            if step == 1 { profile?.reset() }
            let begin = Timeline.now
            let sample = try tree.sum(
                compute: { _, gradient, settled in
                    defer { withExtendedLifetime(image) {} }
                    let logits = network.forward(image.view, parameters: weights.base)
                    profile?.enter("loss")
                    _ = SoftmaxCrossEntropy.loss(
                        logits: logits, labels: labels, gradient: network.logitsGradient, team: engine.team)
                    network.backward(image.view, parameters: weights.base, gradient: gradient, settled: settled)
                    profile?.enter("sum")
                }
            ) { total in
                profile?.enter("update")
                optimizer.step(
                    weights: weights.base, velocity: momentum.base, gradient: total.base, count: weights.count,
                    learningRate: 1e-4, gradientScale: 1 / Double(batch), team: engine.team)
                return Sample(total, begin: begin, end: Timeline.now)
            }
            profile?.leave()
            if step > 0 { samples.append(sample) }
        }
        func median(_ value: (Sample) -> Double) -> Double { Self.median(samples.map(value)) }
        let seconds = median(\.seconds)
        let bucketTimes = tree.buckets.ranges.indices.map { number in
            Bucket(
                mebibytes: Double(4 * tree.buckets.ranges[number].count) / 1_048_576,
                completeSeconds: median { $0.buckets[number].complete },
                summedSeconds: median { $0.buckets[number].summed })
        }
        return Outcome(
            stepSeconds: seconds, imagesPerSecond: Double(batch) / seconds,
            effectiveGflops: architecture.operationsPerStep(height: size, width: size) * Double(batch) / seconds / 1e9,
            peakMebibytes: Self.peakMebibytes, mebibytesBefore: before,
            communicationShare: median { ($0.summed - $0.computed) / $0.seconds },
            ranks: world.size, threads: threads, parameters: weights.count, outputSize: output,
            computeSeconds: median(\.computed), updateSeconds: median { $0.seconds - $0.summed }, buckets: bucketTimes,
            layers: profile.map { table($0.rows, total: samples.reduce(0) { $0 + $1.seconds }) })
    }

    /// One step, in seconds from its beginning.
    private struct Sample {
        let computed: Double
        let summed: Double
        let seconds: Double
        let buckets: [(complete: Double, summed: Double)]

        init(_ total: GradientTree.Total, begin: Double, end: Double) {
            computed = total.computed - begin
            summed = total.summed - begin
            seconds = end - begin
            buckets = total.bucketTimes.map { ($0.complete - begin, $0.summed - begin) }
        }
    }

    private func table(_ rows: [StepProfile.Row], total: Double) -> [Layer] {
        rows.map { row in
            func milliseconds(_ phase: StepProfile.Phase) -> Double {
                1000 * row.phases[phase.rawValue] / Double(steps)
            }
            return Layer(
                layer: row.layer, pass: row.pass, kernel: row.kernel, milliseconds: 1000 * row.seconds / Double(steps),
                filters: milliseconds(.filters), transforms: milliseconds(.transforms),
                products: milliseconds(.products), realGflops: row.operations / row.seconds / 1e9,
                effectiveGflops: row.directOperations / row.seconds / 1e9, share: row.seconds / total)
        }
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The most memory that this process has had so far.
    static var peakMebibytes: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}
