import Kernels
import Network

/// Class probabilities averaged over networks (an ensemble), and over flips and rotations of the image (test-time
/// augmentation), in bands of rows.
///
/// An image of any size goes through in bands: what is in memory at a time is a few bands' probabilities and the image's
/// rows around them. Bands, like the order of sums, depend on the image's size, the tile and the networks alone, so that
/// the bits are the same whoever computes a band, and on how many threads.
public struct AveragedPrediction: Sendable {
    let members: [TiledPrediction]
    private let symmetries: [DihedralTransform]
    let engine: Engine

    /// Probabilities of a band, at most, unless one step of the pooling is more: 256 MiB.
    private static let mostValues = 1 << 26

    /// - Parameters:
    ///   - members: networks with one number of classes.
    ///   - symmetries: `DihedralTransform.all` for test-time augmentation.
    public init(_ members: [TiledPrediction], symmetries: [DihedralTransform] = [.identity], engine: Engine) {
        precondition(!members.isEmpty && !symmetries.isEmpty, "an average of nothing")
        precondition(members.allSatisfy { $0.classes == members[0].classes }, "networks of different classes")
        self.members = members
        self.symmetries = symmetries
        self.engine = engine
    }

    var classes: Int { members[0].classes }

    /// The bands that an image is cut into, from its top to its bottom.
    public func bands(height: Int, width: Int) -> [Range<Int>] {
        let rows = rowsOfBands(height: height, width: width)
        return Swift.stride(from: 0, to: height, by: rows).map { $0..<min($0 + rows, height) }
    }

    /// The rows of each band but the last, which has what is left.
    package func rowsOfBands(height: Int, width: Int) -> Int {
        let stride = members.map { $0.geometry.stride }.max() ?? 1
        // Seen from the bottom, a band may begin between two multiples of 2^depth.
        let slack = symmetries.count > 1 ? stride : 0
        let reach =
            members.map { member in
                let reach = member.reach(height: height)
                return reach < height ? max(reach - slack, stride) : reach
            }.max() ?? height
        let affordable = max(Self.mostValues / max(width * classes, 1), 1)
        let largest = min(reach, affordable)
        let count = (height + largest - 1) / largest
        return count == 1 ? height : ((height + count - 1) / count + stride - 1) / stride * stride
    }

    /// The image's rows that the probabilities of a band depend on.
    public func rowsSeen(for rows: Range<Int>, height: Int) throws -> Range<Int> {
        var seen = rows
        for member in members {
            for symmetry in symmetries {
                let own = try member.rowsSeen(for: rows, height: height, symmetry)
                seen = min(seen.lowerBound, own.lowerBound)..<max(seen.upperBound, own.upperBound)
            }
        }
        return seen
    }

    /// The tiles of a band, in the order in which their probabilities are added up.
    ///
    /// - Parameter bands: for each network, in their order, the image as it wants it, with all rows that `rowsSeen` names.
    func tiles(of rows: Range<Int>, in bands: [ImageBand]) throws -> [BandTile] {
        precondition(bands.count == members.count, "\(bands.count) images for \(members.count) networks")
        return try members.indices.flatMap { index in
            try symmetries.flatMap { symmetry in
                try members[index].tiles(
                    of: rows, held: bands[index].rows, height: bands[index].height, width: bands[index].width,
                    symmetry, member: index)
            }
        }
    }

    /// How many tiles the networks see of images of these sizes, counted no further than `most`.
    func tileCount(_ images: some Sequence<ImageShape>, upTo most: Int) throws -> Int {
        var count = 0
        for image in images {
            // One after the other: an image may claim more rows than there is memory for their bands.
            let step = rowsOfBands(height: image.height, width: image.width)
            for first in Swift.stride(from: 0, to: image.height, by: step) {
                let rows = first..<min(first + step, image.height)
                for member in members {
                    let down = try TileAxis(
                        size: image.height, part: rows, tile: member.tile, geometry: member.geometry)
                    let across = try TileAxis(size: image.width, tile: member.tile, geometry: member.geometry)
                    count += symmetries.count * down.tiles.count * across.tiles.count
                }
                if count >= most { return most }
            }
        }
        return count
    }

    /// Turns the sum over all tiles of a band into the mean.
    func average(_ sum: Tensor) {
        let terms = members.count * symmetries.count
        guard terms > 1 else { return }
        let share = 1 / Float(terms)
        let values = sum.base
        for i in 0..<sum.count { values[i] *= share }
    }

    /// The probabilities of a whole image in memory that all networks see alike: H×W×classes.
    public func probabilities(of image: Tensor) throws -> Tensor {
        try probabilities(of: image, PredictionPlan(self, images: [image.shape]))
    }

    func probabilities(of image: Tensor, _ plan: PredictionPlan) throws -> Tensor {
        let images = stream(plan, of: 1) { _ in (image, image) }
        defer { images.stop() }
        guard let whole = try images.nextImage() else { preconditionFailure("an image without bands") }
        return whole.probabilities
    }
}
