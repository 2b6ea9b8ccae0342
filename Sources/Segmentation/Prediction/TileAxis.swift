import Diagnostics
import Network

/// One side of an image cut into overlapping tiles; rows and columns are cut alike.
///
/// Tiles start at multiples of 2^depth from one origin, so that every pooling lies where it lies when the image goes
/// through the network whole, and each output pixel is the same whatever tile it comes from.
struct TileAxis {
    struct Tile: Hashable {
        /// Where the tile's input begins, in the mirrored image's coordinates.
        let start: Int
        /// The pixels of the image that this tile's output is kept for.
        let kept: Range<Int>
    }

    let tiles: [Tile]
    /// Side of every tile's input.
    let input: Int
    /// From a tile's input's first pixel to its output's.
    let margin: Int

    /// - Parameters:
    ///   - size: pixels of the image on this side.
    ///   - tile: side of the network's input.
    init(size: Int, tile: Int, geometry: UNetGeometry) throws {
        try Self.checkLegal(tile, geometry)
        margin = geometry.margin
        switch geometry.padding {
        case .valid:
            input = min(tile, geometry.legalInput(outputAtLeast: size))
            let output = geometry.output(input: input)
            let step = output >= size ? size : output / geometry.stride * geometry.stride
            guard step > 0 else { throw Self.tooSmall(tile, geometry) }
            let margin = margin
            tiles = stride(from: 0, to: size, by: step).map {
                Tile(start: $0 - margin, kept: $0..<min($0 + step, size))
            }
        case .same:
            let canvas = geometry.legalInput(atLeast: size)
            input = min(tile, canvas)
            // What zero padding has spoiled at an inner cut reaches as far as the paper's margin; with two poolings or
            // more by two pixels further, since windows here begin at the cut and the paper's elsewhere.
            let valid = UNetGeometry(depth: geometry.depth, padding: .valid).margin
            let reach = geometry.depth < 2 ? valid : valid + 2
            let spoiled = (reach + geometry.stride - 1) / geometry.stride * geometry.stride
            guard input == canvas || input > 2 * spoiled else {
                throw Failure.request(
                    "tile \(tile) is all margin at depth \(geometry.depth) with padding same: use \(2 * spoiled + geometry.stride) or more"
                )
            }
            var tiles: [Tile] = []
            var done = 0
            while done < size {
                let start = done == 0 ? 0 : min(done - spoiled, canvas - input)
                let end = start + input >= canvas ? canvas : start + input - spoiled
                tiles.append(Tile(start: start, kept: done..<min(end, size)))
                done = end
            }
            self.tiles = tiles
        }
    }

    /// Refuses a tile that the network cannot take.
    static func checkLegal(_ tile: Int, _ geometry: UNetGeometry) throws {
        guard !geometry.isLegal(input: tile) else { return }
        throw Failure.request(
            "tile \(tile) is no legal input size at depth \(geometry.depth) with padding \(geometry.padding): use \(geometry.nearestLegal(to: tile))"
        )
    }

    /// Why a tile is no use to cut an image by.
    static func tooSmall(_ tile: Int, _ geometry: UNetGeometry) -> Failure {
        .request(
            "tile \(tile) leaves an output of \(geometry.output(input: tile)) pixels, less than 2^depth = \(geometry.stride): use \(geometry.legalInput(outputAtLeast: geometry.stride)) or more"
        )
    }
}
