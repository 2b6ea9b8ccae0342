import Images

/// An image that is read by bands of rows, from its top to its bottom: of any size, on disk or in memory.
public protocol ImageRows: AnyObject {
    var width: Int { get }
    var height: Int { get }
    /// A palette counts as the three channels of its colours.
    var channels: Int { get }
    /// Full scale of a sample.
    var maximum: UInt64 { get }

    /// The raw samples of some rows, as an image of their own; never indices of a palette.
    ///
    /// From top to bottom is the fastest order.
    func read(_ rows: Range<Int>) throws -> RasterImage
}

extension ImageRows {
    /// How a normalisation shifts and scales this image: measured over the whole of it, part by part.
    public func scale(_ normalization: IntensityNormalization) throws -> IntensityScale {
        let step = max(1, (1 << 20) / max(width * channels, 1))
        return try normalization.scale(channels: channels, maximum: maximum) { take in
            for top in stride(from: 0, to: height, by: step) { take(try read(top..<min(top + step, height))) }
        }
    }
}

/// The rows of an image in memory.
public final class RasterRows: ImageRows {
    private let raster: RasterImage

    public init(_ raster: RasterImage) { self.raster = raster.expandingPalette() }

    public var width: Int { raster.width }
    public var height: Int { raster.height }
    public var channels: Int { raster.channels }
    public var maximum: UInt64 { raster.maximum }

    public func read(_ rows: Range<Int>) -> RasterImage { raster.rows(rows) }
}

/// The rows of a page of a TIFF file, decoded as they are wanted.
public final class TIFFRows: ImageRows {
    private let reader: TIFFReader

    public init(_ reader: TIFFReader) { self.reader = reader }

    public var width: Int { reader.header.width }
    public var height: Int { reader.header.height }
    public var channels: Int { reader.header.pictureChannels }
    public var maximum: UInt64 { reader.header.isPalette ? 255 : reader.header.maximum }

    public func read(_ rows: Range<Int>) throws -> RasterImage { try reader.readRows(rows).expandingPalette() }
}

/// The rows of an image whose channels are pages of a TIFF file, decoded as they are wanted.
public final class ChannelRows: ImageRows {
    private let readers: [TIFFReader]
    private let header: ImageHeader

    /// - Parameters:
    ///   - readers: of each channel, of one size and kind.
    ///   - header: of the image of all.
    init(_ readers: [TIFFReader], _ header: ImageHeader) {
        self.readers = readers
        self.header = header
    }

    public var width: Int { header.width }
    public var height: Int { header.height }
    public var channels: Int { header.channels }
    public var maximum: UInt64 { header.maximum }

    public func read(_ rows: Range<Int>) throws -> RasterImage {
        .joiningChannels(try readers.map { try $0.readRows(rows) })
    }
}

/// The rows of a PNG file, decoded as they are wanted.
public final class PNGRows: ImageRows {
    private let reader: PNGReader

    public init(_ reader: PNGReader) { self.reader = reader }

    public var width: Int { reader.header.width }
    public var height: Int { reader.header.height }
    public var channels: Int { reader.header.pictureChannels }
    public var maximum: UInt64 { reader.header.maximum }

    public func read(_ rows: Range<Int>) throws -> RasterImage { try reader.readRows(rows).expandingPalette() }
}
