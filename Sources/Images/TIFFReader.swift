internal import CTIFF
import Support

/// A page of a TIFF file, read in parts: the image may be far larger than memory, unless it must be turned. One thread at
/// a time uses it.
public final class TIFFReader {
    /// Of the image as it is shown, turned.
    public let header: ImageHeader
    /// Resolution and description.
    public let tags: TIFFTags
    /// The file, and the page where it has several: what errors call the image.
    public let name: String

    private let reader: OpaquePointer
    private let layout: TIFFLayout
    private let palette: [RGBColor]?
    private let meaning: SampleMeaning
    private let isWhiteZero: Bool
    private let cache: TIFFBlockCache
    private let orientation: ImageOrientation
    /// The whole image, once it was read to be turned.
    private var turned: RasterImage?

    /// Opens a page (from 0).
    ///
    /// - Parameters:
    ///   - meaning: what the samples are read for.
    ///   - cacheBytes: decoded strips or tiles that are kept, at least one; and a row of them, so that rows can be read
    ///     one after another without decoding it anew for every call, if it takes no more than half a GiB.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no TIFF or damaged, where there is no such page,
    /// and for kinds that are not supported.
    public init(
        _ path: String, page: Int = 0, as meaning: SampleMeaning = .light, cacheBytes: Int = 64 << 20
    ) throws {
        let found = try TIFFPages(path)
        let pages = found.pages
        guard pages.indices.contains(page) else {
            throw Failure.request(
                "image \(path) has no page \(page): its last is \(pages.count - 1) (from 0); correct the number")
        }
        let name = pages.count == 1 ? path : "\(path) (page \(page))"
        var header = ctiff_header()
        var error = ctiff_error()
        let file = try ImageFile.open(path)
        guard
            let reader = ctiff_open(file.release(), pages[page].directory, pages[page].shift, &header, &error)
        else { throw TIFF.failure(reading: name, error) }
        do {
            if let refusal = TIFFCompression.refusal(header, reader, name: name) { throw refusal }
            guard header.depth == 1 || found.isOneRun else {
                throw Failure.request(
                    "image \(name) holds \(header.depth) images in one page (ImageDepth) beside others, which is not "
                        + "supported: save each as a page of its own")
            }
            let layout = try TIFFLayout(
                header, as: meaning, isAlpha: { ctiff_is_alpha(reader, $0) != 0 }, name: name)
            self.layout = layout
            palette = try layout.isPalette ? Self.palette(of: reader, bits: layout.bits, name: name) : nil
            let bytes = ctiff_block_bytes(reader)
            guard bytes > 0, bytes <= Self.mostBlockBytes else {
                throw Failure.request(
                    "image \(name) keeps \(layout.blockWidth)×\(layout.blockHeight) pixels in one piece: save it in "
                        + "smaller strips or tiles")
            }
            guard bytes >= layout.blockRowBytes * layout.blockHeight else {
                throw Failure.request(
                    "image \(name) is damaged: its parts are smaller than their pixels; copy it or save it again")
            }
            try MachineMemory.require(
                2 * Double(bytes),
                for: "image \(name), in pieces of \(layout.blockWidth)×\(layout.blockHeight) pixels,",
                advice: "save it in smaller strips or tiles")
            let across = (layout.header.width + layout.blockWidth - 1) / layout.blockWidth
            let row = min(across * layout.planes.count, Self.mostRowBytes / bytes)
            cache = TIFFBlockCache(blockBytes: bytes, capacity: max(1, cacheBytes / bytes, row))
        } catch {
            ctiff_close(reader)
            throw error
        }
        self.reader = reader
        self.name = name
        self.meaning = meaning
        isWhiteZero = meaning == .numbers && header.photometric == 0
        orientation = Self.orientation(header, reader)
        let stored = layout.header
        let (width, height) = orientation.size(width: stored.width, height: stored.height)
        self.header = ImageHeader(
            width: width, height: height, channels: stored.channels, maximum: stored.maximum,
            isPalette: stored.isPalette, isFloat: stored.isFloat, alphaSamples: stored.alphaSamples,
            isLossy: TIFFCompression.isLossy(header, reader),
            noData: ctiff_no_data(reader).flatMap { Double(String(cString: $0).filter { !$0.isWhitespace }) })
        tags = TIFFTags(
            resolution: header.has_resolution == 0
                ? nil
                : orientation.swapsSides
                    ? (header.y_resolution, header.x_resolution) : (header.x_resolution, header.y_resolution),
            resolutionUnit: TIFFTags.ResolutionUnit(rawValue: header.resolution_unit) ?? .inch,
            description: ctiff_description(reader).map { String(cString: $0) })
    }

    /// What the tag Orientation says, or else XMP.
    private static func orientation(_ header: ctiff_header, _ reader: OpaquePointer) -> ImageOrientation {
        if let found = ImageOrientation(rawValue: Int(header.orientation)) { return found }
        var count: UInt32 = 0
        guard let xmp = ctiff_xmp(reader, &count) else { return .upright }
        return ImageOrientation(xmp: UnsafeBufferPointer(start: xmp, count: Int(count))) ?? .upright
    }

    deinit { ctiff_close(reader) }

    /// The largest row of strips or tiles that is kept.
    private static let mostRowBytes = 1 << 29
    /// The largest strip or tile that is decoded.
    private static let mostBlockBytes = 1 << 30

    private static func palette(of reader: OpaquePointer, bits: Int, name: String) throws -> [RGBColor] {
        let count = 1 << bits
        var values = [UInt16](repeating: 0, count: 3 * count)
        guard ctiff_palette(reader, &values) != 0 else {
            throw Failure.request("image \(name) is damaged: its palette is missing; save it again")
        }
        // Some writers fill in bytes where the standard wants 16 bits.
        let shift = values.allSatisfy { $0 < 256 } ? 0 : 8
        return (0..<count).map { index in
            let channel = { (c: Int) in UInt8(truncatingIfNeeded: values[c * count + index] >> shift) }
            return RGBColor(channel(0), channel(1), channel(2))
        }
    }

    // MARK: - Rows

    /// A part of the image as an image of its own: of the same channels, full scale and palette.
    ///
    /// - Parameters:
    ///   - rows: inside the image, not empty; from top to bottom is the fastest order.
    ///   - columns: all of them where left out.
    ///
    /// Throws `Failure.request` where that part is truncated, damaged, or has a sample that is not finite, and where an
    /// image that must be turned is too large to be decoded whole.
    public func readRows(_ rows: Range<Int>, columns: Range<Int>? = nil) throws -> RasterImage {
        let columns = columns ?? 0..<header.width
        guard orientation != .upright else { return try stored(rows, columns) }
        let whole = try turned ?? readStored().turned(orientation)
        turned = whole
        return whole.cut(rows: rows, columns: columns)
    }

    /// The whole image; where its samples are numbers, with its alpha.
    ///
    /// Throws `Failure.request` where it is truncated, damaged, too large, or has a sample that is not finite.
    func readAll() throws -> RasterImage { try readStored().turned(orientation) }

    /// The whole image, not turned.
    private func readStored() throws -> RasterImage {
        // As many bytes as the largest PNG.
        let stored = layout.header
        let most = stored.isFloat ? PNG.mostSamples / 2 : PNG.mostSamples
        let (pixels, overflows) = stored.width.multipliedReportingOverflow(by: stored.height)
        guard !overflows, pixels <= most / stored.channels else {
            let reason = orientation == .upright ? "" : " in an image that must be turned (Orientation)"
            throw Failure.request(
                "image \(name) claims \(stored.width)×\(stored.height) pixels, and more than \(most) samples are "
                    + "not supported\(reason): cut it into smaller ones")
        }
        try ImageLimits.checkWhole(
            "image \(name)", width: stored.width, height: stored.height, samples: pixels * stored.channels,
            besides: stored.isFloat ? 2 * pixels * stored.channels : 0)
        return try self.stored(0..<stored.height, 0..<stored.width, withAlpha: meaning == .numbers)
    }

    private func stored(
        _ rows: Range<Int>, _ columns: Range<Int>, withAlpha: Bool = false
    ) throws -> RasterImage {
        let alpha = withAlpha ? try alpha(rows, columns) : nil
        return RasterImage(
            width: columns.count, height: rows.count, channels: header.channels, maximum: header.maximum,
            content: try content(rows, columns, layout), palette: palette, isWhiteZero: isWhiteZero, alpha: alpha,
            alphaMaximum: header.isFloat ? 65535 : header.maximum)
    }

    private func content(
        _ rows: Range<Int>, _ columns: Range<Int>, _ layout: TIFFLayout
    ) throws -> RasterImage.Content {
        let count = rows.count * columns.count * layout.header.channels
        if header.isFloat {
            let samples = try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
                try eachPart(rows, columns, layout) { block, part in
                    layout.unpack(block, part, width: columns.count, into: buffer.baseAddress!)
                }
                filled = count
            }
            try checkFinite(samples, rows, columns, layout)
            return .floats(samples)
        }
        let samples = try [UInt16](unsafeUninitializedCapacity: count) { buffer, filled in
            try eachPart(rows, columns, layout) { block, part in
                layout.unpack(block, part, width: columns.count, into: buffer.baseAddress!)
            }
            filled = count
        }
        try checkIndices(samples, rows, columns)
        return .integers(samples)
    }

    /// Alpha, of 16 bits where the samples are wider or have a point; nil where there is none or it is the same for all.
    private func alpha(_ rows: Range<Int>, _ columns: Range<Int>) throws -> [UInt16]? {
        guard let layout = layout.ofAlpha else { return nil }
        let alpha: [UInt16] =
            switch try content(rows, columns, layout) {
            case .integers(let samples): samples
            case .floats(let samples):
                samples.map { UInt16(max(0, min(1, $0 / Float(layout.header.maximum))) * 65535) }
            }
        return alpha.allSatisfy { $0 == alpha[0] } ? nil : alpha
    }

    private func checkIndices(_ samples: [UInt16], _ rows: Range<Int>, _ columns: Range<Int>) throws {
        guard let palette, let position = samples.firstIndex(where: { $0 >= palette.count }) else { return }
        let (row, column) = position.quotientAndRemainder(dividingBy: columns.count)
        throw Failure.request(
            "image \(name) is damaged: its pixel at row \(rows.lowerBound + row), column "
                + "\(columns.lowerBound + column) has colour \(samples[position]) of a palette of \(palette.count); save "
                + "it again")
    }

    private func checkFinite(
        _ samples: [Float], _ rows: Range<Int>, _ columns: Range<Int>, _ layout: TIFFLayout
    ) throws {
        guard layout.format == .float, let position = samples.firstIndex(where: { !$0.isFinite }) else { return }
        let (row, column) = (position / layout.header.channels).quotientAndRemainder(dividingBy: columns.count)
        throw Failure.request(
            "image \(name) has a sample that is no finite number at row \(rows.lowerBound + row), column "
                + "\(columns.lowerBound + column): replace it and save the image again")
    }

    /// Decodes every strip or tile that the region touches, and says which part of it lies where in the region.
    private func eachPart(
        _ rows: Range<Int>, _ columns: Range<Int>, _ layout: TIFFLayout,
        _ use: (UnsafeRawPointer, TIFFLayout.Part) -> Void
    ) throws {
        let stored = layout.header
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= stored.height && columns.lowerBound >= 0
                && columns.upperBound <= stored.width && !rows.isEmpty && !columns.isEmpty,
            "rows \(rows) and columns \(columns) of \(stored.height)×\(stored.width)")
        let (blockHeight, blockWidth) = (layout.blockHeight, layout.blockWidth)
        for down in rows.lowerBound / blockHeight...(rows.upperBound - 1) / blockHeight {
            for across in columns.lowerBound / blockWidth...(columns.upperBound - 1) / blockWidth {
                let (top, left) = (down * blockHeight, across * blockWidth)
                let inRows = rows.clamped(to: top..<top + blockHeight)
                let inColumns = columns.clamped(to: left..<left + blockWidth)
                for (channel, sample) in layout.planes {
                    let block = try cache.block(TIFFBlockCache.Key(down: down, across: across, plane: sample)) {
                        var error = ctiff_error()
                        let status = ctiff_read_block(
                            reader, UInt32(left), UInt32(top), UInt16(sample), $0, &error)
                        guard status == CTIFF_DONE else { throw TIFF.failure(reading: name, error) }
                    }
                    use(
                        block,
                        TIFFLayout.Part(
                            firstRow: inRows.lowerBound - top, firstColumn: inColumns.lowerBound - left,
                            rows: inRows.count, columns: inColumns.count, atRow: inRows.lowerBound - rows.lowerBound,
                            atColumn: inColumns.lowerBound - columns.lowerBound, channel: channel))
                }
            }
        }
    }
}

/// The strips or tiles that were decoded last.
private final class TIFFBlockCache {
    struct Key: Hashable {
        let down: Int
        let across: Int
        let plane: Int
    }

    private let blockBytes: Int
    private let capacity: Int
    private var blocks: [UnsafeMutableRawPointer] = []
    private var keys: [Key?] = []
    private var places: [Key: Int] = [:]
    /// The place that the next block takes: the oldest one's, since whoever reads in order does not come back to it.
    private var next = 0

    init(blockBytes: Int, capacity: Int) {
        self.blockBytes = blockBytes
        self.capacity = capacity
    }

    deinit { for block in blocks { block.deallocate() } }

    func block(_ key: Key, decode: (UnsafeMutableRawPointer) throws -> Void) throws -> UnsafeRawPointer {
        if let place = places[key] { return UnsafeRawPointer(blocks[place]) }
        if blocks.count < capacity {
            next = blocks.count
            blocks.append(.allocate(byteCount: blockBytes, alignment: 16))
            keys.append(nil)
        }
        let place = next
        if let old = keys[place] { places[old] = nil }
        keys[place] = nil
        try decode(blocks[place])
        keys[place] = key
        places[key] = place
        next = (place + 1) % capacity
        return UnsafeRawPointer(blocks[place])
    }
}
