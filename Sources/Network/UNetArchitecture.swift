/// The shape of a U-Net (Ronneberger, Fischer, Brox 2015, figure 1).
public struct UNetArchitecture: Hashable, Sendable {
    /// The padding of the 3×3 convolutions.
    public enum Padding: String, Hashable, Sendable, CaseIterable {
        /// No padding, as in the paper: the output is 2 pixels smaller each way.
        case valid
        /// One pixel of zeros on each side: the output has the input's size.
        case same
    }

    /// The normalisation between a 3×3 convolution and its ReLU.
    public enum Normalization: String, Hashable, Sendable, CaseIterable {
        /// Nothing, as in the paper.
        case none
        /// `GroupNormalization`, which looks at one image alone.
        case group
    }

    /// The skip connections: what a decoder's level takes from the encoder's, of which it is given the centre.
    public enum Skip: String, Hashable, Sendable, CaseIterable {
        /// Its channels beside the up-convolution's, as in the paper.
        case concatenate
        /// Its values added to the up-convolution's: the fusion of Long, Shelhamer and Darrell 2015, section 4.2.
        case add
        /// Nothing: a plain encoder and decoder.
        case none
    }

    /// Channels of the image.
    public var inputChannels: Int
    /// Channels of the logits; 2 or more.
    public var classes: Int
    /// Channels of level 0; level `i` has `baseChannels·2^i`.
    public var baseChannels: Int
    /// Number of poolings; level `depth` is the bottom of the U.
    public var depth: Int
    public var padding: Padding
    public var skip: Skip
    public var normalization: Normalization
    /// Rate of the dropout after the bottom, 0 ≤ rate < 1; applied in training only.
    public var dropout: Double

    public init(
        inputChannels: Int = 1, classes: Int = 2, baseChannels: Int = 64, depth: Int = 4, padding: Padding = .valid,
        skip: Skip = .concatenate, normalization: Normalization = .none, dropout: Double = 0.5
    ) {
        self.inputChannels = inputChannels
        self.classes = classes
        self.baseChannels = baseChannels
        self.depth = depth
        self.padding = padding
        self.skip = skip
        self.normalization = normalization
        self.dropout = dropout
    }

    /// Channels of level `level`, 0 to `depth`.
    public func channels(atLevel level: Int) -> Int { baseChannels << level }

    /// The sizes that this network can take.
    public var geometry: UNetGeometry { UNetGeometry(depth: depth, padding: padding) }
}
