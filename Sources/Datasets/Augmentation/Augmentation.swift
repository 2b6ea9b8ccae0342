/// Data augmentation: how much training samples are varied (`augmentation`; Ronneberger et al. 2015, section 3.1). Geometry changes image,
/// labels and weights alike, in one resampling; grey values change the image alone, after normalising.
public struct Augmentation: Hashable, Sendable {
    /// Which mirror images a sample may become, each with probability ½.
    public enum Flip: String, Hashable, Sendable, CaseIterable {
        case none
        /// Left and right are exchanged.
        case horizontal
        /// Left and right, and independently up and down.
        case both
    }

    /// Elastic deformation: random displacements at the nodes of a coarse grid that spans the tile, interpolated between.
    public struct Elastic: Hashable, Sendable {
        /// Nodes along a side, at least 2.
        public var grid: Int
        /// Deviation of each node's displacement, in pixels, down and right.
        public var sigma: Double

        public init(grid: Int = 3, sigma: Double = 10) {
            self.grid = grid
            self.sigma = sigma
        }
    }

    /// Random changes of brightness, contrast and gamma.
    public struct Grey: Hashable, Sendable {
        /// The largest shift, in deviations of the normalised image.
        public var shift: Double
        /// The contrast changes by a factor from 1 − scale to 1 + scale, about the image's mean.
        public var scale: Double
        /// Gamma lies between 1/(1 + gamma) and 1 + gamma.
        public var gamma: Double

        public init(shift: Double = 0.1, scale: Double = 0.1, gamma: Double = 0) {
            self.shift = shift
            self.scale = scale
            self.gamma = gamma
        }
    }

    /// The largest angle of a rotation, in degrees either way; 180: any angle; 0: none.
    public var rotate: Double
    public var flip: Flip
    /// Bounds of the magnification, which is uniform in its logarithm.
    public var scale: ClosedRange<Double>
    /// The largest shift in pixels, down and right, on top of the tile's own random place.
    public var translate: Double
    /// nil: none.
    public var elastic: Elastic?
    /// nil: grey values stay.
    public var grey: Grey?
    /// The largest deviation of Gaussian noise, in deviations of the normalised image; a sample's is uniform below it.
    public var noise: Double
    /// The largest deviation of a Gaussian blur, in pixels; a sample's is uniform below it.
    public var blur: Double

    /// The defaults of a configuration that has a section `augmentation`.
    public init(
        rotate: Double = 180, flip: Flip = .both, scale: ClosedRange<Double> = 0.9...1.1, translate: Double = 0,
        elastic: Elastic? = Elastic(), grey: Grey? = Grey(), noise: Double = 0, blur: Double = 0
    ) {
        self.rotate = rotate
        self.flip = flip
        self.scale = scale
        self.translate = translate
        self.elastic = elastic
        self.grey = grey
        self.noise = noise
        self.blur = blur
    }

    /// Whether the augmentation is geometric too, so that the tile must be resampled.
    var movesPixels: Bool {
        rotate > 0 || flip != .none || scale != 1...1 || translate > 0 || (elastic?.sigma ?? 0) > 0
    }
}
