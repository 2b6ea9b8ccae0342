import Kernels
import Network
import Support

/// One training example of a batch: what a slot trains on.
public struct TrainingTile: Sendable {
    /// The network's input, of a legal size.
    public let image: Tensor
    /// The classes where the network's output lies; `LabelMap.ignored` beyond the image.
    public let labels: LabelMap
    /// w(x), how much each pixel of the output counts, H×W×1; nil: all alike.
    public let weights: Tensor?

    public init(image: Tensor, labels: LabelMap, weights: Tensor? = nil) {
        self.image = image
        self.labels = labels
        self.weights = weights
    }
}

/// Crops samples to the network's input and output, augments them, and makes the weight map of the loss.
///
/// With `padding: valid` the input is larger than the output by the geometry's margin on each side, and sees the image
/// mirrored where it reaches beyond it.
public struct TileSampler: Sendable {
    public let geometry: UNetGeometry
    /// The input's side; 0 for whole images.
    public let tile: Int
    private let seed: UInt64
    /// The share of tiles that hold a labelled object (`data.sampling.foreground`), 0 to 1.
    public var foreground: Double
    /// How samples are varied; nil: not at all.
    public var augmentation: Augmentation?
    /// One weight a class in w(x); nil: 1.
    public var classWeights: [Float]?
    /// The separation-border term of w(x); nil: none.
    public var border: BorderWeights?

    /// Throws `Failure.request` where no input has the side `tile` (`data.tile`).
    public init(
        geometry: UNetGeometry, tile: Int, seed: UInt64, foreground: Double = 0, augmentation: Augmentation? = nil,
        classWeights: [Float]? = nil, border: BorderWeights? = nil
    ) throws {
        guard tile == 0 || geometry.isLegal(input: tile) else {
            throw Failure.request(
                "data.tile is \(tile), which no network of depth \(geometry.depth) with padding \(geometry.padding) "
                    + "takes: set data.tile: \(geometry.nearestLegal(to: tile)), or 0 for whole images")
        }
        self.geometry = geometry
        self.tile = tile
        self.seed = seed
        self.foreground = foreground
        self.augmentation = augmentation
        self.classWeights = classWeights
        self.border = border
    }

    /// The tile of sample number `index` in an epoch; the same whenever it is asked for.
    ///
    /// With a `tile`, the output lies inside the image, uniformly at random or about a labelled object, or at its upper
    /// left where the image is smaller. A whole image is mirrored by the margin at the top and left, and at the bottom
    /// and right as far as the next legal size needs. Rotation and scale are about the middle of the part of the image
    /// that the output shows.
    public func cut(sample: Sample, epoch: Int, index: Int) -> TrainingTile {
        let image = sample.image
        precondition(image.height > 0 && image.width > 0, "a tile of an empty image")
        let input = Tensor(
            tile > 0 ? tile : geometry.legalInput(outputAtLeast: image.height),
            tile > 0 ? tile : geometry.legalInput(outputAtLeast: image.width), image.channels)
        let labels = LabelMap(height: geometry.output(input: input.height), width: geometry.output(input: input.width))
        let place = TilePlace(
            sample, outputHeight: labels.height, outputWidth: labels.width, foreground: foreground, seed: seed,
            epoch: epoch, index: index)
        let variation = augmentation.map { AugmentationTransform($0, seed: seed, epoch: epoch, index: index) }
        let borderTerm = border.map { sample.borderTerm($0) }
        let weights = borderTerm == nil && classWeights == nil ? nil : Tensor(labels.height, labels.width, 1)

        if let variation, augmentation?.movesPixels == true {
            let warp = variation.warp(
                pivot: place.middle + Float(geometry.margin),
                source: place.middle + SIMD2(Float(place.top), Float(place.left)))
            let field = WarpField(warp, height: input.height, width: input.width)
            Resampling.bicubic(image.view, at: field, into: input.view)
            Resampling.nearest(sample.labels, at: field, margin: geometry.margin, into: labels)
            if let borderTerm, let weights {
                Resampling.bilinear(borderTerm, at: field, margin: geometry.margin, into: weights)
            }
        } else {
            MirroredBorder.copyMirrored(
                from: image, top: place.top - geometry.margin, left: place.left - geometry.margin, into: input.view)
            place.copy(sample.labels.values.baseAddress!, into: labels.values.baseAddress!, of: labels)
            if let borderTerm, let weights { place.copy(borderTerm.base, into: weights.base, of: labels) }
        }
        if let variation {
            let (mean, deviation) = sample.greyStatistics
            variation.changeGreyValues(of: input, mean: mean, deviation: deviation)
        }
        if let weights { addClassWeights(labels, to: weights) }
        return TrainingTile(image: input, labels: labels, weights: weights)
    }

    private func addClassWeights(_ labels: LabelMap, to weights: Tensor) {
        for pixel in 0..<weights.count {
            let label = labels.values[pixel]
            weights.base[pixel] += label == LabelMap.ignored ? 0 : classWeights?[Int(label)] ?? 1
        }
    }
}

/// Where a tile's output lies in an image.
private struct TilePlace {
    /// The output's first pixel.
    let top: Int
    let left: Int
    /// The middle, from there, of what the output shows of the image; row and column.
    let middle: SIMD2<Float>
    private let height: Int
    private let width: Int
    private let imageWidth: Int

    init(
        _ sample: Sample, outputHeight: Int, outputWidth: Int, foreground: Double, seed: UInt64, epoch: Int,
        index: Int
    ) {
        let labels = sample.labels
        let (rows, columns) = (max(labels.height - outputHeight, 0), max(labels.width - outputWidth, 0))
        // A whole image's output covers it, which leaves one place.
        var stream = RandomStream(seed: seed, use: .tilePosition, epoch, index)
        var (top, left) = (stream.integer(below: rows + 1), stream.integer(below: columns + 1))
        if foreground > 0, rows + columns > 0 {
            var stream = RandomStream(seed: seed, use: .foreground, epoch, index)
            if stream.uniform() < foreground, let pixel = sample.foreground.randomPixel(of: labels, &stream) {
                // Uniform among the places that show the pixel.
                func place(_ position: Int, _ output: Int, _ most: Int) -> Int {
                    let (low, high) = (min(max(position - output + 1, 0), most), min(position, most))
                    return low + stream.integer(below: high - low + 1)
                }
                top = place(pixel.row, outputHeight, rows)
                left = place(pixel.column, outputWidth, columns)
            }
        }
        self.top = top
        self.left = left
        height = min(outputHeight, labels.height - top)
        width = min(outputWidth, labels.width - left)
        imageWidth = labels.width
        middle = SIMD2(Float(height - 1) / 2, Float(width - 1) / 2)
    }

    /// Copies what the output shows of values of the image's size into values of the output's size.
    func copy<Value>(_ source: UnsafePointer<Value>, into target: UnsafeMutablePointer<Value>, of output: LabelMap) {
        for y in 0..<height {
            (target + y * output.width).update(from: source + (top + y) * imageWidth + left, count: width)
        }
    }
}
