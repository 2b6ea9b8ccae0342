import Kernels
import Support

/// How the threads of an engine share out a prediction. Results do not depend on it.
package struct PredictionPlan: Hashable, Sendable {
    /// Tiles that are computed side by side, each by a network of its own.
    package let lanes: Int
    /// Threads that share the work of one tile.
    package let threads: Int
    /// Whether bands are read, and results taken in hand, while tiles are computed.
    package let isAhead: Bool

    /// Tiles that are ready or in the making before they are asked for: they bridge the time in which who asks writes.
    var tilesAhead: Int { Self.tilesAhead * lanes }

    private static let tilesAhead = 4

    /// One tile after another, with all threads, and nothing beside it.
    package static func inTurn(threads: Int) -> PredictionPlan {
        PredictionPlan(lanes: 1, threads: threads, isAhead: false)
    }

    package init(lanes: Int, threads: Int, isAhead: Bool) {
        precondition(lanes > 0 && threads > 0 && (isAhead || lanes == 1), "\(lanes) lanes of \(threads) threads")
        self.lanes = lanes
        self.threads = threads
        self.isAhead = isAhead
    }

    /// The lanes that are done first with so many tiles, if `most` have room in memory.
    ///
    /// Threads that share one tile wait for each other: on two it takes 0.57 of the time, on eight 0.26, as if 0.15 of it
    /// were one thread's work alone.
    package init(tiles: Int, threads: Int, most: Int) {
        func seconds(_ lanes: Int) -> Double {
            Double((tiles + lanes - 1) / lanes) * (0.15 + 0.85 / Double(threads / lanes))
        }
        let lanes = (1...max(1, min(tiles, threads, most))).min { seconds($0) < seconds($1) } ?? 1
        self.init(lanes: lanes, threads: threads / lanes, isAhead: true)
    }

    /// The plan for images of these sizes, as far as half of this rank's share of the memory that is free goes: other
    /// programs may want some too.
    ///
    /// - Parameter images: with the channels of their files.
    package init(_ prediction: AveragedPrediction, images: [ImageShape]) throws {
        var (lane, band) = (0.0, 0.0)
        for image in Set(images) {
            let (height, width) = (image.height, image.width)
            let own = try prediction.bandBytes(height: height, width: width, channels: image.channels)
            let rows = prediction.rowsOfBands(height: height, width: width)
            let bands = (height + rows - 1) / rows
            // Lanes at work on tiles of one band share it.
            let tiles = try max(1, prediction.tileCount([image], upTo: 64 * bands) / bands)
            lane = max(lane, try prediction.networkBytes(height: height, width: width) + own / Double(tiles))
            band = max(band, own)
        }
        let kept = prediction.members.map { Double($0.tile) * Double($0.tile) }.max() ?? 0
        lane += Double(Self.tilesAhead) * 4 * kept * Double(prediction.classes)
        let room = try MachineMemory.available() / Double(2 * max(JobEnvironment.localRanks, 1)) - 2 * band
        let threads = prediction.engine.team.threads
        guard room >= lane else {
            self = .inTurn(threads: threads)
            return
        }
        // As many tiles as lanes can be evenly busy with.
        let tiles = try prediction.tileCount(images, upTo: 16 * threads)
        self.init(tiles: tiles, threads: threads, most: Int(min(room / lane, Double(threads))))
    }
}
