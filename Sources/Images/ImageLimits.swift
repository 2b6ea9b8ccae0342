import Glibc
import Support

/// Bounds of images that are decoded whole, judged by what their headers claim before any memory is taken: a file of a few
/// kB may unpack to gigabytes. Images that are read by bands of rows have none but that a band must fit.
package enum ImageLimits {
    /// The variable that sets the most pixels.
    package static let variable = "LOCKSTEP_MAX_PIXELS"
    /// The most pixels where the variable is not set: 16384×16384.
    static let usualPixels = 1 << 28

    /// Throws `Failure.request` where an image has more pixels than are allowed, or would not fit in memory.
    ///
    /// - Parameters:
    ///   - caller: what errors call the image, the beginning of their sentence.
    ///   - samples: of the image, alpha included if it is kept.
    ///   - besides: bytes that decoding takes beside them.
    static func checkWhole(_ caller: String, width: Int, height: Int, samples: Int, besides: Int = 0) throws {
        let most = try mostPixels()
        let (pixels, overflows) = width.multipliedReportingOverflow(by: height)
        guard !overflows, pixels <= most else {
            throw Failure.request(
                "\(caller) claims \(width)×\(height) pixels, and \(most) are the most of one that is decoded whole: cut it into "
                    + "smaller ones, or if it is meant so, allow more with \(variable)=\(overflows ? "NUMBER" : "\(pixels)")"
            )
        }
        // Two bytes a sample and one while it is decoded, and four of the tensor that is made of it.
        try MachineMemory.require(
            8 * Double(samples) + Double(besides), for: "\(caller) of \(width)×\(height) pixels",
            advice: "cut it into smaller ones")
    }

    private static func mostPixels() throws -> Int {
        guard let text = getenv(variable).map({ String(cString: $0) }), !text.isEmpty else { return usualPixels }
        guard let pixels = Int(text), pixels > 0 else {
            throw Failure.request("\(variable)=\(text): give a whole number of pixels, more than 0")
        }
        return pixels
    }
}
