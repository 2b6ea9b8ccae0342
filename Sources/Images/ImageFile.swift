import Support

/// Image files of every kind that is supported, told apart by how they begin and not by their names.
public enum ImageFile {
    /// The extensions of image files in a folder, in small letters.
    public static let extensions = ["png", "tif", "tiff", "jpg", "jpeg"]

    /// Whether a file of this name is taken for an image where a folder is listed: by its extension, one of `allowed` in
    /// small or capital letters. Hidden files are not.
    public static func isNamedImage(_ name: String, allowed: [String] = extensions) -> Bool {
        guard !name.hasPrefix("."), let found = fileExtension(of: name) else { return false }
        return allowed.contains(found.lowercased())
    }

    /// The extension of an image's name, without its dot; nil where it is none of `extensions`.
    static func fileExtension(of name: String) -> Substring? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        let found = name[name.index(after: dot)...]
        return extensions.contains(found.lowercased()) ? found : nil
    }

    /// How many images a file holds, one after another: 1 but for TIFF stacks.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no image, or damaged at its beginning.
    public static func pages(_ path: String) throws -> Int {
        switch try kind(of: path) {
        case .png, .jpeg: 1
        case .tiff: try TIFF.pages(path)
        }
    }

    /// The images of a file, each by the numbers of the pages that are its channels, in their order.
    ///
    /// Throws `Failure.request` where `pages` does, and for `.auto` where a TIFF's metadata do not fit its pages.
    package static func images(_ path: String, _ meaning: PageMeaning) throws -> [[Int]] {
        switch try kind(of: path) {
        case .png, .jpeg: [[0]]
        case .tiff: try TIFF.images(path, meaning)
        }
    }

    /// The size and kind of a page (from 0), without its pixels.
    ///
    /// Throws `Failure.request` where the file is missing, unreadable, no image or damaged, or has no such page.
    public static func readHeader(_ path: String, page: Int = 0) throws -> ImageHeader {
        switch try kind(of: path, page: page) {
        case .png: try PNG.readHeader(path)
        case .jpeg: try JPEG.readHeader(path)
        case .tiff: try TIFF.readHeader(path, page: page)
        }
    }

    /// A page (from 0), decoded whole.
    ///
    /// Throws `Failure.request` where `readHeader` does, and where the page is truncated, damaged or too large.
    public static func read(
        _ path: String, page: Int = 0, as meaning: SampleMeaning = .light
    ) throws -> RasterImage {
        switch try kind(of: path, page: page) {
        case .png: try PNG.read(path, as: meaning)
        case .jpeg: try JPEG.read(path)
        case .tiff: try TIFF.read(path, page: page, as: meaning)
        }
    }

    // MARK: - Kinds

    /// What a file is.
    public enum Kind: Sendable {
        case png
        case jpeg
        case tiff
    }

    /// What the file at `path` is by its first bytes.
    ///
    /// Throws `Failure.request` where it is missing, unreadable or no image.
    public static func kind(of path: String) throws -> Kind {
        let bytes = try open(path).bytes(at: 0, count: ForeignFormat.bytesNeeded)
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return .png }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        // 42 or, in BigTIFF, 43, in either byte order.
        let tiffs: [[UInt8]] = [
            [0x49, 0x49, 0x2A, 0], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2A], [0x4D, 0x4D, 0, 0x2B],
        ]
        if tiffs.contains(Array(bytes.prefix(4))) { return .tiff }
        guard !bytes.isEmpty else { throw Failure.request("image \(path) is empty: copy it again or remove it") }
        if let other = ForeignFormat(bytes) {
            throw Failure.request("image \(path) \(other.name), which is not supported: \(other.advice)")
        }
        throw Failure.request("image \(path) is neither PNG nor TIFF nor JPEG: convert it to PNG or remove it")
    }

    private static func kind(of path: String, page: Int) throws -> Kind {
        let kind = try kind(of: path)
        guard page == 0 || kind == .tiff else {
            throw Failure.request("image \(path) has no page \(page): only TIFF files have several; correct the number")
        }
        return kind
    }

    /// An image file, open for reading.
    static func open(_ path: String) throws -> InputFile { try InputFile(path, called: "image \(path)") }
}
