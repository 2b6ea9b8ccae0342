import Foundation
import Images
import Support

/// An image of a file: its only one, a page of a TIFF stack, or several pages that are its channels.
public struct ImagePage: Hashable, Sendable, Codable {
    public let path: String
    /// The image's number in its file, from 0; nil where the file holds this image alone.
    public let page: Int?
    /// The file's pages that are the image's channels, where they are not its page alone.
    package let channelPages: [Int]?

    public init(_ path: String, page: Int? = nil) {
        self.path = path
        self.page = page
        channelPages = nil
    }

    /// - Parameter pages: of the file, that are its channels.
    private init(_ path: String, page: Int?, pages: [Int]) {
        self.path = path
        self.page = page
        channelPages = pages == [page ?? 0] ? nil : pages
    }

    /// The images of a file, in their order.
    ///
    /// - Parameter meaning: what the pages of a TIFF are (`data.pages`).
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no image, or damaged at its beginning, and where
    /// its metadata do not fit its pages.
    public static func all(ofFile path: String, pages meaning: PageMeaning = .auto) throws -> [ImagePage] {
        all(ofFile: path, try ImageFile.images(path, meaning))
    }

    /// The label images of a file, in their order. They have one value a pixel: each page is one.
    ///
    /// - Parameter meaning: what the pages of images are; their order, which metadata may give, is that of labels too.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no image, or damaged at its beginning.
    public static func labels(ofFile path: String, pages meaning: PageMeaning = .auto) throws -> [ImagePage] {
        if meaning != .images, let images = try? ImageFile.images(path, .auto), images.allSatisfy({ $0.count == 1 }) {
            return all(ofFile: path, images)
        }
        return try all(ofFile: path, pages: .images)
    }

    /// Whether a file says that its pages are channels of images: of labels, which have one value a pixel, a mistake.
    static func areChannels(_ path: String) -> Bool {
        (try? ImageFile.images(path, .auto))?.contains { $0.count > 1 } == true
    }

    private static func all(ofFile path: String, _ images: [[Int]]) -> [ImagePage] {
        images.count == 1
            ? [ImagePage(path, page: nil, pages: images[0])]
            : images.enumerated().map { ImagePage(path, page: $0, pages: $1) }
    }

    /// The file's pages that hold the image's channels.
    private var pages: [Int] { channelPages ?? [page ?? 0] }

    /// What errors call the image.
    public var name: String { page.map { "\(path) (\(channelPages == nil ? "page" : "image") \($0))" } ?? path }

    /// What results of this image are called where those of its file are called `stem`: with the image's number, at least
    /// four digits, in a stack.
    public func stem(ofFile stem: String) -> String {
        page.map { "\(stem)-\(zeroPadded($0, digits: 4))" } ?? stem
    }

    /// Its size and kind, without its pixels.
    ///
    /// Throws `Failure.request` where the file cannot be read, and where its channels are of unlike sizes or kinds.
    public func readHeader() throws -> ImageHeader {
        try joined(pages.map { try ImageFile.readHeader(path, page: $0) })
    }

    /// The image, decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the image is truncated, damaged or too large.
    public func read(as meaning: SampleMeaning = .light) throws -> RasterImage {
        guard pages.count > 1 else { return try ImageFile.read(path, page: pages[0], as: meaning) }
        _ = try readHeader()
        return .joiningChannels(try pages.map { try ImageFile.read(path, page: $0, as: meaning) })
    }

    /// Pixels above which a PNG is decoded in parts, once for each pass over it, and not held in memory.
    private static let mostPixelsInMemory = 1 << 24

    /// The image, to be read by bands of rows: a large one is decoded in parts, unless it is a JPEG, interlaced or turned.
    ///
    /// Throws `Failure.request` where `readHeader` does.
    public func rows() throws -> any ImageRows {
        switch try ImageFile.kind(of: path) {
        case .tiff where pages.count > 1:
            let readers = try pages.map { try TIFFReader(path, page: $0, cacheBytes: (64 << 20) / pages.count) }
            return ChannelRows(readers, try joined(readers.map(\.header)))
        case .tiff:
            return TIFFRows(try TIFFReader(path, page: pages[0]))
        case .png:
            guard let reader = try PNGReader(path),
                reader.header.width * reader.header.height > Self.mostPixelsInMemory
            else { break }
            return PNGRows(reader)
        case .jpeg:
            break
        }
        return RasterRows(try read())
    }

    /// The header of an image of these channels.
    private func joined(_ headers: [ImageHeader]) throws -> ImageHeader {
        let first = headers[0]
        guard headers.count > 1 else { return first }
        func size(_ header: ImageHeader) -> String {
            "\(header.width)×\(header.height) pixels of \(header.channels) samples up to \(header.maximum)"
        }
        for (page, header) in zip(pages, headers)
        where (header.width, header.height, header.channels) != (first.width, first.height, first.channels)
            || header.maximum != first.maximum || header.isFloat != first.isFloat
        {
            throw Failure.request(
                "image \(name) has channels that are unlike: page \(pages[0]) has \(size(first)), page \(page) "
                    + "\(size(header)): save them alike, or set data.pages: images if each page is an image")
        }
        return ImageHeader(
            width: first.width, height: first.height, channels: first.channels * headers.count, maximum: first.maximum,
            isFloat: first.isFloat, alphaSamples: first.alphaSamples * headers.count,
            isLossy: headers.contains(where: \.isLossy))
    }

    /// What to do where an image has fewer channels than are wanted since its file declares the missing ones to be alpha;
    /// nil where that is not the reason.
    package func adviceOnAlpha(channels: Int, wanted: Int) -> String? {
        guard channels < wanted, let header = try? readHeader(), header.channels == channels,
            channels + header.alphaSamples == wanted
        else { return nil }
        let samples = header.alphaSamples == 1 ? "1 sample a pixel" : "\(header.alphaSamples) samples a pixel"
        return
            "the file declares \(samples) to be transparency (alpha), which is left out; if it is a channel, save it as one: "
            + "tifffile.imwrite('OUT.tif', tifffile.imread('IN.tif'), photometric='rgb', extrasamples=['unspecified'])"
    }

    /// A file's name without folder and extension.
    package static func stem(ofPath path: String) -> String {
        withoutExtension((path as NSString).lastPathComponent)
    }

    /// A path without its extension, `.ome.tif` counting as one, and so `.ome.png`, which is made from it.
    package static func withoutExtension(_ path: String) -> String {
        let rest = (path as NSString).deletingPathExtension
        guard (rest as NSString).pathExtension.lowercased() == "ome" else { return rest }
        return (rest as NSString).deletingPathExtension
    }
}
