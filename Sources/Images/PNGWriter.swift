internal import CPNG
import Support

extension PNG {
    /// Writes `image` to `path`: grey, RGB or palette, 8 bits a sample where `maximum` is at most 255, else 16.
    ///
    /// Samples are written as they are, so that packed grey (`maximum` 1, 3 or 15) keeps its values and comes back with
    /// a `maximum` of 255. The file is written under another name beside `path` and renamed when it is whole; an older
    /// file there is replaced.
    ///
    /// Throws `Failure.running` with the system's reason.
    public static func write(_ image: RasterImage, to path: String) throws {
        check(image)
        var file = try ImageOutput.begin(path)
        try encode(image, to: file.duplicate(), path: path)
        try file.keep()
    }

    private static func check(_ image: RasterImage) {
        precondition(image.channels == 1 || image.channels == 3, "a PNG of \(image.channels) channels")
        precondition(image.width > 0 && image.height > 0, "an image of \(image.height)×\(image.width) pixels")
        let largest = image.samples.withUnsafeBufferPointer { samples in
            var largest: UInt16 = 0
            for sample in samples { largest = max(largest, sample) }
            return largest
        }
        precondition(UInt64(largest) <= image.maximum, "a sample of \(largest) above the maximum, \(image.maximum)")
        if let palette = image.palette {
            precondition(image.channels == 1 && (1...256).contains(palette.count), "a palette of \(palette.count)")
            precondition(largest < palette.count, "colour \(largest) of a palette of \(palette.count)")
        }
    }

    private static func encode(_ image: RasterImage, to descriptor: Int32, path: String) throws {
        let isWide = image.maximum > 255 && image.palette == nil
        var header = cpng_header()
        header.width = UInt32(image.width)
        header.height = UInt32(image.height)
        header.bit_depth = isWide ? 16 : 8
        header.channels = UInt8(image.channels)
        header.is_palette = image.palette == nil ? 0 : 1
        header.palette_count = UInt16(image.palette?.count ?? 0)
        let colors = (image.palette ?? []).flatMap { [$0.red, $0.green, $0.blue] }
        var error = cpng_error()
        let status: cpng_status
        if isWide {
            status = image.samples.withUnsafeBytes {
                cpng_write(descriptor, &header, colors, $0.baseAddress!, &error)
            }
        } else {
            let bytes = narrowed(image.samples)
            status = cpng_write(descriptor, &header, colors, bytes, &error)
        }
        guard status == CPNG_DONE else {
            let reason = error.status == CPNG_SYSTEM ? Failure.systemReason(error.code) : text(of: error)
            throw ImageOutput.failure(writing: path, reason: reason)
        }
    }

    private static func narrowed(_ samples: [UInt16]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: samples.count) { buffer, filled in
            let out = buffer.baseAddress!
            samples.withUnsafeBufferPointer { samples in
                for i in 0..<samples.count { out[i] = UInt8(truncatingIfNeeded: samples[i]) }
            }
            filled = samples.count
        }
    }
}
