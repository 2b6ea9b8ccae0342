internal import CPNG
import Support

/// A PNG file read in parts, from top to bottom: the image may be far larger than memory. One thread at a time uses it.
public final class PNGReader {
    public let header: ImageHeader
    private let path: String
    private let palette: [RGBColor]?
    private let isWide: Bool
    private var reader: OpaquePointer
    /// Rows that were decoded.
    private var done = 0

    /// Opens a file; nil where it is interlaced or must be turned, which is only possible with the whole image.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no PNG or damaged in its header.
    public init?(_ path: String) throws {
        let (reader, header) = try PNG.open(path)
        do {
            try PNG.checkFileSize(header, path: path)
        } catch {
            cpng_close(reader)
            throw error
        }
        self.reader = reader
        self.path = path
        self.header = PNG.describe(header, .upright)
        isWide = header.bit_depth == 16
        palette = header.is_palette != 0 ? PNG.colors(reader, count: Int(header.palette_count)) : nil
        // Only now is there an object whose end closes the file.
        let orientation = try PNG.orientation(path)
        if header.is_interlaced != 0 || orientation != .upright { return nil }
    }

    deinit { cpng_close(reader) }

    /// Some rows as an image of their own, as `PNG.read` would give them. To go back means to decode the file from its
    /// beginning.
    ///
    /// Throws `Failure.request` where the file is truncated or damaged up to there.
    public func readRows(_ rows: Range<Int>) throws -> RasterImage {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= header.height && !rows.isEmpty,
            "rows \(rows) of \(header.height)")
        if rows.lowerBound < done { try reopen() }
        var row = [UInt8](repeating: 0, count: header.width * header.channels * (isWide ? 2 : 1))
        while done < rows.lowerBound { try row.withUnsafeMutableBytes { try decode(into: $0.baseAddress!) } }
        let perRow = header.width * header.channels
        let samples = try [UInt16](unsafeUninitializedCapacity: rows.count * perRow) { buffer, filled in
            for y in 0..<rows.count {
                let out = buffer.baseAddress! + y * perRow
                if isWide {
                    try decode(into: out)
                } else {
                    try row.withUnsafeMutableBytes { try decode(into: $0.baseAddress!) }
                    for i in 0..<perRow { out[i] = UInt16(truncatingIfNeeded: row[i]) }
                }
            }
            filled = rows.count * perRow
        }
        if let palette {
            try PNG.checkIndices(
                samples, colors: palette.count, width: header.width, firstRow: rows.lowerBound, path: path)
        }
        return RasterImage(
            width: header.width, height: rows.count, channels: header.channels, maximum: header.maximum,
            content: .integers(samples), palette: palette)
    }

    private func decode(into samples: UnsafeMutableRawPointer) throws {
        var error = cpng_error()
        guard cpng_read_rows(reader, 1, samples, &error) == CPNG_DONE else {
            throw PNG.failure(reading: path, error)
        }
        done += 1
    }

    private func reopen() throws {
        let (again, found) = try PNG.open(path)
        guard PNG.describe(found, .upright) == header else {
            cpng_close(again)
            throw Failure.running("image \(path) was changed while it was read: start again")
        }
        cpng_close(reader)
        reader = again
        done = 0
    }
}
