/// A direction through a layer.
enum WinogradPass {
    case forward, backward
}

/// The blocking of a layer's work into tiles, channels and bands, found by measurement.
///
/// A narrow layer's transformed filters stay in the caches, and threads share out its tiles, each in blocks whose
/// transforms stay in the caches too. A wide layer's tiles are transformed together, and threads share out its
/// channels: each chunk's filters are transformed where they are used and never reach the memory. Where there are more threads
/// than such parts, they share out the positions of the Winograd domain.
///
/// What decides the bits is a function of the layer and the image size alone: the size of Winograd's tiles, the bands,
/// and that each row of tiles is added up by itself. Which of the ways a layer goes, and how much a thread takes at a time,
/// does not show in them, and depends on the number of threads.
struct WinogradBlocking<Points: WinogradPoints> {
    let tiles: WinogradTiles<Points>
    /// Whether threads share out the tiles rather than the channels. Going backward, a block's sums for the weights are
    /// read and written too: less fits.
    let sharesTiles: Bool
    private let pass: WinogradPass
    private let threads: Int

    init(_ tiles: WinogradTiles<Points>, _ pass: WinogradPass, threads: Int) {
        self.tiles = tiles
        self.pass = pass
        self.threads = threads
        let filters = tiles.inputChannels * tiles.outputChannels
        let narrow = pass == .forward ? 256 * 256 : 128 * 128
        sharesTiles = filters <= narrow && tiles.count * tiles.size.outputs * tiles.size.outputs >= 1024
    }

    /// Floats of a tile in the Winograd domain, as input and as output.
    private var tileFloats: Int { Points.size.positions * (tiles.inputRow + tiles.outputRow) }

    /// Cuts some rows of tiles into blocks: parts of a row or whole rows for the second-level cache, or, of a wide
    /// layer, as many as 16 or 50 MB hold.
    func blocks(_ rows: Range<Int>) -> [Range<Int>] {
        guard sharesTiles else {
            let filters = tiles.inputChannels * tiles.outputChannels
            return wholeRows(rows, most: max((filters <= 128 * 256 ? 4_000_000 : 12_500_000) / tileFloats, 48))
        }
        let most = max(150_000 / tileFloats, 36)
        let across = tiles.across
        guard across > most else { return wholeRows(rows, most: most) }
        let parts = (across + most - 1) / most
        return rows.flatMap { row in
            (0..<parts).map { row * across + across * $0 / parts..<row * across + across * ($0 + 1) / parts }
        }
    }

    /// Cuts all tiles into blocks of whole rows that all threads work on together: the longer, the less often they wait for each
    /// other, as long as the last-level cache holds them.
    var sharedBlocks: [Range<Int>] {
        sharesTiles ? wholeRows(0..<tiles.down, most: min(threads, 16) * 300_000 / tileFloats) : blocks(0..<tiles.down)
    }

    /// Blocks of whole rows, of at most so many tiles where a row has no more.
    private func wholeRows(_ rows: Range<Int>, most: Int) -> [Range<Int>] {
        let across = tiles.across
        let parts = max(1, min(rows.count, (rows.count * across + most - 1) / max(most, 1)))
        return (0..<parts).map {
            (rows.lowerBound + rows.count * $0 / parts) * across..<(rows.lowerBound + rows.count * ($0 + 1) / parts)
                * across
        }
    }

    /// Bands of rows of tiles, of which each has a sum of its own for the weights' gradient: as many as 8 MB hold.
    var bands: [Range<Int>] {
        guard sharesTiles else { return [0..<tiles.down] }
        let sum = 4 * WinogradMatrices.count(tiles.size, rows: tiles.inputChannels, row: tiles.outputRow)
        let bands = min(max(4, (8 << 20) / sum), tiles.down)
        return (0..<bands).map { tiles.down * $0 / bands..<tiles.down * ($0 + 1) / bands }
    }

    /// Cuts a wide layer's panels of channels into chunks. A panel has `inner` rows.
    func chunks(_ panels: Int, inner: Int) -> [Range<Int>] {
        let size = max(1, min(4, panels / 4, 2048 / inner))
        return stride(from: 0, to: panels, by: size).map { $0..<min($0 + size, panels) }
    }

    /// Whether so many like parts keep all threads busy for the most part.
    func suffices(_ parts: Int) -> Bool { 10 * parts >= 7 * threads * ((parts + threads - 1) / threads) }

    /// Cuts `range` into pieces of at least `smallest`, so that with so many `parts` of something else there is work for all
    /// threads.
    func pieces(of range: Range<Int>, beside parts: Int, atLeast smallest: Int = 1) -> [Range<Int>] {
        let pieces = max(1, min((2 * threads + parts - 1) / parts, range.count / smallest))
        return (0..<pieces).map {
            range.lowerBound + range.count * $0 / pieces..<range.lowerBound + range.count * ($0 + 1) / pieces
        }
    }

    /// As `pieces`, of so many rows of a product, which are computed in pairs.
    func pairs(_ rows: Int, beside parts: Int) -> [Range<Int>] {
        pieces(of: 0..<(rows + 1) / 2, beside: parts, atLeast: MicroKernel.rows).map {
            2 * $0.lowerBound..<min(2 * $0.upperBound, rows)
        }
    }

    /// Cuts a wide layer's work, of so many panels, into panels and rows of positions.
    func positionParts(_ panels: Int) -> (panels: [Range<Int>], positions: [Range<Int>]) {
        let size = max(1, min(2, panels * tiles.size.side / (2 * threads)))
        let chunks = stride(from: 0, to: panels, by: size).map { $0..<min($0 + size, panels) }
        return (chunks, pieces(of: 0..<tiles.size.side, beside: chunks.count))
    }
}
