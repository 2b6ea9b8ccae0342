import Kernels
import Network

/// Class probabilities of images of any size from one network, by overlapping tiles with mirrored borders (Ronneberger
/// et al. 2015, figure 2); the result is the same within 1e-5 for every tile whose output is at least 2^depth wide.
public final class TiledPrediction {
    private let network: UNet
    private let parameters: ParameterBuffer
    let tile: Int
    private let team: ThreadTeam
    private let progress: () -> Void
    /// The tile's input, from one tile to the next.
    private var window: Tensor?

    /// Pixels of output of the default tile: large enough that margins cost little, small enough for any memory.
    private static let defaultOutput = 512

    /// The tile where none is given. With padding same, a third of it at least must be out of the borders' reach.
    private static func defaultTile(_ geometry: UNetGeometry) -> Int {
        let usual = geometry.legalInput(outputAtLeast: defaultOutput)
        switch geometry.padding {
        case .valid: return usual
        case .same: return max(usual, geometry.legalInput(atLeast: 3 * TileAxis.spoiled(geometry)))
        }
    }

    /// - Parameters:
    ///   - parameters: the weights; kept.
    ///   - tile: side of the network's input, or nil for one that suits the image.
    ///   - progress: called after every tile.
    public init(
        _ network: UNet, parameters: ParameterBuffer, tile: Int? = nil, engine: Engine,
        progress: @escaping () -> Void = {}
    ) {
        self.network = network
        self.parameters = parameters
        self.tile = tile ?? Self.defaultTile(network.architecture.geometry)
        self.progress = progress
        team = engine.team
    }

    var architecture: UNetArchitecture { network.architecture }
    package var geometry: UNetGeometry { network.architecture.geometry }
    package var classes: Int { network.architecture.classes }

    /// Refuses a tile that the network cannot take, or whose output is too small to cut an image by.
    public static func check(tile: Int, geometry: UNetGeometry) throws {
        try TileAxis.checkLegal(tile, geometry)
        if geometry.output(input: tile) < geometry.stride { throw TileAxis.tooSmall(tile, geometry) }
    }

    /// The probabilities of an H×W×channels image: H×W×classes.
    public func probabilities(of image: Tensor) throws -> Tensor {
        try AveragedPrediction([self]).probabilities(of: image)
    }

    /// How many of an image's rows one row of tiles gives.
    func reach(height: Int) -> Int { TileAxis.reach(size: height, tile: tile, geometry: geometry) }

    /// The image's rows that the probabilities of `rows` depend on, as far as this network looks at them.
    package func rowsSeen(for rows: Range<Int>, height: Int, _ symmetry: DihedralTransform) throws -> Range<Int> {
        let axis = try TileAxis(
            size: height, part: symmetry.flipsRows ? Self.flipped(rows, size: height) : rows, tile: tile,
            geometry: geometry)
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

    /// Adds the probabilities of `rows` to `sum`: those of the transformed image, each where its pixel lies in the
    /// image as it is.
    ///
    /// - Parameters:
    ///   - band: has all rows that `rowsSeen` names.
    ///   - sum: rows×width×classes.
    package func add(_ rows: Range<Int>, of band: ImageBand, _ symmetry: DihedralTransform, to sum: Tensor) throws {
        let architecture = network.architecture
        let (height, width, channels) = (band.height, band.width, architecture.inputChannels)
        precondition(
            band.tensor.channels == channels && sum.shape == ImageShape(rows.count, width, architecture.classes),
            "rows \(rows) of an image of \(band.tensor.shape) into \(sum.shape) for \(architecture)")
        // The transformed image's two axes: each lies along the image's rows or its columns.
        let alongRows = try TileAxis(
            size: height, part: symmetry.flipsRows ? Self.flipped(rows, size: height) : rows, tile: tile,
            geometry: geometry)
        let alongColumns = try TileAxis(size: width, tile: tile, geometry: geometry)
        let (down, across) = symmetry.swapsAxes ? (alongColumns, alongRows) : (alongRows, alongColumns)
        let window = self.window(ImageShape(down.input, across.input, channels))
        // From the axis's own position to floats from the start of the band, or of the sum.
        func inBand(_ position: Int, isRow: Bool) -> Int {
            let index = MirroredBorder.index(position, size: isRow ? height : width)
            return isRow
                ? ((symmetry.flipsRows ? height - 1 - index : index) - band.rows.lowerBound) * width * channels
                : (symmetry.flipsColumns ? width - 1 - index : index) * channels
        }
        func inSum(_ position: Int, isRow: Bool) -> Int {
            isRow
                ? ((symmetry.flipsRows ? height - 1 - position : position) - rows.lowerBound) * width * sum.channels
                : (symmetry.flipsColumns ? width - 1 - position : position) * sum.channels
        }
        for row in down.tiles {
            let sourceRows = (row.start..<row.start + down.input).map { inBand($0, isRow: !symmetry.swapsAxes) }
            let targetRows = row.kept.map { inSum($0, isRow: !symmetry.swapsAxes) }
            for column in across.tiles {
                let sourceColumns = (column.start..<column.start + across.input).map {
                    inBand($0, isRow: symmetry.swapsAxes)
                }
                let targetColumns = column.kept.map { inSum($0, isRow: symmetry.swapsAxes) }
                Self.gather(from: band.tensor.base, rows: sourceRows, columns: sourceColumns, into: window)
                let logits = network.forward(window.view, parameters: parameters.base)
                SoftmaxCrossEntropy.probabilities(logits, team: team)
                // The kept output's first pixel, in the output's own coordinates.
                let top = row.kept.lowerBound - row.start - down.margin
                let left = column.kept.lowerBound - column.start - across.margin
                Self.scatter(logits, top: top, left: left, adding: sum.base, rows: targetRows, columns: targetColumns)
                progress()
            }
        }
    }

    private func window(_ shape: ImageShape) -> Tensor {
        if let window, window.shape == shape { return window }
        let new = Tensor(shape)
        window = new
        return new
    }

    private static func flipped(_ part: Range<Int>, size: Int) -> Range<Int> {
        size - part.upperBound..<size - part.lowerBound
    }

    /// Fills a window from the pixels that lie at `rows[y] + columns[x]` floats.
    private static func gather(
        from base: UnsafePointer<Float>, rows: [Int], columns: [Int], into window: Tensor
    ) {
        let channels = window.channels
        columns.withUnsafeBufferPointer { columns in
            var target = window.base
            for row in rows {
                let source = base + row
                for x in 0..<columns.count {
                    for c in 0..<channels { target[c] = source[columns[x] &+ c] }
                    target += channels
                }
            }
        }
    }

    /// Adds a rectangle of probabilities to the pixels that lie at `rows[y] + columns[x]` floats.
    private static func scatter(
        _ probabilities: TensorView, top: Int, left: Int, adding base: UnsafeMutablePointer<Float>, rows: [Int],
        columns: [Int]
    ) {
        let classes = probabilities.channels
        columns.withUnsafeBufferPointer { columns in
            for (y, row) in rows.enumerated() {
                var source = probabilities.row(top + y) + left * classes
                let target = base + row
                for x in 0..<columns.count {
                    for c in 0..<classes { target[columns[x] &+ c] += source[c] }
                    source += classes
                }
            }
        }
    }
}

extension LabelMap {
    /// The most probable class of each pixel; the lower of two that are equally so.
    public convenience init(mostProbable probabilities: Tensor) {
        self.init(height: probabilities.height, width: probabilities.width, filledWith: 0)
        let classes = probabilities.channels
        for pixel in 0..<height * width {
            let row = probabilities.base + pixel * classes
            var best = 0
            for c in 1..<classes where row[c] > row[best] { best = c }
            values[pixel] = Int32(best)
        }
    }
}
