import Datasets
import Foundation
import Kernels

/// A band of an image that is to be predicted, and what belongs to its image.
///
/// Unchecked `Sendable`, and sound because one thread at a time has it: who reads bands hands it over to who takes their
/// probabilities, and looks at the image no more once its last band is read.
package struct BandInput<Image>: @unchecked Sendable {
    let image: Image
    let rows: Range<Int>
    /// For each network of the average, in their order, the image as it wants it.
    let bands: [ImageBand]

    package init(image: Image, rows: Range<Int>, bands: [ImageBand]) {
        (self.image, self.rows, self.bands) = (image, rows, bands)
    }
}

/// The class probabilities of bands, one after another in their order. While one is taken in hand the next are computed,
/// several tiles at a time, and the one behind is read.
///
/// The sum over the tiles of a band is made by who takes it, in the tiles' order: its bits depend neither on the threads
/// nor on which of them computes a tile.
package final class PredictionStream<Image> {
    /// A band's probabilities, rows×width×classes.
    package struct Band {
        package let image: Image
        package let rows: Range<Int>
        package let probabilities: Tensor
        /// Rows of the whole image.
        let height: Int

        var isWhole: Bool { rows.count == height }
    }

    private let prediction: AveragedPrediction
    private let progress: () -> Void
    private let tiles: Tiles

    /// Where tiles come from.
    private enum Tiles {
        /// Computed when they are asked for, by the thread that asks.
        case inTurn((Int) throws -> PredictedTile<Image>?)
        case ahead(Prefetcher<PredictedTile<Image>>, bands: Prefetcher<BandInput<Image>>)
    }

    /// The next tile's number.
    private var position = 0

    /// - Parameters:
    ///   - plan: how the work is shared out.
    ///   - progress: called after every tile, by who takes the bands.
    ///   - next: gives the bands in turn, and nil at the end; called by one thread at a time.
    package init(
        _ prediction: AveragedPrediction, _ plan: PredictionPlan, progress: @escaping () -> Void = {},
        of next: @escaping () throws -> BandInput<Image>?
    ) {
        self.prediction = prediction
        self.progress = progress
        let engine = prediction.engine
        // A profile is driven by one thread.
        let lanes = TileLanes {
            Engine(
                engine.kind, threads: plan.threads, convolution: engine.convolution,
                profile: plan.isAhead ? nil : engine.profile)
        }
        let source = BandSource(next)
        @Sendable func compute(_ job: TileJob<Image>) -> PredictedTile<Image> {
            let member = job.tile.member
            return PredictedTile(
                job: job,
                kept: lanes.probabilities(job.tile, of: job.input.bands[member], by: prediction.members[member]))
        }
        guard plan.isAhead else {
            let queue = TileQueue(prediction, source.next)
            tiles = .inTurn { try queue.job($0).map(compute) }
            return
        }
        let bands = Prefetcher(ahead: 1, threads: 1) { _ in try source.next() }
        let queue = TileQueue<Image>(prediction) { try bands.next() }
        tiles = .ahead(
            Prefetcher(ahead: plan.tilesAhead, threads: plan.lanes) { try queue.job($0).map(compute) }, bands: bands)
    }

    /// The next band; nil at the end. What reading it threw is thrown in its turn.
    package func next() throws -> Band? {
        var sum: Tensor?
        while let tile = try nextTile() {
            let input = tile.job.input
            let total = sum ?? Tensor(input.rows.count, input.bands[0].width, prediction.classes)
            sum = total
            tile.job.tile.add(tile.kept, to: total.base)
            progress()
            guard tile.job.isLast else { continue }
            prediction.average(total)
            return Band(
                image: input.image, rows: input.rows, probabilities: total, height: input.bands[0].height)
        }
        return nil
    }

    private func nextTile() throws -> PredictedTile<Image>? {
        switch tiles {
        case .ahead(let tiles, _): return try tiles.next()
        case .inTurn(let tile):
            defer { position += 1 }
            return try tile(position)
        }
    }

    /// Ends the threads and returns when they are done with what they were computing.
    package func stop() {
        guard case .ahead(let tiles, let bands) = tiles else { return }
        bands.stop()
        tiles.stop()
    }
}

/// A tile of a band that waits for a network.
private struct TileJob<Image>: Sendable {
    let input: BandInput<Image>
    let tile: BandTile
    /// Whether it is the last of its band.
    let isLast: Bool
}

private struct PredictedTile<Image>: Sendable {
    let job: TileJob<Image>
    let kept: Tensor
}

/// Gives bands in turn.
///
/// Unchecked `Sendable`, and sound because one thread at a time asks.
private final class BandSource<Image>: @unchecked Sendable {
    let next: () throws -> BandInput<Image>?

    init(_ next: @escaping () throws -> BandInput<Image>?) { self.next = next }
}

/// The tiles of all bands by their numbers, from 0 on; several threads ask for them, in nearly the order of numbers.
///
/// Unchecked `Sendable`, and sound because every variable is read and written with the lock held.
private final class TileQueue<Image>: @unchecked Sendable {
    private let prediction: AveragedPrediction
    private let next: () throws -> BandInput<Image>?
    private let lock = NSLock()
    /// Bands with tiles that nobody has asked for.
    private var bands: [(input: BandInput<Image>, first: Int, tiles: [BandTile], left: Int)] = []
    /// The number of the tile behind the last band's.
    private var count = 0
    /// What there was instead of another band.
    private var end: Result<Void, any Error>?

    init(_ prediction: AveragedPrediction, _ next: @escaping () throws -> BandInput<Image>?) {
        self.prediction = prediction
        self.next = next
    }

    /// The tile of that number, asked for once; nil beyond the last.
    func job(_ number: Int) throws -> TileJob<Image>? {
        try lock.withLock {
            while number >= count {
                if end == nil { take() }
                if let end {
                    try end.get()
                    return nil
                }
            }
            guard let place = bands.firstIndex(where: { number < $0.first + $0.tiles.count }) else {
                preconditionFailure("tile \(number) was asked for before")
            }
            let band = bands[place]
            let index = number - band.first
            bands[place].left -= 1
            if bands[place].left == 0 { bands.remove(at: place) }
            return TileJob(input: band.input, tile: band.tiles[index], isLast: index == band.tiles.count - 1)
        }
    }

    /// Takes one more band in.
    private func take() {
        do {
            guard let input = try next() else {
                end = .success(())
                return
            }
            let tiles = try prediction.tiles(of: input.rows, in: input.bands)
            bands.append((input, count, tiles, tiles.count))
            count += tiles.count
        } catch {
            end = .failure(error)
        }
    }
}
