internal import CTIFF
import Glibc
import Support
import Synchronization

/// Where the pages of a file are. Each directory is found from the one before it: of the file that was asked for last they
/// are remembered, so that a long stack that is read page by page is not gone through from its beginning each time.
struct TIFFPages {
    struct Page {
        /// Of the page's directory.
        let directory: UInt64
        /// Bytes by which its pixels lie behind those that the directory names.
        let shift: UInt64
    }

    let pages: [Page]
    /// Whether the pages after the first have no directory of their own.
    let isOneRun: Bool
    /// The page of a directory, by its number in the file's chain, overviews and masks counted.
    let pageOfDirectory: [UInt64: Int]
    /// Directories of that chain.
    let directories: Int
    /// ImageDescription of the first page.
    let description: String?
    /// Samples a pixel of the first page; 0 where it has no description.
    let samples: Int

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

    /// Images that a claim may be of: a file that takes no space on the disk may be long enough for any number.
    private static let mostImages = 1 << 22

    private static let last = Mutex<(file: File, pages: TIFFPages)?>(nil)

    init(_ path: String) throws {
        let file = File(path)
        if let file, let known = Self.last.withLock({ $0?.file == file ? $0?.pages : nil }) {
            self = known
            return
        }
        try self.init(searching: path)
        if let file { Self.last.withLock { [self] in $0 = (file, self) } }
    }

    private init(searching path: String) throws {
        var found = ctiff_pages()
        var error = ctiff_error()
        defer { ctiff_free_pages(&found) }
        let file = try ImageFile.open(path)
        guard ctiff_find_pages(file.descriptor, &found, &error) == CTIFF_DONE else {
            throw TIFF.failure(reading: path, error)
        }
        guard let first = found.pages, found.count > 0 else {
            throw Failure.request("image \(path) holds overviews or masks alone: save the image itself")
        }
        let chain = Array(UnsafeBufferPointer(start: first, count: found.count))
        directories = Int(found.directories)
        pageOfDirectory = Dictionary(uniqueKeysWithValues: chain.enumerated().map { ($1.number, $0) })
        var pages = chain.map { Page(directory: $0.offset, shift: 0) }
        var isOneRun = false
        var description: String?
        var samples = 0
        if found.is_described != 0 {
            var header = ctiff_header()
            // What is damaged is told when the page itself is read.
            if let reader = ctiff_open(try ImageFile.open(path).release(), pages[0].directory, 0, &header, &error) {
                defer { ctiff_close(reader) }
                description = ctiff_description(reader).map { String(cString: $0) }
                samples = Int(header.samples)
                if let claim = TIFFStackClaim(header, description: description), claim.images > pages.count {
                    pages = try Self.run(of: claim, path, pages, reader)
                    isOneRun = true
                }
            } else if error.status == CTIFF_SYSTEM {
                throw TIFF.failure(reading: path, error)
            }
        }
        self.pages = pages
        self.isOneRun = isOneRun
        self.description = description
        self.samples = samples
    }

    /// The pages that lie behind each other without directories of their own.
    private static func run(
        of claim: TIFFStackClaim, _ path: String, _ pages: [Page], _ reader: OpaquePointer
    ) throws -> [Page] {
        let found = pages.count == 1 ? "1 page" : "\(pages.count) pages"
        func refuse(_ reason: String) -> Failure {
            .request(
                "image \(path) has \(found), and \(claim.source) says that it holds \(claim.images) images, but \(reason): "
                    + "copy it or save it again, or if \(found) is all, take the claim out: \(claim.removal) \(path)")
        }
        var (start, bytes) = (UInt64(0), UInt64(0))
        guard ctiff_run(reader, &start, &bytes) != 0 else {
            throw refuse("they are compressed or not in one piece, so that the others cannot be found")
        }
        guard claim.images <= mostImages else { throw refuse("more than \(mostImages) are not read") }
        let (all, overflows) = bytes.multipliedReportingOverflow(by: UInt64(claim.images))
        let end = ctiff_file_bytes(reader)
        guard !overflows, start <= end, all <= end - start else {
            throw refuse("the file is too short for them")
        }
        for (index, page) in pages.enumerated() {
            guard !(start..<start + all).contains(page.directory) else {
                throw refuse("the file's directory lies where they should be")
            }
            guard index > 0 else { continue }
            var header = ctiff_header()
            var error = ctiff_error()
            var (ownStart, ownBytes) = (UInt64(0), UInt64(0))
            guard let own = ctiff_open(try ImageFile.open(path).release(), page.directory, 0, &header, &error) else {
                throw TIFF.failure(reading: "\(path) (page \(index))", error)
            }
            defer { ctiff_close(own) }
            guard ctiff_run(own, &ownStart, &ownBytes) != 0, ownBytes == bytes,
                ownStart == start + UInt64(index) * bytes
            else { throw refuse("page \(index) does not lie where it should") }
        }
        return (0..<claim.images).map { Page(directory: pages[0].directory, shift: UInt64($0) * bytes) }
    }

    /// The images that the file's own metadata tell of, each by the pages of its channels; each page, where they do not.
    func imagesByMetadata(_ path: String) throws -> [[Int]] {
        let single = pages.indices.map { [$0] }
        guard let description else { return single }
        if let imageJ = ImageJDescription(description) {
            return try imageJ.images(pages: pages.count, samples: samples, path: path)
        }
        if OMEMetadata.isOME(description) {
            return try OMEMetadata(description, path: path).images(of: self, path: path)
        }
        return single
    }
}

/// What a file says of images that have no directory of their own: their number, and who says so.
private struct TIFFStackClaim {
    let images: Int
    let source: String
    /// The command that takes the claim out of a file that holds its pages alone.
    var removal = "tiffset -s 270 \"\""

    init?(_ header: ctiff_header, description: String?) {
        if header.depth > 1 {
            (images, source, removal) = (Int(header.depth), "ImageDepth", "tiffset -u 32997")
        } else if header.metamorph_planes > 1 {
            (images, source, removal) = (Int(header.metamorph_planes), "MetaMorph's UIC2", "tiffset -u 33629")
        } else if let description, let imageJ = ImageJDescription(description) {
            let samples = Int(header.samples)
            // Bio-Formats counts the samples of a pixel as images too.
            let isOfSamples = samples > 1 && imageJ.channels == samples
            (images, source) = (imageJ.count / (isOfSamples ? samples : 1), "ImageJ's description")
        } else if let description, let count = Self.truncated(description, header) {
            (images, source) = (count, "tifffile's description")
        } else {
            return nil
        }
    }

    /// The images of a series of which tifffile wrote the first directory alone: `{"shape": [5, 40, 48], "truncated": true}`.
    private static func truncated(_ description: String, _ header: ctiff_header) -> Int? {
        let text = description.filter { !$0.isWhitespace }
        guard text.hasPrefix("{"), text.contains("\"truncated\":true"), let key = text.range(of: "\"shape\":[") else {
            return nil
        }
        let sides = text[key.upperBound...].prefix { $0 != "]" }.split(separator: ",").map { Int($0) }
        var count = 1
        for side in sides {
            guard let side, side > 0, !count.multipliedReportingOverflow(by: side).overflow else { return nil }
            count *= side
        }
        let (pixels, overflows) = Int(header.width).multipliedReportingOverflow(by: Int(header.height))
        let (page, overflow) = pixels.multipliedReportingOverflow(by: Int(header.samples))
        return !overflows && !overflow && count % page == 0 ? count / page : nil
    }
}
