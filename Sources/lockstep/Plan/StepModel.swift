import Communication
import Configurations
import Foundation
import Kernels
import Network
import Support

/// What a training step of a configuration takes on workers of any number of threads, and on any number of hosts: from a
/// step measured on one thread of this machine, its critical path, and a model of the all-reduce.
struct StepModel {
    private let benchmark: Benchmark
    private let configuration: Configuration
    private let link: AllReduceModel.Link
    private let memoryBandwidth: Double
    let measured: Benchmark.Outcome
    private let buckets: GradientBuckets
    private let speed: BufferSpeed
    /// By the number of threads: how many times as fast as one a step is.
    private var speedUps: [Int: Double] = [1: 1]

    /// Measures a step of one image on one thread.
    ///
    /// - Parameters:
    ///   - link: of each host.
    ///   - steps: that are timed, after one that is not.
    ///   - memoryBandwidth: bytes a second that all cores of a host get from its memory together.
    init(
        _ configuration: Configuration, side: Int, link: AllReduceModel.Link, steps: Int,
        memoryBandwidth: Double = CriticalPath.usualMemoryBandwidth
    ) throws {
        self.configuration = configuration
        self.link = link
        self.memoryBandwidth = memoryBandwidth
        benchmark = Benchmark(
            architecture: configuration.model.architecture, size: side, batch: 1, threads: 1, steps: steps,
            engine: configuration.run.engine, communication: configuration.communication)
        measured = try benchmark.run(SoloCommunicator())
        buckets = GradientBuckets(
            gradient: measured.parameters, tail: 0, floats: configuration.communication.bucketFloats)
        speed = BufferSpeed(count: min(measured.parameters, 8 << 20))
    }

    /// Measures the critical paths of steps on so many threads, all at once, where they are not known yet. OpenBLAS has
    /// threads of its own, of which nothing is known: they are taken for as good as the native engine's.
    private mutating func learn(threads: Set<Int>) throws {
        let unknown = threads.subtracting(speedUps.keys).sorted()
        guard !unknown.isEmpty else { return }
        var native = benchmark
        native.engine = .native
        // A short step is timed more often: what else the machine does is long beside its parts.
        native.steps = max(benchmark.steps, min(5, Int(2 / max(measured.stepSeconds, 0.01))))
        let path = CriticalPath(benchmark: native, threads: unknown, memoryBandwidth: memoryBandwidth)
        for row in try path.run().rows { speedUps[row.threads] = max(1, row.speedUp) }
    }

    /// How many times as fast as one thread so many are.
    mutating func speedUp(threads: Int) throws -> Double {
        try learn(threads: [threads])
        return speedUps[threads] ?? 1
    }

    /// Of workers with so many threads.
    mutating func exchange(threads: Int) throws -> AllReduceModel {
        let speedUp = try speedUp(threads: threads)
        // Sums and updates do nothing but read and write memory, which many threads share.
        func shared(_ seconds: Double, bytes: Double) -> Double {
            max(seconds / Double(threads), min(seconds, bytes / memoryBandwidth))
        }
        return AllReduceModel(
            worker: .init(
                slot: measured.computeSeconds / speedUp,
                completion: measured.buckets.map { $0.completeSeconds / speedUp },
                update: shared(measured.updateSeconds, bytes: 20 * Double(measured.parameters)),
                addition: shared(speed.addition, bytes: 12), norm: shared(speed.norm, bytes: 4)),
            link: link, buckets: buckets, overlap: configuration.communication.overlap,
            hostSums: configuration.communication.hostSums, route: configuration.communication.route,
            compression: configuration.communication.compression)
    }

    /// The layout of those given that takes the least time for an image, and its step.
    ///
    /// - Parameter batch: images of a step.
    mutating func best(
        _ layouts: [WorkerLayout], batch: (WorkerLayout) -> Int
    ) throws -> (layout: WorkerLayout, step: AllReduceModel.Step)? {
        try learn(threads: Set(layouts.map(\.threads)))
        return try layouts.map { layout in
            let step = try exchange(threads: layout.threads).step(
                slots: batch(layout), workers: layout.workers, perHost: layout.mostOnAHost)
            return (layout, step, perImage: step.seconds / Double(batch(layout)))
        }.min { $0.perImage < $1.perImage }.map { ($0.0, $0.1) }
    }

    /// The tile's side, or, for whole images, that of a square of as many pixels as the first training image's input.
    static func inputSide(_ configuration: Configuration) throws -> Int {
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

/// Measured speed, on one thread, of the operations on whole gradients that come with the all-reduce.
private struct BufferSpeed {
    /// Seconds a float.
    let addition: Double
    let norm: Double

    init(count: Int) {
        let values = Tensor(1, 1, count)
        let sum = Tensor(1, 1, count)
        func best(_ body: () -> Void) -> Double {
            (0..<5).map { _ in
                let begin = Timeline.now
                body()
                return Timeline.now - begin
            }.min().map { $0 / Double(max(count, 1)) } ?? 0
        }
        addition = best { FlatBuffers.add(values.base, to: sum.base, count: count, team: .solo) }
        norm = best {
            let norm = SquaredNorm(count: count)
            norm.cover(0..<count, of: sum.base, team: .solo)
        }
    }
}
