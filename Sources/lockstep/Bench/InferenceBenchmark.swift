import Inference
import Kernels
import Network
import Support

/// Times predictions of tiles, by the code that `predict` calls, on random images.
struct InferenceBenchmark {
    var architecture: UNetArchitecture
    /// Side of a tile's input in pixels.
    var size: Int
    /// Tiles of a pass; each is an image of its own, of one tile's output.
    var tiles: Int
    /// Passes over all tiles that are timed, after one that is not.
    var passes: Int
    /// With its profile one tile is computed after another.
    var engine: Engine

    struct Outcome: Codable, Sendable {
        /// Median seconds of a pass, by its tiles.
        let tileSeconds: Double
        /// Pixels of output.
        let pixelsPerSecond: Double
        /// Operations of direct convolutions in the time of a tile.
        let effectiveGflops: Double
        /// Peak memory, and what of it was taken before the network was made.
        let peakMebibytes: Double
        let mebibytesBefore: Double
        let tiles: Int
        let tilesAtOnce: Int
        let threadsPerTile: Int
        let parameters: Int
        let outputSize: Int
        /// A mean tile, layer by layer, if that was asked for.
        let layers: [BenchmarkLayer]?
    }

    func run() throws -> Outcome {
        let geometry = architecture.geometry
        try Benchmark.check(size: size, geometry)
        try TiledPrediction.check(tile: size, geometry: geometry)
        let plan = plan
        let layout = ParameterLayout(architecture)
        try MachineMemory.require(
            4 * Double(layout.count)
                + Double(plan.lanes) * architecture.predictionBytes(height: size, width: size),
            for:
                "predicting \(plan.lanes) tile(s) of \(size)×\(size) at once with base \(architecture.baseChannels), depth "
                + "\(architecture.depth)", advice: "lower one of them")
        let before = Benchmark.peakMebibytes
        let parameters = ParameterBuffer(layout)
        parameters.initializeWeights(seed: 1)
        let prediction = AveragedPrediction(
            [TiledPrediction(architecture, parameters: parameters, tile: size)], engine: engine)
        let output = geometry.output(input: size)
        var random = RandomStream(seed: 1, use: .synthesis, 0)
        let image = Benchmark.noise(output, channels: architecture.inputChannels, &random)
        let stream = prediction.stream(plan, of: (passes + 1) * tiles) { _ in ((), image) }
        defer { stream.stop() }
        let watch = StopWatch()
        var ends: [Double] = []
        for _ in 0...passes {
            for _ in 0..<tiles { _ = try stream.next() }
            ends.append(watch.seconds)
            if ends.count == 1 { engine.profile?.reset() }
        }
        let seconds = (median(zip(ends.dropFirst(), ends).map { $0 - $1 }) ?? 0) / Double(tiles)
        let layers = engine.profile.map {
            BenchmarkLayer.table($0, passes: passes * tiles, seconds: ends[passes] - ends[0])
        }
        return Outcome(
            tileSeconds: seconds, pixelsPerSecond: Double(output * output) / seconds,
            effectiveGflops: architecture.operationsPerPrediction(height: size, width: size) / seconds / 1e9,
            peakMebibytes: Benchmark.peakMebibytes, mebibytesBefore: before, tiles: tiles, tilesAtOnce: plan.lanes,
            threadsPerTile: plan.threads, parameters: parameters.count, outputSize: output, layers: layers)
    }

    /// As `predict` has it, where memory allows; one tile after another where there is but one, or layers are wanted.
    private var plan: PredictionPlan {
        let threads = engine.team.threads
        return tiles == 1 || engine.profile != nil
            ? .inTurn(threads: threads) : PredictionPlan(tiles: tiles, threads: threads, most: threads)
    }
}
