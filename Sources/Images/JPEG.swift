internal import CJPEG
import Support

/// JPEG files (ISO/IEC 10918) through libjpeg: grey and RGB of 8 bits, turned as a camera's EXIF data say.
public enum JPEG {
    /// The size and kind of the image at `path`, without its pixels.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no JPEG, damaged in its header or neither grey
    /// nor RGB.
    public static func readHeader(_ path: String) throws -> ImageHeader {
        let (reader, header, orientation, _) = try open(path)
        cjpeg_close(reader)
        let (width, height) = orientation.size(width: header.width, height: header.height)
        return ImageHeader(width: width, height: height, channels: header.channels, isLossy: true)
    }

    /// The image at `path`, decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the file is truncated or damaged.
    public static func read(_ path: String) throws -> RasterImage {
        let (reader, header, orientation, isBuffered) = try open(path)
        defer { cjpeg_close(reader) }
        // The sides have 16 bits in the file, so that 12 GiB is the most that a few bytes can claim.
        let count = header.width * header.height * header.channels
        guard count <= PNG.mostSamples else {
            throw Failure.request(
                "image \(path) claims \(header.width)×\(header.height) pixels, and more than \(PNG.mostSamples) samples "
                    + "are not supported: cut it into smaller ones")
        }
        // The coefficients of a progressive file have two bytes each.
        try ImageLimits.checkWhole(
            "image \(path)", width: header.width, height: header.height, samples: count,
            besides: isBuffered ? 2 * count : 0)
        let samples = try [UInt16](widening: count) { bytes in
            var error = cjpeg_error()
            guard cjpeg_read(reader, bytes, &error) == CJPEG_DONE else { throw failure(reading: path, error) }
        }
        return RasterImage(
            width: header.width, height: header.height, channels: header.channels, samples: samples
        ).turned(orientation)
    }

    /// - Returns: the reader, the image as it is stored, how it lies in the picture, and whether all its coefficients are
    ///   kept while it is decoded.
    private static func open(
        _ path: String
    ) throws -> (reader: OpaquePointer, stored: ImageHeader, orientation: ImageOrientation, isBuffered: Bool) {
        var header = cjpeg_header()
        var error = cjpeg_error()
        let file = try ImageFile.open(path)
        guard let reader = cjpeg_open(file.release(), &header, &error) else { throw failure(reading: path, error) }
        return (
            reader,
            ImageHeader(width: Int(header.width), height: Int(header.height), channels: Int(header.channels)),
            orientation(reader), header.is_buffered != 0
        )
    }

    /// What the markers before the image say of turning it: EXIF, or else XMP.
    private static func orientation(_ reader: OpaquePointer) -> ImageOrientation {
        var index: Int32 = 0
        var count: UInt32 = 0
        var (exif, xmp) = (UnsafeBufferPointer<UInt8>?.none, UnsafeBufferPointer<UInt8>?.none)
        while let bytes = cjpeg_app1(reader, index, &count) {
            let data = UnsafeBufferPointer(start: bytes, count: Int(count))
            if data.starts(with: "Exif\0\0".utf8) { exif = exif ?? data }
            if data.starts(with: "http://ns.adobe.com/xap/1.0/\0".utf8) { xmp = xmp ?? data }
            index += 1
        }
        return exif.flatMap { ImageOrientation(exif: $0) } ?? xmp.flatMap { ImageOrientation(xmp: $0) } ?? .upright
    }

    private static func failure(reading path: String, _ error: cjpeg_error) -> Failure {
        switch error.status {
        case CJPEG_SYSTEM: InputFile.failure(error.code, called: "image \(path)")
        case CJPEG_NOT_JPEG:
            .request("image \(path) is not a JPEG file: convert it to PNG or remove it")
        case CJPEG_TRUNCATED:
            .request("image \(path) is cut short: the file ends before the image does; copy it again")
        case CJPEG_COLORS where error.code == 4:
            .request("image \(path) has the colours of print (CMYK), which are not supported: save it as RGB or grey")
        case CJPEG_COLORS:
            .request(
                "image \(path) is a JPEG of \(error.code) channels that are neither grey nor RGB, which is not supported: "
                    + "save it as TIFF")
        case CJPEG_PRECISION:
            unsupported(path, "is a JPEG with samples of \(error.code) bits")
        case CJPEG_PROCESS:
            unsupported(path, "is \(process(error.code))", codec: error.code == 0xF7 ? ", codec='jpegls'" : "")
        default:
            .request("image \(path) is damaged: \(text(of: error)); copy it or save it again")
        }
    }

    /// What the marker of a frame says of how it is coded (ISO/IEC 10918-1, table B.1).
    static func process(_ marker: Int32) -> String {
        switch marker {
        case 0xC3, 0xC7: "a lossless JPEG"
        case 0xCB, 0xCF: "a lossless JPEG with arithmetic coding"
        case 0xC5, 0xC6, 0xCD, 0xCE: "a hierarchical JPEG"
        case 0xC9, 0xCA: "a JPEG with arithmetic coding"
        case 0xF7: "a JPEG-LS file"
        default: "a JPEG of an unknown kind (marker \(marker))"
        }
    }

    private static func unsupported(_ path: String, _ what: String, codec: String = "") -> Failure {
        .request(
            "image \(path) \(what), which is not supported: save it as TIFF, as does python -c \"import imagecodecs, "
                + "tifffile; tifffile.imwrite('OUT.tif', imagecodecs.imread('IN.jpg'\(codec)), compression='zlib')\"")
    }

    private static func text(of error: cjpeg_error) -> String {
        withUnsafePointer(to: error) { String(cString: cjpeg_error_text($0)) }
    }
}
