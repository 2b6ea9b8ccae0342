import Kernels
import Network

/// Class probabilities of images of any size, by overlapping tiles with mirrored borders (Ronneberger et al. 2015,
/// figure 2); the result is the same within 1e-5 for every tile whose output is at least 2^depth wide.
public final class TiledPrediction {
    private let network: UNet
    private let parameters: ParameterBuffer
    private let tile: Int
    private let team: ThreadTeam

    /// Pixels of output of the default tile: large enough that margins cost little, small enough for any memory.
    private static let defaultOutput = 512

    /// - Parameters:
    ///   - parameters: the weights; kept.
    ///   - tile: side of the network's input, or nil for one that suits the image.
    public init(_ network: UNet, parameters: ParameterBuffer, tile: Int? = nil, engine: Engine) {
        self.network = network
        self.parameters = parameters
        let geometry = network.architecture.geometry
        self.tile = tile ?? geometry.legalInput(outputAtLeast: Self.defaultOutput)
        team = engine.team
    }

    /// Refuses a tile that the network cannot take, or whose output is too small to cut an image by.
    public static func check(tile: Int, geometry: UNetGeometry) throws {
        try TileAxis.checkLegal(tile, geometry)
        if geometry.output(input: tile) < geometry.stride { throw TileAxis.tooSmall(tile, geometry) }
    }

    /// The probabilities of an H×W×channels image: H×W×classes.
    public func probabilities(of image: Tensor) throws -> Tensor {
        let architecture = network.architecture
        precondition(image.channels == architecture.inputChannels, "an image of \(image.shape) for \(architecture)")
        let rows = try TileAxis(size: image.height, tile: tile, geometry: architecture.geometry)
        let columns = try TileAxis(size: image.width, tile: tile, geometry: architecture.geometry)
        let result = Tensor(image.height, image.width, architecture.classes)
        let window = Tensor(rows.input, columns.input, architecture.inputChannels)
        for row in rows.tiles {
            for column in columns.tiles {
                MirroredBorder.copyMirrored(from: image, top: row.start, left: column.start, into: window.view)
                let logits = network.forward(window.view, parameters: parameters.base)
                SoftmaxCrossEntropy.probabilities(logits, team: team)
                // The output's first pixel, in the image's coordinates.
                let top = row.start + rows.margin
                let left = column.start + columns.margin
                for y in row.kept {
                    let source = logits.row(y - top) + (column.kept.lowerBound - left) * result.channels
                    let target = result.base + (y * result.width + column.kept.lowerBound) * result.channels
                    target.update(from: source, count: column.kept.count * result.channels)
                }
            }
        }
        return result
    }
}

extension LabelMap {
    /// The most probable class of each pixel; the lower of two that are equally so.
    public convenience init(mostProbable probabilities: Tensor) {
        self.init(height: probabilities.height, width: probabilities.width, filledWith: 0)
        let classes = probabilities.channels
        for pixel in 0..<values.count {
            let row = probabilities.base + pixel * classes
            var best = 0
            for c in 1..<classes where row[c] > row[best] { best = c }
            values[pixel] = Int32(best)
        }
    }
}
