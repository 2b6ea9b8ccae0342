import Diagnostics
import Kernels
import Network

/// What one slot of a batch trains on.
public struct TrainingTile: Sendable {
    /// The network's input, of a legal size.
    public let image: Tensor
    /// The classes where the network's output lies; `LabelMap.ignored` beyond the image.
    public let labels: LabelMap

    public init(image: Tensor, labels: LabelMap) {
        self.image = image
        self.labels = labels
    }
}

/// Cuts a sample to the network's input and output.
///
/// With `padding: valid` the input is larger than the output by the geometry's margin on each side, and sees the image
/// mirrored where it reaches beyond it.
public struct TileSampler: Sendable {
    public let geometry: UNetGeometry
    /// The input's side; 0 for whole images.
    public let tile: Int
    private let seed: UInt64

    /// Throws `Failure.request` where no input has the side `tile` (`data.tile`).
    public init(geometry: UNetGeometry, tile: Int, seed: UInt64) throws {
        guard tile == 0 || geometry.isLegal(input: tile) else {
            throw Failure.request(
                "data.tile is \(tile), which no network of depth \(geometry.depth) with padding \(geometry.padding) "
                    + "takes: set data.tile: \(geometry.nearestLegal(to: tile)), or 0 for whole images")
        }
        self.geometry = geometry
        self.tile = tile
        self.seed = seed
    }

    /// The tile of sample number `index` in an epoch; the same whenever it is asked for.
    ///
    /// With a `tile`, the output lies inside the image, uniformly at random, or at its upper left where the image is
    /// smaller. A whole image is mirrored by the margin at the top and left, and at the bottom and right as far as the
    /// next legal size needs.
    public func cut(sample: Sample, epoch: Int, index: Int) -> TrainingTile {
        let image = sample.image
        precondition(image.height > 0 && image.width > 0, "a tile of an empty image")
        let inputHeight = tile > 0 ? tile : geometry.legalInput(outputAtLeast: image.height)
        let inputWidth = tile > 0 ? tile : geometry.legalInput(outputAtLeast: image.width)
        let outputHeight = geometry.output(input: inputHeight)
        let outputWidth = geometry.output(input: inputWidth)
        // A whole image's output covers it, which leaves one position.
        var stream = RandomStream(seed: seed, use: .tilePosition, epoch, index)
        let top = stream.integer(below: max(image.height - outputHeight, 0) + 1)
        let left = stream.integer(below: max(image.width - outputWidth, 0) + 1)

        let input = Tensor(inputHeight, inputWidth, image.channels)
        MirroredBorder.copyMirrored(
            from: image, top: top - geometry.margin, left: left - geometry.margin, into: input.view)
        let labels = LabelMap(height: outputHeight, width: outputWidth)
        let columns = min(outputWidth, image.width - left)
        for y in 0..<min(outputHeight, image.height - top) {
            let source = sample.labels.values.baseAddress! + (top + y) * image.width + left
            (labels.values.baseAddress! + y * outputWidth).update(from: source, count: columns)
        }
        return TrainingTile(image: input, labels: labels)
    }
}
