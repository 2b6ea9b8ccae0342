internal import CTIFF
import Support

/// Writes images row by row into a TIFF, each a page, in strips: an image may be far larger than memory. A file that
/// could pass 4 GiB becomes a BigTIFF.
///
/// The file is written under another name beside its own and renamed by `finish()`; a writer that goes away before leaves
/// nothing behind. One thread at a time uses it.
public final class TIFFWriter {
    /// TIFF's numbers of the ways to pack strips without loss.
    public enum Compression: UInt16, Sendable {
        case none = 1
        case lzw = 5
        case deflate = 8
    }

    /// Of the page that is being written.
    public private(set) var width: Int
    public private(set) var height: Int
    public let channels: Int
    private let maximum: Int
    private var header: ctiff_header
    private let colors: [UInt16]?
    private var file: AtomicFile
    private var writer: OpaquePointer?

    /// Rows of a strip.
    private var stripRows = 0
    private let isWide: Bool
    /// The strip that is being filled.
    private var strip: UnsafeMutableRawPointer
    private var rowsInStrip = 0
    private var strips = 0
    private var rows = 0

    /// Bytes of a strip before it is packed, about.
    private static let stripBytes = 1 << 18

    /// - Parameters:
    ///   - channels: 1 (grey, or indices of `palette`) or 3 (RGB).
    ///   - maximum: full scale of the samples: up to 255 they are written in 8 bits, else in 16.
    ///   - palette: at most 256 colours.
    ///   - tags: resolution, of all pages, and description of the first.
    ///   - pages: that there will be, about as large as the first.
    ///
    /// Throws `Failure.running` with the system's reason.
    public init(
        _ path: String, width: Int, height: Int, channels: Int = 1, maximum: UInt16 = 255, palette: [RGBColor]? = nil,
        tags: TIFFTags = TIFFTags(), pages: Int = 1, compression: Compression = .deflate
    ) throws {
        precondition(channels == 1 || channels == 3, "a TIFF of \(channels) channels")
        precondition(
            palette.map { channels == 1 && maximum <= 255 && (1...256).contains($0.count) } ?? true,
            "a palette of \(palette?.count ?? 0)")
        self.width = width
        self.height = height
        self.channels = channels
        self.maximum = palette.map { $0.count - 1 } ?? Int(maximum)
        isWide = maximum > 255
        header = ctiff_header()
        header.bits = isWide ? 16 : 8
        header.samples = UInt16(channels)
        header.photometric = palette != nil ? 3 : channels == 3 ? 2 : 1
        header.compression = compression.rawValue
        if let resolution = tags.resolution {
            header.has_resolution = 1
            header.x_resolution = resolution.x
            header.y_resolution = resolution.y
            header.resolution_unit = tags.resolutionUnit.rawValue
        }
        // What cannot be packed grows a little, and the directory lists every strip.
        let isBig = width * channels * (isWide ? 2 : 1) * height * pages > 3_900_000_000
        colors = palette.map(Self.colorMap)
        strip = .allocate(byteCount: 0, alignment: 16)
        file = try ImageOutput.begin(path)
        setSize(width: width, height: height)
        var error = ctiff_error()
        guard let writer = ctiff_create(file.duplicate(), isBig ? 1 : 0, &header, colors, tags.description, &error)
        else { throw Self.failure(path, error) }
        self.writer = writer
    }

    private func setSize(width: Int, height: Int) {
        precondition(
            width > 0 && height > 0 && width <= UInt32.max && height <= UInt32.max,
            "an image of \(height)×\(width) pixels")
        let rowBytes = width * channels * (isWide ? 2 : 1)
        (self.width, self.height) = (width, height)
        stripRows = min(height, max(1, Self.stripBytes / rowBytes))
        header.width = UInt32(width)
        header.height = UInt32(height)
        header.block_height = UInt32(stripRows)
        strip.deallocate()
        strip = .allocate(byteCount: stripRows * rowBytes, alignment: 16)
    }

    /// Begins another page, after all rows of the one before it.
    ///
    /// Throws `Failure.running` with the system's reason; what was written is gone then.
    public func nextPage(width: Int, height: Int) throws {
        guard let writer, rows == self.height else {
            preconditionFailure("another page after \(rows) rows of \(self.height)")
        }
        setSize(width: width, height: height)
        (rows, strips) = (0, 0)
        var error = ctiff_error()
        guard ctiff_next_page(writer, &header, colors, nil, &error) == CTIFF_DONE else {
            abandon()
            throw Self.failure(file.path, error)
        }
    }

    deinit {
        abandon()
        strip.deallocate()
    }

    /// ColorMap: 256 values of red, of green, of blue, of 16 bits.
    private static func colorMap(_ palette: [RGBColor]) -> [UInt16] {
        var values = [UInt16](repeating: 0, count: 3 * 256)
        for (index, color) in palette.enumerated() {
            values[index] = UInt16(color.red) * 257
            values[256 + index] = UInt16(color.green) * 257
            values[512 + index] = UInt16(color.blue) * 257
        }
        return values
    }

    /// Writes the next rows: a whole number of them, `width`·`channels` samples each, none above the full scale or
    /// outside the palette.
    ///
    /// Throws `Failure.running` with the system's reason; what was written is gone then.
    public func append(_ samples: UnsafeBufferPointer<UInt16>) throws {
        let perRow = width * channels
        precondition(samples.count % perRow == 0, "\(samples.count) samples for rows of \(perRow)")
        let count = samples.count / perRow
        precondition(writer != nil && rows + count <= height, "\(rows) + \(count) rows of \(height)")
        guard var source = samples.baseAddress else { return }
        for _ in 0..<count {
            put(source, count: perRow)
            source += perRow
            rows += 1
            rowsInStrip += 1
            if rowsInStrip == stripRows || rows == height { try writeStrip() }
        }
    }

    /// The next rows, from an image of integers that is as wide and has as many channels.
    public func append(_ image: RasterImage) throws {
        precondition(image.width == width && image.channels == channels, "rows of another image")
        try image.samples.withUnsafeBufferPointer { try append($0) }
    }

    private func put(_ source: UnsafePointer<UInt16>, count: Int) {
        var largest: UInt16 = 0
        if isWide {
            let out = strip.assumingMemoryBound(to: UInt16.self) + rowsInStrip * count
            for i in 0..<count {
                largest = max(largest, source[i])
                out[i] = source[i]
            }
        } else {
            let out = strip.assumingMemoryBound(to: UInt8.self) + rowsInStrip * count
            for i in 0..<count {
                largest = max(largest, source[i])
                out[i] = UInt8(truncatingIfNeeded: source[i])
            }
        }
        precondition(largest <= maximum, "a sample of \(largest) above the largest, \(maximum)")
    }

    private func writeStrip() throws {
        guard let writer else { return }
        var error = ctiff_error()
        let bytes = rowsInStrip * width * channels * (isWide ? 2 : 1)
        guard ctiff_write_strip(writer, UInt32(strips), strip, bytes, &error) == CTIFF_DONE else {
            abandon()
            throw Self.failure(file.path, error)
        }
        strips += 1
        rowsInStrip = 0
    }

    /// Ends the file, of which all rows must be written, and gives it its name; an older file there is replaced.
    ///
    /// Throws `Failure.running` with the system's reason; what was written is gone then.
    public func finish() throws {
        guard let writer, rows == height else { preconditionFailure("finished after \(rows) rows of \(height)") }
        self.writer = nil
        var error = ctiff_error()
        guard ctiff_finish(writer, 1, &error) == CTIFF_DONE else {
            file.discard()
            throw Self.failure(file.path, error)
        }
        try file.keep()
    }

    /// Leaves the file unwritten, where it is not finished.
    private func abandon() {
        guard let writer else { return }
        self.writer = nil
        var ignored = ctiff_error()
        _ = ctiff_finish(writer, 0, &ignored)
        file.discard()
    }

    private static func failure(_ path: String, _ error: ctiff_error) -> Failure {
        ImageOutput.failure(
            writing: path,
            reason: error.status == CTIFF_SYSTEM ? Failure.writingReason(error.code) : TIFF.text(of: error))
    }
}
