import Kernels
import Network

/// Class probabilities averaged over networks (an ensemble), and over flips and rotations of the image (test-time
/// augmentation), in bands of rows.
///
/// An image of any size goes through in bands: what is in memory at a time is a band's probabilities and the image's rows
/// around it. Bands, like the order of sums, depend on the image's size, the tile and the networks alone, so that the bits
/// are the same whoever computes a band.
public final class AveragedPrediction {
    let members: [TiledPrediction]
    private let symmetries: [DihedralTransform]

    /// Probabilities of a band, at most, unless one step of the pooling is more: 256 MiB.
    private static let mostValues = 1 << 26

    /// - Parameters:
    ///   - members: networks with one number of classes.
    ///   - symmetries: `DihedralTransform.all` for test-time augmentation.
    public init(_ members: [TiledPrediction], symmetries: [DihedralTransform] = [.identity]) {
        precondition(!members.isEmpty && !symmetries.isEmpty, "an average of nothing")
        precondition(members.allSatisfy { $0.classes == members[0].classes }, "networks of different classes")
        self.members = members
        self.symmetries = symmetries
    }

    var classes: Int { members[0].classes }

    /// The bands that an image is cut into, from its top to its bottom.
    public func bands(height: Int, width: Int) -> [Range<Int>] {
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
        let rows = count == 1 ? height : ((height + count - 1) / count + stride - 1) / stride * stride
        return Swift.stride(from: 0, to: height, by: rows).map { $0..<min($0 + rows, height) }
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

    /// The probabilities of a band: rows×width×classes.
    ///
    /// - Parameter band: for each network, in their order, the image as it wants it, with all rows that `rowsSeen` names.
    public func probabilities(of rows: Range<Int>, in bands: [ImageBand]) throws -> Tensor {
        precondition(bands.count == members.count, "\(bands.count) images for \(members.count) networks")
        let sum = Tensor(rows.count, bands[0].width, classes)
        for (member, band) in zip(members, bands) {
            for symmetry in symmetries { try member.add(rows, of: band, symmetry, to: sum) }
        }
        let terms = members.count * symmetries.count
        if terms > 1 {
            let share = 1 / Float(terms)
            for i in 0..<sum.count { sum.base[i] *= share }
        }
        return sum
    }

    /// The probabilities of a whole image in memory that all networks see alike: H×W×classes.
    public func probabilities(of image: Tensor) throws -> Tensor {
        let whole = ImageBand(image)
        let result = Tensor(image.height, image.width, classes)
        for rows in bands(height: image.height, width: image.width) {
            let band = try probabilities(of: rows, in: members.map { _ in whole })
            (result.base + rows.lowerBound * image.width * classes).update(from: band.base, count: band.count)
        }
        return result
    }
}
