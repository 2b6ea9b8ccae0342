import Foundation

/// How a layer's work is cut up: a function of the layer and the image size alone, found by measurement.
///
/// A narrow layer's transformed filters stay in the caches, and threads share out its tiles, each in blocks whose
/// transforms stay in the caches too. A wide layer's tiles are transformed together, and threads share out its
/// channels: each chunk's filters are transformed where they are used and never reach the memory.
struct WinogradPlan {
    let tiles: WinogradTiles

    /// Whether threads share out the tiles rather than the channels.
    var sharesTiles: Bool { tiles.inputChannels * tiles.outputChannels <= hackT && tiles.count >= 64 }

    /// Cuts so many panels of a wide layer's channels into chunks. A panel has `inner` rows.
    static func chunks(_ panels: Int, inner: Int) -> [Range<Int>] {
        let size = max(1, min(hackC, panels / 4, 65536 * hackC / 8 / inner / 16))
        return stride(from: 0, to: panels, by: size).map { $0..<min($0 + size, panels) }
    }

    /// Floats of a tile in the Winograd domain, as input and as output.
    private var tileFloats: Int { WinogradMatrices.positions * (tiles.inputRow + tiles.outputRow) }

    /// Cuts some tiles into blocks of like size for the second-level cache, or for a wide layer for the third.
    func blocks(_ range: Range<Int>) -> [Range<Int>] {
        let floats = sharesTiles ? hackA : hackB
        let most = max(floats / tileFloats, sharesTiles ? 12 : 48)
        let blocks = (range.count + most - 1) / most
        let size = ((range.count + blocks - 1) / blocks + 11) / 12 * 12
        return stride(from: range.lowerBound, to: range.upperBound, by: size).map {
            $0..<min($0 + size, range.upperBound)
        }
    }

    /// Bands of rows of tiles, of which each has a sum of its own for the weights' gradient.
    var bands: [Range<Int>] {
        guard sharesTiles else { return [0..<tiles.down] }
        let bands = min(tiles.inputChannels * tiles.outputChannels <= 64 * 64 ? 8 : 4, tiles.down)
        return (0..<bands).map { tiles.down * $0 / bands..<tiles.down * ($0 + 1) / bands }
    }
}
let hackA = Int(ProcessInfo.processInfo.environment["HA"] ?? "200000")!
let hackB = Int(ProcessInfo.processInfo.environment["HB"] ?? "11534336")!
let hackC = Int(ProcessInfo.processInfo.environment["HC"] ?? "8")!
let hackT = Int(ProcessInfo.processInfo.environment["HT"] ?? "16384")!
