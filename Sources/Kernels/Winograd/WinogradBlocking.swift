/// A direction through a layer.
enum WinogradPass {
    case forward, backward
}

/// The blocking of a layer's work into tiles, channels and bands: a function of the layer and the image size alone, found by measurement.
///
/// A narrow layer's transformed filters stay in the caches, and threads share out its tiles, each in blocks whose
/// transforms stay in the caches too. A wide layer's tiles are transformed together, and threads share out its
/// channels: each chunk's filters are transformed where they are used and never reach the memory.
struct WinogradBlocking<Points: WinogradPoints> {
    let tiles: WinogradTiles<Points>
    /// Whether threads share out the tiles rather than the channels. Going backward, a block's sums for the weights are
    /// read and written too: less fits.
    let sharesTiles: Bool
    /// Floats that a block of tiles may take in the Winograd domain.
    private let capacity: Int

    init(_ tiles: WinogradTiles<Points>, _ pass: WinogradPass) {
        self.tiles = tiles
        let filters = tiles.inputChannels * tiles.outputChannels
        let narrow = pass == .forward ? 256 * 256 : 128 * 128
        sharesTiles = filters <= narrow && tiles.count * tiles.size.outputs * tiles.size.outputs >= 1024
        capacity = sharesTiles ? 150_000 : filters <= 128 * 256 ? 4_000_000 : 12_500_000
    }

    /// Cuts so many panels of a wide layer's channels into chunks. A panel has `inner` rows.
    static func chunks(_ panels: Int, inner: Int) -> [Range<Int>] {
        let size = max(1, min(4, panels / 4, 2048 / inner))
        return stride(from: 0, to: panels, by: size).map { $0..<min($0 + size, panels) }
    }

    /// Floats of a tile in the Winograd domain, as input and as output.
    private var tileFloats: Int { Points.size.positions * (tiles.inputRow + tiles.outputRow) }

    /// Cuts some rows of tiles into blocks: parts of a row or whole rows for the second-level cache, or, of a wide
    /// layer, as many as 16 or 50 MB hold.
    func blocks(_ rows: Range<Int>) -> [Range<Int>] {
        let most = max(capacity / tileFloats, sharesTiles ? 36 : 48)
        let across = tiles.across
        if sharesTiles && across > most {
            let parts = (across + most - 1) / most
            return rows.flatMap { row in
                (0..<parts).map { row * across + across * $0 / parts..<row * across + across * ($0 + 1) / parts }
            }
        }
        let parts = min(rows.count, (rows.count * across + most - 1) / most)
        return (0..<parts).map {
            (rows.lowerBound + rows.count * $0 / parts) * across..<(rows.lowerBound + rows.count * ($0 + 1) / parts)
                * across
        }
    }

    /// Bands of rows of tiles, of which each has a sum of its own for the weights' gradient.
    var bands: [Range<Int>] {
        guard sharesTiles else { return [0..<tiles.down] }
        let bands = min(tiles.inputChannels * tiles.outputChannels <= 64 * 64 ? 8 : 4, tiles.down)
        return (0..<bands).map { tiles.down * $0 / bands..<tiles.down * ($0 + 1) / bands }
    }
}
