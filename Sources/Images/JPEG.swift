internal import CJPEG
import Glibc
import Support

/// JPEG files (ISO/IEC 10918) through libjpeg: grey and RGB of 8 bits. What a camera says of turning the picture is
/// ignored.
public enum JPEG {
    /// The size and kind of the image at `path`, without its pixels.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no JPEG, damaged in its header or neither grey
    /// nor RGB.
    public static func readHeader(_ path: String) throws -> ImageHeader {
        let (reader, header) = try open(path)
        cjpeg_close(reader)
        return header
    }

    /// The image at `path`, decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the file is truncated or damaged.
    public static func read(_ path: String) throws -> RasterImage {
        let (reader, header) = try open(path)
        defer { cjpeg_close(reader) }
        // The sides have 16 bits in the file, so that 12 GiB is the most that a few bytes can claim.
        let count = header.width * header.height * header.channels
        guard count <= PNG.mostSamples else {
            throw Failure.request(
                "image \(path) claims \(header.width)×\(header.height) pixels, and more than \(PNG.mostSamples) samples "
                    + "are not supported: cut it into smaller ones")
        }
        let samples = try [UInt16](widening: count) { bytes in
            var error = cjpeg_error()
            guard cjpeg_read(reader, bytes, &error) == CJPEG_DONE else { throw failure(reading: path, error) }
        }
        return RasterImage(width: header.width, height: header.height, channels: header.channels, samples: samples)
    }

    private static func open(_ path: String) throws -> (reader: OpaquePointer, header: ImageHeader) {
        var header = cjpeg_header()
        var error = cjpeg_error()
        guard let reader = cjpeg_open(path, &header, &error) else { throw failure(reading: path, error) }
        return (
            reader,
            ImageHeader(width: Int(header.width), height: Int(header.height), channels: Int(header.channels))
        )
    }

    private static func failure(reading path: String, _ error: cjpeg_error) -> Failure {
        switch error.status {
        case CJPEG_SYSTEM where error.code == ENOENT:
            .request("image \(path) does not exist: correct the path")
        case CJPEG_SYSTEM:
            .request("image \(path) cannot be read: \(Failure.systemReason(error.code))")
        case CJPEG_NOT_JPEG:
            .request("image \(path) is not a JPEG file: convert it to PNG or remove it")
        case CJPEG_TRUNCATED:
            .request("image \(path) is cut short: the file ends before the image does; copy it again")
        case CJPEG_COLORS:
            .request("image \(path) has the colours of print (CMYK), which are not supported: save it as RGB or grey")
        default:
            .request("image \(path) is damaged: \(text(of: error)); copy it or save it again")
        }
    }

    private static func text(of error: cjpeg_error) -> String {
        withUnsafePointer(to: error) { String(cString: cjpeg_error_text($0)) }
    }
}
