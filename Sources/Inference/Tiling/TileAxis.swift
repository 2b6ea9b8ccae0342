import Network
import Support

/// One side of an image, or a part of it, cut into overlapping tiles; rows and columns are cut alike.
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
    ///   - part: those that are wanted; nil for all.
    ///   - tile: largest side of the network's input.
    init(size: Int, part: Range<Int>? = nil, tile: Int, geometry: UNetGeometry) throws {
        try Self.checkLegal(tile, geometry)
        let part = part ?? 0..<size
        precondition(part.lowerBound >= 0 && part.upperBound <= size && !part.isEmpty, "\(part) of \(size)")
        margin = geometry.margin
        let origin = part.lowerBound / geometry.stride * geometry.stride
        let span = part.upperBound - origin
        switch geometry.padding {
        case .valid:
            guard geometry.output(input: tile) >= min(span, geometry.stride) else {
                throw Self.tooSmall(tile, geometry)
            }
            let step = Self.evenStep(span, largest: Self.reach(size: span, tile: tile, geometry: geometry), geometry)
            let margin = margin
            input = geometry.legalInput(outputAtLeast: step)
            tiles = stride(from: origin, to: part.upperBound, by: step).map {
                Tile(
                    start: $0 - margin,
                    kept: max($0, part.lowerBound)..<min($0 + step, part.upperBound))
            }
        case .same:
            let canvas = geometry.legalInput(atLeast: size)
            let spoiled = Self.spoiled(geometry)
            let input = min(tile, canvas, geometry.legalInput(atLeast: span) + 2 * spoiled)
            guard input == canvas || input > 2 * spoiled else {
                throw Failure.request(
                    "tile \(tile) is all margin at depth \(geometry.depth) with padding same: use \(2 * spoiled + geometry.stride) or more"
                )
            }
            var tiles: [Tile] = []
            var done = part.lowerBound
            while done < part.upperBound {
                let start = max(0, min(done / geometry.stride * geometry.stride - spoiled, canvas - input))
                let end = start + input >= canvas ? canvas : start + input - spoiled
                tiles.append(Tile(start: start, kept: done..<min(end, part.upperBound)))
                done = end
            }
            self.tiles = tiles
            self.input = input
        }
    }

    /// How many pixels of a side of `size` one tile gives at any multiple of 2^depth: all where it holds the side whole.
    static func reach(size: Int, tile: Int, geometry: UNetGeometry) -> Int {
        switch geometry.padding {
        case .valid:
            let output = geometry.output(input: tile)
            return output >= size ? size : output / geometry.stride * geometry.stride
        case .same:
            return tile >= geometry.legalInput(atLeast: size) ? size : tile - 2 * spoiled(geometry)
        }
    }

    /// `size` cut into as few steps as `largest` allows, all but the last of one length: a multiple of 2^depth. A side
    /// that is a little longer than a tile then costs two tiles of half the size, not of the full.
    static func evenStep(_ size: Int, largest: Int, _ geometry: UNetGeometry) -> Int {
        guard largest < size else { return size }
        let count = (size + largest - 1) / largest
        return ((size + count - 1) / count + geometry.stride - 1) / geometry.stride * geometry.stride
    }

    /// How many output pixels beside an inner cut depend on the zero padding there, rounded up to 2^depth, so that they are
    /// not kept. It reaches as far as the paper's margin; with
    /// two poolings or more by two pixels further, since windows here begin at the cut and the paper's elsewhere.
    static func spoiled(_ geometry: UNetGeometry) -> Int {
        let valid = UNetGeometry(depth: geometry.depth, padding: .valid).margin
        let reach = geometry.depth < 2 ? valid : valid + 2
        return (reach + geometry.stride - 1) / geometry.stride * geometry.stride
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
