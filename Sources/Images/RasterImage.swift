/// Pixels as a file holds them: raw sample values, not scaled to any range.
public struct RasterImage: Sendable, Equatable {
    /// The samples of an image: `height·width·channels`, row by row, a pixel's channels side by side.
    public enum Content: Sendable, Equatable {
        /// Unsigned, of at most 16 bits.
        case integers([UInt16])
        /// Floating-point, signed or wider than 16 bits in the file. All of them are finite. Whole numbers up to 2^24
        /// are exact; what a file has beyond is rounded.
        case floats([Float])

        public var count: Int {
            switch self {
            case .integers(let samples): samples.count
            case .floats(let samples): samples.count
            }
        }
    }

    public let width: Int
    public let height: Int
    /// 1 (grey, or indices into `palette`), 3 (red, green, blue), or any other number that a TIFF has.
    public let channels: Int
    /// Full scale of a sample: 255 for 8 bits, 65535 for 16, less for packed grey, 2^(n−1)−1 for signed ones of n bits,
    /// 1 for floating-point; 255 for indices into a palette.
    public let maximum: UInt64
    public var content: Content
    /// The colours that samples index, for a palette image. Of samples that were read as `.numbers` some may have none.
    public let palette: [RGBColor]?
    /// Of samples that were read as `.numbers`: whether the file says that 0 is shown white (MinIsWhite).
    public let isWhiteZero: Bool
    /// Each pixel's alpha, `height·width`, where samples were read as `.numbers` and the file has an alpha that is not
    /// the same for all pixels; else nil.
    public let alpha: [UInt16]?
    /// Full scale of `alpha`; 255 where there is none.
    public let alphaMaximum: UInt64
    /// Whether it was turned as its file says (EXIF or TIFF Orientation).
    public let isTurned: Bool

    public init(
        width: Int, height: Int, channels: Int, maximum: UInt64 = 255, content: Content, palette: [RGBColor]? = nil,
        isWhiteZero: Bool = false, alpha: [UInt16]? = nil, alphaMaximum: UInt64 = 255,
        isTurned: Bool = false
    ) {
        precondition(
            content.count == width * height * channels, "\(content.count) samples for \(height)×\(width)×\(channels)")
        precondition(channels > 0, "an image of \(channels) channels")
        precondition(alpha.map { $0.count == width * height } ?? true, "alpha of another size than the image")
        self.width = width
        self.height = height
        self.channels = channels
        self.maximum = maximum
        self.content = content
        self.palette = palette
        self.isWhiteZero = isWhiteZero
        self.alpha = alpha
        self.alphaMaximum = alpha == nil ? 255 : alphaMaximum
        self.isTurned = isTurned
    }

    /// An image of integer samples.
    public init(
        width: Int, height: Int, channels: Int, maximum: UInt16 = 255, samples: [UInt16], palette: [RGBColor]? = nil
    ) {
        self.init(
            width: width, height: height, channels: channels, maximum: UInt64(maximum), content: .integers(samples),
            palette: palette)
    }

    /// The samples of an image that has integers, which those of PNG and JPEG files, palettes and pictures are.
    public var samples: [UInt16] {
        guard case .integers(let samples) = content else { preconditionFailure("integer samples of a float image") }
        return samples
    }
}

extension RasterImage {
    /// The picture that the palette paints: RGB of 8 bits. An image without a palette is returned as it is.
    public func expandingPalette() -> RasterImage {
        guard let palette else { return self }
        let colors = palette.flatMap { [UInt16($0.red), UInt16($0.green), UInt16($0.blue)] }
        let samples = samples
        let count = samples.count
        let expanded = [UInt16](unsafeUninitializedCapacity: 3 * count) { buffer, filled in
            samples.withUnsafeBufferPointer { samples in
                for i in 0..<count {
                    let index = Int(samples[i])
                    precondition(index < palette.count, "colour \(index) of a palette of \(palette.count)")
                    for c in 0..<3 { buffer[3 * i + c] = colors[3 * index + c] }
                }
            }
            filled = 3 * count
        }
        return RasterImage(
            width: width, height: height, channels: 3, content: .integers(expanded), alpha: alpha,
            alphaMaximum: alphaMaximum)
    }
}

extension [UInt16] {
    /// Samples that a decoder gives in 8 bits each.
    ///
    /// - Parameter decode: writes `count` bytes, which are 0 before.
    init(widening count: Int, _ decode: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
        try self.init(unsafeUninitializedCapacity: count) { buffer, filled in
            try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { bytes in
                bytes.initialize(repeating: 0)
                guard let bytes = bytes.baseAddress, let out = buffer.baseAddress else { return }
                try decode(bytes)
                for i in 0..<count { out[i] = UInt16(truncatingIfNeeded: bytes[i]) }
            }
            filled = count
        }
    }
}
