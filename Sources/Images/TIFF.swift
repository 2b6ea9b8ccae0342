internal import CTIFF
import Glibc
import Support
import Synchronization

/// TIFF files (TIFF 6.0, and BigTIFF) through libtiff: one page or many, in strips or tiles, with the samples of a pixel
/// side by side or apart, in the usual compressions.
///
/// Samples may be unsigned integers of 1 to 16 bits, or of 32 and 64, signed ones of 8 to 64, and floating-point of 16 to
/// 64; any number of them a pixel. Photometric MinIsWhite is inverted, samples that ExtraSamples declares to be alpha
/// are dropped, of a palette image the indices are kept. Overviews and masks of other pages are no pages.
public enum TIFF {
    /// How many pages a file has, at least 1.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no TIFF, cut short, or goes round in circles.
    public static func pages(_ path: String) throws -> Int { try TIFFPages(path).offsets.count }

    /// The size and kind of a page (from 0), without its pixels.
    ///
    /// Throws `Failure.request` where `pages` does, where there is no such page, and for kinds that are not supported.
    public static func readHeader(_ path: String, page: Int = 0) throws -> ImageHeader {
        try TIFFReader(path, page: page).header
    }

    /// A page (from 0), decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the page is truncated, damaged, or too large.
    public static func read(_ path: String, page: Int = 0) throws -> RasterImage {
        let reader = try TIFFReader(path, page: page)
        let header = reader.header
        // As many bytes as the largest PNG.
        let most = header.isFloat ? PNG.mostSamples / 2 : PNG.mostSamples
        let (pixels, overflows) = header.width.multipliedReportingOverflow(by: header.height)
        guard !overflows, pixels <= most / header.channels else {
            throw Failure.request(
                "image \(reader.name) claims \(header.width)×\(header.height) pixels, and more than \(most) samples are "
                    + "not supported: cut it into smaller ones")
        }
        return try reader.readRows(0..<header.height)
    }

    static func failure(reading name: String, _ error: ctiff_error) -> Failure {
        switch error.status {
        case CTIFF_SYSTEM where error.code == ENOENT:
            .request("image \(name) does not exist: correct the path")
        case CTIFF_SYSTEM:
            .request("image \(name) cannot be read: \(Failure.systemReason(error.code))")
        case CTIFF_NOT_TIFF:
            .request("image \(name) is not a TIFF file: convert it to TIFF or PNG, or remove it")
        case CTIFF_TRUNCATED:
            .request("image \(name) is cut short: the file ends before the image does; copy it again")
        case CTIFF_LOOP:
            .request("image \(name) is damaged: its pages go round in a circle; copy it or save it again")
        default:
            .request("image \(name) is damaged: \(text(of: error)); copy it or save it again")
        }
    }

    static func text(of error: ctiff_error) -> String {
        let text = withUnsafePointer(to: error) { String(cString: ctiff_error_text($0)) }
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// Where the pages of a file are. Each is found from the one before it: of the file that was asked for last they are
/// remembered, so that a long stack that is read page by page is not gone through from its beginning each time.
struct TIFFPages {
    let offsets: [UInt64]

    /// A file as it was when its pages were found.
    private struct File: Equatable {
        let path: String
        let bytes: Int
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.path = path
            bytes = Int(status.st_size)
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }
    }

    private static let last = Mutex<(file: File, offsets: [UInt64])?>(nil)

    init(_ path: String) throws {
        let file = File(path)
        if let file, let known = Self.last.withLock({ $0?.file == file ? $0?.offsets : nil }) {
            offsets = known
            return
        }
        offsets = try Self.find(path)
        if let file { Self.last.withLock { [offsets] in $0 = (file, offsets) } }
    }

    private static func find(_ path: String) throws -> [UInt64] {
        var pages = ctiff_pages()
        var error = ctiff_error()
        defer { ctiff_free_pages(&pages) }
        guard ctiff_find_pages(path, &pages, &error) == CTIFF_DONE else {
            throw TIFF.failure(reading: path, error)
        }
        guard let offsets = pages.offsets, pages.count > 0 else {
            throw Failure.request("image \(path) holds overviews or masks alone: save the image itself")
        }
        return Array(UnsafeBufferPointer(start: offsets, count: pages.count))
    }
}

/// What a TIFF says of its image beside the pixels, and a picture made from it should say too.
public struct TIFFTags: Sendable, Equatable {
    public enum ResolutionUnit: UInt16, Sendable {
        case none = 1
        case inch = 2
        case centimetre = 3
    }

    /// Pixels a unit, across and down (XResolution, YResolution).
    public var resolution: (x: Float, y: Float)?
    public var resolutionUnit: ResolutionUnit
    /// ImageDescription.
    public var description: String?

    public init(
        resolution: (x: Float, y: Float)? = nil, resolutionUnit: ResolutionUnit = .inch, description: String? = nil
    ) {
        self.resolution = resolution
        self.resolutionUnit = resolutionUnit
        self.description = description
    }

    public static func == (a: TIFFTags, b: TIFFTags) -> Bool {
        a.resolution?.x == b.resolution?.x && a.resolution?.y == b.resolution?.y
            && a.resolutionUnit == b.resolutionUnit && a.description == b.description
    }
}
