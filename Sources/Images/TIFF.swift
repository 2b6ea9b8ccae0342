internal import CTIFF
import Support

/// TIFF files (TIFF 6.0, and BigTIFF) through libtiff: one page or many, in strips or tiles, with the samples of a pixel
/// side by side or apart, in the usual compressions.
///
/// Samples may be unsigned integers of 1 to 16 bits, or of 32 and 64, signed ones of 8 to 64, and floating-point of 16 to
/// 64; any number of them a pixel. Samples that ExtraSamples declares to be alpha are dropped, of a palette image the
/// indices are kept; read as `.light`, photometric MinIsWhite is inverted. Images are turned as Orientation says.
/// Overviews and masks of other pages are no pages; images without a directory of their own (ImageJ's large stacks) are.
public enum TIFF {
    /// How many pages a file has, at least 1.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no TIFF, cut short, or goes round in circles.
    public static func pages(_ path: String) throws -> Int { try TIFFPages(path).pages.count }

    /// The images of a file, each by the numbers of the pages that are its channels, in their order.
    ///
    /// Throws `Failure.request` where `pages` does, and for `.auto` where the file's metadata do not fit its pages.
    public static func images(_ path: String, _ meaning: PageMeaning) throws -> [[Int]] {
        let pages = try TIFFPages(path)
        return switch meaning {
        case .images: pages.pages.indices.map { [$0] }
        case .channels: [Array(pages.pages.indices)]
        case .auto: try pages.imagesByMetadata(path)
        }
    }

    /// The size and kind of a page (from 0), without its pixels.
    ///
    /// Throws `Failure.request` where `pages` does, where there is no such page, and for kinds that are not supported.
    public static func readHeader(_ path: String, page: Int = 0) throws -> ImageHeader {
        try TIFFReader(path, page: page).header
    }

    /// A page (from 0), decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the page is truncated, damaged, or too large.
    public static func read(
        _ path: String, page: Int = 0, as meaning: SampleMeaning = .light
    ) throws -> RasterImage {
        try TIFFReader(path, page: page, as: meaning).readAll()
    }

    static func failure(reading name: String, _ error: ctiff_error) -> Failure {
        switch error.status {
        case CTIFF_SYSTEM: InputFile.failure(error.code, called: "image \(name)")
        case CTIFF_NOT_TIFF:
            .request("image \(name) is not a TIFF file: convert it to TIFF or PNG, or remove it")
        case CTIFF_TRUNCATED:
            .request("image \(name) is cut short: the file ends before the image does; copy it again")
        case CTIFF_MANY:
            .request("image \(name) has more than \(error.code) pages: cut it into several files")
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
