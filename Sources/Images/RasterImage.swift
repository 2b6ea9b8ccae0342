/// A colour of a palette or of a picture, 8 bits a channel.
public struct RGBColor: Hashable, Sendable {
    public var red: UInt8
    public var green: UInt8
    public var blue: UInt8

    public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// `#RRGGBB`, as configurations write it; nil for anything else.
    public init?(hex text: String) {
        let digits = text.dropFirst()
        guard text.first == "#", digits.count == 6, digits.allSatisfy(\.isHexDigit),
            let value = UInt32(digits, radix: 16)
        else { return nil }
        self.init(UInt8(value >> 16), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF))
    }

    /// `#RRGGBB`.
    public var hex: String {
        "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Pixels as a file holds them: raw sample values, not scaled to any range.
public struct RasterImage: Sendable, Equatable {
    public let width: Int
    public let height: Int
    /// 1 (grey, or indices into `palette`) or 3 (red, green, blue).
    public let channels: Int
    /// Full scale of a sample: 255 for 8 bits, 65535 for 16, less for packed grey.
    public let maximum: UInt16
    /// `height·width·channels` samples, row by row, a pixel's channels side by side.
    public var samples: [UInt16]
    /// The colours that samples index, for a palette image.
    public let palette: [RGBColor]?

    public init(
        width: Int, height: Int, channels: Int, maximum: UInt16 = 255, samples: [UInt16], palette: [RGBColor]? = nil
    ) {
        precondition(
            samples.count == width * height * channels, "\(samples.count) samples for \(height)×\(width)×\(channels)")
        precondition(channels == 1 || channels == 3, "an image of \(channels) channels")
        self.width = width
        self.height = height
        self.channels = channels
        self.maximum = maximum
        self.samples = samples
        self.palette = palette
    }
}
