internal import CPNG
import Support

/// PNG files (ISO/IEC 15948) through libpng: grey of 1, 2, 4, 8 and 16 bits, RGB, either with alpha, and palettes,
/// interlaced or not.
public enum PNG {
    /// An image of more samples than this is refused: 2 GiB in memory.
    static let mostSamples = 1 << 30

    /// The size and kind of the image at `path`, without its pixels.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no PNG or damaged in its header.
    public static func readHeader(_ path: String) throws -> ImageHeader {
        let (reader, header) = try open(path)
        cpng_close(reader)
        return describe(header, try orientation(path))
    }

    /// The image at `path`, decoded whole, and turned as EXIF data say.
    ///
    /// Samples are the file's own: packed grey is not scaled (its `maximum` is 1, 3 or 15), of a palette image the
    /// indices are kept beside its colours, gamma is not applied. Alpha and transparency are dropped from `.light`; of
    /// `.numbers` they are told beside the samples.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no PNG, truncated, damaged, or too large.
    public static func read(_ path: String, as meaning: SampleMeaning = .light) throws -> RasterImage {
        let (reader, header) = try open(path)
        defer { cpng_close(reader) }
        let info = describe(header, .upright)
        let keepsAlpha = meaning == .numbers && header.has_alpha != 0
        if keepsAlpha { cpng_keep_alpha(reader) }
        let count = try sampleCount(header, alphaSamples: keepsAlpha ? 1 : 0, path: path)
        // libpng forgets them once it has been told to drop alpha.
        let alphaOfColors = meaning == .numbers ? paletteAlpha(reader, header) : nil
        var samples =
            header.bit_depth == 16
            ? try wideSamples(reader, count: count, path: path) : try narrowSamples(reader, count: count, path: path)
        var palette: [RGBColor]?
        if info.isPalette {
            let colors = colors(reader, count: Int(header.palette_count))
            // Numbers need no colours: 255 for what is ignored often has none.
            if meaning == .light {
                try checkIndices(samples, colors: colors.count, width: info.width, path: path)
            }
            palette = colors
        }
        var alpha: [UInt16]?
        if keepsAlpha {
            (samples, alpha) = split(samples, channels: info.channels)
        } else if meaning == .numbers {
            alpha =
                alphaOfColors.map { ofColors in samples.map { Int($0) < ofColors.count ? ofColors[Int($0)] : 255 } }
                ?? keyAlpha(header, samples)
        }
        if let opaque = alpha?.first, alpha?.allSatisfy({ $0 == opaque }) == true { alpha = nil }
        return RasterImage(
            width: info.width, height: info.height, channels: info.channels, maximum: info.maximum,
            content: .integers(samples), palette: palette, alpha: alpha,
            alphaMaximum: header.bit_depth == 16 ? 65535 : 255
        ).turned(try orientation(path))
    }

    /// How the picture lies. Throws `Failure.request` where there are several.
    static func orientation(_ path: String) throws -> ImageOrientation {
        let metadata = try PNGMetadata(path)
        guard metadata.frames <= 1 else {
            throw Failure.request(
                "image \(path) is an animated PNG of \(metadata.frames) images, which is not supported: save them as files "
                    + "of their own, as does python -c \"from PIL import Image, ImageSequence; [f.save(f'OUT-{i}.png') for "
                    + "i, f in enumerate(ImageSequence.Iterator(Image.open('IN.png')))]\"")
        }
        return metadata.orientation
    }

    // MARK: - Opening

    static func open(_ path: String) throws -> (reader: OpaquePointer, header: cpng_header) {
        var header = cpng_header()
        var error = cpng_error()
        let file = try ImageFile.open(path)
        guard let reader = cpng_open(file.release(), &header, &error) else { throw failure(reading: path, error) }
        return (reader, header)
    }

    static func describe(_ header: cpng_header, _ orientation: ImageOrientation) -> ImageHeader {
        let (width, height) = orientation.size(width: Int(header.width), height: Int(header.height))
        return ImageHeader(
            width: width, height: height, channels: Int(header.channels),
            maximum: header.is_palette != 0 ? 255 : (1 << UInt64(header.bit_depth)) - 1,
            isPalette: header.is_palette != 0, alphaSamples: header.has_alpha != 0 ? 1 : 0)
    }

    /// The number of samples, where memory and the file can hold them.
    private static func sampleCount(_ header: cpng_header, alphaSamples: Int, path: String) throws -> Int {
        let size = "\(header.width)×\(header.height) pixels"
        // Both sides are below 2^31, so that nothing here overflows.
        let count = Int(header.width) * Int(header.height)
        let samples = Int(header.channels) + alphaSamples
        guard count <= mostSamples / samples else {
            throw Failure.request(
                "image \(path) claims \(size), and more than \(mostSamples) samples are not supported: cut it into "
                    + "smaller ones")
        }
        try checkFileSize(header, path: path)
        try ImageLimits.checkWhole(
            "image \(path)", width: Int(header.width), height: Int(header.height), samples: count * samples)
        return count * samples
    }

    /// Refuses an image that its file cannot hold: a few damaged bytes of a header may claim terabytes.
    static func checkFileSize(_ header: cpng_header, path: String) throws {
        // Deflate packs at most 1032 bytes into one.
        let bits = Double(header.width) * Double(header.height) * Double(header.channels) * Double(header.bit_depth)
        guard header.file_bytes == 0 || bits / 8 / 1032 <= Double(header.file_bytes) + 1 else {
            throw Failure.request(
                "image \(path) claims \(header.width)×\(header.height) pixels, which its \(header.file_bytes) bytes "
                    + "cannot hold: it is damaged or cut short, copy it again")
        }
    }

    /// Refuses an index of no colour.
    static func checkIndices(_ samples: [UInt16], colors: Int, width: Int, firstRow: Int = 0, path: String) throws {
        guard let position = samples.firstIndex(where: { $0 >= colors }) else { return }
        throw Failure.request(
            "image \(path) is damaged: its pixel at row \(firstRow + position / width), column \(position % width) "
                + "has colour \(samples[position]) of a palette of \(colors); save it again")
    }

    // MARK: - Samples

    private static func wideSamples(_ reader: OpaquePointer, count: Int, path: String) throws -> [UInt16] {
        try [UInt16](unsafeUninitializedCapacity: count) { buffer, filled in
            buffer.initialize(repeating: 0)
            try decode(reader, into: UnsafeMutableRawPointer(buffer.baseAddress!), path: path)
            filled = count
        }
    }

    private static func narrowSamples(_ reader: OpaquePointer, count: Int, path: String) throws -> [UInt16] {
        try [UInt16](widening: count) { try decode(reader, into: $0, path: path) }
    }

    private static func decode(_ reader: OpaquePointer, into samples: UnsafeMutableRawPointer, path: String) throws {
        var error = cpng_error()
        guard cpng_read(reader, samples, &error) == CPNG_DONE else { throw failure(reading: path, error) }
    }

    /// The alpha samples that lie behind each pixel's others, taken out.
    private static func split(_ samples: [UInt16], channels: Int) -> (samples: [UInt16], alpha: [UInt16]) {
        let pixels = samples.count / (channels + 1)
        var (others, alpha) = ([UInt16](), [UInt16]())
        others.reserveCapacity(pixels * channels)
        alpha.reserveCapacity(pixels)
        for pixel in 0..<pixels {
            let first = pixel * (channels + 1)
            others.append(contentsOf: samples[first..<first + channels])
            alpha.append(samples[first + channels])
        }
        return (others, alpha)
    }

    /// The alpha of each colour of a palette of which some are transparent (tRNS); else nil.
    private static func paletteAlpha(_ reader: OpaquePointer, _ header: cpng_header) -> [UInt16]? {
        var ofColors = [UInt8](repeating: 255, count: Int(header.palette_count))
        guard header.is_palette != 0, cpng_palette_alpha(reader, &ofColors) != 0 else { return nil }
        return ofColors.map { UInt16($0) }
    }

    /// The alpha of pixels where one grey value or colour is transparent (tRNS); else nil.
    private static func keyAlpha(_ header: cpng_header, _ samples: [UInt16]) -> [UInt16]? {
        guard header.has_key != 0 else { return nil }
        let opaque: UInt16 = header.bit_depth == 16 ? 65535 : 255
        let channels = Int(header.channels)
        let key = Array([header.key.0, header.key.1, header.key.2].prefix(channels))
        return (0..<samples.count / channels).map { pixel in
            samples[pixel * channels..<(pixel + 1) * channels].elementsEqual(key) ? 0 : opaque
        }
    }

    static func colors(_ reader: OpaquePointer, count: Int) -> [RGBColor] {
        var bytes = [UInt8](repeating: 0, count: 3 * count)
        cpng_palette(reader, &bytes)
        return (0..<count).map { RGBColor(bytes[3 * $0], bytes[3 * $0 + 1], bytes[3 * $0 + 2]) }
    }

    // MARK: - Errors

    static func failure(reading path: String, _ error: cpng_error) -> Failure {
        switch error.status {
        case CPNG_SYSTEM: InputFile.failure(error.code, called: "image \(path)")
        case CPNG_NOT_PNG:
            .request("image \(path) is not a PNG file: convert it to PNG or remove it")
        case CPNG_TRUNCATED:
            .request("image \(path) is cut short: the file ends before the image does; copy it again")
        case CPNG_REFUSED where text(of: error).contains("CgBI"):
            .request(
                "image \(path) is a PNG of Apple's own kind (CgBI), which is not supported: convert it, as does xcrun "
                    + "-sdk iphoneos pngcrush -revert-iphone-optimizations IN.png OUT.png")
        default:
            .request("image \(path) is damaged: \(text(of: error)); copy it or save it again")
        }
    }

    static func text(of error: cpng_error) -> String {
        withUnsafePointer(to: error) { String(cString: cpng_error_text($0)) }
    }
}
