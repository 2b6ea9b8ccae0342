import Kernels
import Network

/// One network's share in a prediction: how it sees images of any size, by overlapping tiles with mirrored borders
/// (Ronneberger et al. 2015, figure 2); the result is the same within 1e-5 for every tile whose output is at least
/// 2^depth wide.
public struct TiledPrediction: Sendable {
    let architecture: UNetArchitecture
    let parameters: ParameterBuffer
    let tile: Int

    /// Pixels of output of the default tile: large enough that margins cost little, small enough for any memory.
    private static let defaultOutput = 512

    /// The tile where none is given. With padding same, a third of it at least must be out of the borders' reach.
    package static func defaultTile(_ geometry: UNetGeometry) -> Int {
        let usual = geometry.legalInput(outputAtLeast: defaultOutput)
        switch geometry.padding {
        case .valid: return usual
        case .same: return max(usual, geometry.legalInput(atLeast: 3 * TileAxis.spoiled(geometry)))
        }
    }

    /// How many pixels of the output beside an inner cut depend on the padding there, rounded up to 2^depth; 0 without
    /// padding.
    package static func spoiledBorder(_ geometry: UNetGeometry) -> Int {
        geometry.padding == .same ? TileAxis.spoiled(geometry) : 0
    }

    /// - Parameters:
    ///   - parameters: the weights; kept.
    ///   - tile: side of the network's input, or nil for one that suits the image.
    public init(_ architecture: UNetArchitecture, parameters: ParameterBuffer, tile: Int? = nil) {
        self.architecture = architecture
        self.parameters = parameters
        self.tile = tile ?? Self.defaultTile(architecture.geometry)
    }

    package var geometry: UNetGeometry { architecture.geometry }
    package var classes: Int { architecture.classes }

    /// Refuses a tile that the network cannot take, or whose output is too small to cut an image by.
    public static func check(tile: Int, geometry: UNetGeometry) throws {
        try TileAxis.checkLegal(tile, geometry)
        if geometry.output(input: tile) < geometry.stride { throw TileAxis.tooSmall(tile, geometry) }
    }

    /// How many of an image's rows one row of tiles gives.
    func reach(height: Int) -> Int { TileAxis.reach(size: height, tile: tile, geometry: geometry) }

    /// The image's rows that the probabilities of `rows` depend on, as far as this network looks at them.
    package func rowsSeen(for rows: Range<Int>, height: Int, _ symmetry: DihedralTransform) throws -> Range<Int> {
        let axis = try alongRows(rows, height: height, symmetry)
        var (first, last) = (rows.lowerBound, rows.upperBound - 1)
        for tile in axis.tiles {
            for position in tile.start..<tile.start + axis.input {
                let index = MirroredBorder.index(position, size: height)
                let row = symmetry.flipsRows ? height - 1 - index : index
                first = min(first, row)
                last = max(last, row)
            }
        }
        return first..<last + 1
    }

    /// The tiles that give the probabilities of `rows`: those of the transformed image, each pixel where it lies in the
    /// image as it is.
    ///
    /// - Parameters:
    ///   - held: the image's rows that a band has: all that `rowsSeen` names.
    ///   - height: of the whole image.
    ///   - member: what the tiles call this network.
    func tiles(
        of rows: Range<Int>, held: Range<Int>, height: Int, width: Int, _ symmetry: DihedralTransform, member: Int
    ) throws -> [BandTile] {
        let channels = architecture.inputChannels
        let alongRows = try alongRows(rows, height: height, symmetry)
        let alongColumns = try TileAxis(size: width, tile: tile, geometry: geometry)
        let (down, across) = symmetry.swapsAxes ? (alongColumns, alongRows) : (alongRows, alongColumns)
        // From the axis's own position to floats from the start of the band, or of its probabilities.
        func inBand(_ position: Int, isRow: Bool) -> Int {
            let index = MirroredBorder.index(position, size: isRow ? height : width)
            return isRow
                ? ((symmetry.flipsRows ? height - 1 - index : index) - held.lowerBound) * width * channels
                : (symmetry.flipsColumns ? width - 1 - index : index) * channels
        }
        func inResult(_ position: Int, isRow: Bool) -> Int {
            isRow
                ? ((symmetry.flipsRows ? height - 1 - position : position) - rows.lowerBound) * width * classes
                : (symmetry.flipsColumns ? width - 1 - position : position) * classes
        }
        func places(_ axis: TileAxis, isRow: Bool) -> [BandTile.Side] {
            axis.tiles.map { tile in
                BandTile.Side(
                    source: (tile.start..<tile.start + axis.input).map { inBand($0, isRow: isRow) },
                    target: tile.kept.map { inResult($0, isRow: isRow) },
                    first: tile.kept.lowerBound - tile.start - axis.margin)
            }
        }
        let columns = places(across, isRow: symmetry.swapsAxes)
        return places(down, isRow: !symmetry.swapsAxes).flatMap { rows in
            columns.map { BandTile(member: member, rows: rows, columns: $0) }
        }
    }

    /// The transformed image's axis that lies along the image's rows, as far as `rows` need it.
    private func alongRows(_ rows: Range<Int>, height: Int, _ symmetry: DihedralTransform) throws -> TileAxis {
        let part = symmetry.flipsRows ? height - rows.upperBound..<height - rows.lowerBound : rows
        return try TileAxis(size: height, part: part, tile: tile, geometry: geometry)
    }
}
