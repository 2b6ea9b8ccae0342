import Foundation
import Images
import Support

/// An image of a file: its only one, or a page of a TIFF stack.
public struct ImagePage: Hashable, Sendable, Codable {
    public let path: String
    /// From 0; nil where the file holds this image alone.
    public let page: Int?

    public init(_ path: String, page: Int? = nil) {
        self.path = path
        self.page = page
    }

    /// The images of a file, in their order.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no image, or damaged at its beginning.
    public static func all(ofFile path: String) throws -> [ImagePage] {
        let count = try ImageFile.pages(path)
        return count == 1 ? [ImagePage(path)] : (0..<count).map { ImagePage(path, page: $0) }
    }

    /// What errors call the image.
    public var name: String { page.map { "\(path) (page \($0))" } ?? path }

    /// What results of this image are called where those of its file are called `stem`: with the page's number, at least
    /// four digits, in a stack.
    public func stem(ofFile stem: String) -> String {
        page.map { "\(stem)-\(zeroPadded($0, digits: 4))" } ?? stem
    }

    /// Its size and kind, without its pixels.
    public func readHeader() throws -> ImageHeader { try ImageFile.readHeader(path, page: page ?? 0) }

    /// The image, decoded whole.
    public func read(as meaning: SampleMeaning = .light) throws -> RasterImage {
        try ImageFile.read(path, page: page ?? 0, as: meaning)
    }

    /// A file's name without folder and extension.
    package static func stem(ofPath path: String) -> String {
        ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    }
}
