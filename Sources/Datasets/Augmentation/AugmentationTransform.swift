import Kernels

/// The augmentation of one sample in one epoch, with all its random numbers drawn.
///
/// A pure function of (seed, epoch, sample); each kind of change has a random stream of its own, so that switching one
/// off leaves the others as they were.
struct AugmentationTransform {
    /// The affine transformation from tile to image without its translation: the step in the image for a step in the tile,
    /// down and right.
    private let downStep: SIMD2<Float>
    private let rightStep: SIMD2<Float>
    private let translation: SIMD2<Float>
    private let elastic: Warp.Elastic?
    private let blur: Double
    private let gamma: Double
    private let contrast: Double
    private let shift: Double
    private let noise: Double
    private let noiseStream: RandomStream

    private enum Part: Int { case rotation, flip, scale, translation, elastic, grey, noise, blur }

    init(_ augmentation: Augmentation, seed: UInt64, epoch: Int, index: Int) {
        func stream(_ part: Part) -> RandomStream {
            RandomStream(seed: seed, use: .augmentation, epoch, index, part.rawValue)
        }
        var (rotation, flip, scale) = (stream(.rotation), stream(.flip), stream(.scale))
        let halfTurns = augmentation.rotate / 180 * rotation.symmetric()
        let (cosine, sine) = (
            Elementary.cosine(halfTurns: halfTurns), Elementary.sine(halfTurns: halfTurns)
        )
        let (flipsColumns, flipsRows) = (flip.uniform() < 0.5, flip.uniform() < 0.5)
        let columns: Double = augmentation.flip != .none && flipsColumns ? -1 : 1
        let rows: Double = augmentation.flip == .both && flipsRows ? -1 : 1
        // What is magnified by s is read in steps of 1/s.
        let step = 1 / scale.logUniform(augmentation.scale)
        downStep = SIMD2(Float(step * rows * cosine), Float(-step * rows * sine))
        rightStep = SIMD2(Float(step * columns * sine), Float(step * columns * cosine))

        var translation = stream(.translation)
        self.translation = SIMD2(
            Float(augmentation.translate * translation.symmetric()),
            Float(augmentation.translate * translation.symmetric()))

        var nodes = stream(.elastic)
        elastic = augmentation.elastic.map { elastic in
            func displacements() -> [Float] {
                (0..<elastic.grid * elastic.grid).map { _ in Float(elastic.sigma * nodes.gaussian()) }
            }
            return Warp.Elastic(nodes: elastic.grid, down: displacements(), right: displacements())
        }

        var (grey, noise, blur) = (stream(.grey), stream(.noise), stream(.blur))
        let most = augmentation.grey ?? Augmentation.Grey(shift: 0, scale: 0, gamma: 0)
        shift = most.shift * grey.symmetric()
        contrast = 1 + most.scale * grey.symmetric()
        gamma = grey.logUniform(1 / (1 + most.gamma)...1 + most.gamma)
        self.noise = augmentation.noise * noise.uniform()
        noiseStream = noise
        self.blur = augmentation.blur * blur.uniform()
    }

    /// The geometric transformation (affine and elastic) from a tile's pixels to those of the image.
    ///
    /// - Parameters:
    ///   - pivot: the point of the tile that rotation and scale leave in place.
    ///   - source: where that point lies in the image, before translation.
    func warp(pivot: SIMD2<Float>, source: SIMD2<Float>) -> Warp {
        Warp(
            pivot: pivot, source: source + translation, downStep: downStep, rightStep: rightStep, elastic: elastic)
    }

    /// Changes a tile's grey values, as optics, camera and detector do, in this order.
    ///
    /// - Parameters:
    ///   - mean, deviation: of the whole normalised image.
    func changeGreyValues(of image: Tensor, mean: Float, deviation: Float) {
        if blur > 0 { GreyValues.blur(image, sigma: blur) }
        if gamma != 1 { GreyValues.applyGamma(Float(gamma), to: image) }
        if contrast != 1 || shift != 0 {
            let factor = Float(contrast)
            GreyValues.scale(image, by: factor, adding: mean - mean * factor + Float(shift) * deviation)
        }
        if noise > 0 { GreyValues.addNoise(deviation: Float(noise) * deviation, stream: noiseStream, to: image) }
    }
}

extension RandomStream {
    /// Uniform in [−1, 1).
    fileprivate mutating func symmetric() -> Double { 2 * uniform() - 1 }

    /// Uniform in its logarithm between the bounds, which are above 0; exactly 1 where both are.
    fileprivate mutating func logUniform(_ bounds: ClosedRange<Double>) -> Double {
        let (low, high) = (Elementary.log(bounds.lowerBound), Elementary.log(bounds.upperBound))
        return Elementary.exp(low + (high - low) * uniform())
    }
}
