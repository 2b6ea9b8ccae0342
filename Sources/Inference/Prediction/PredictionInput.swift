import Datasets
import Foundation
import Images
import Kernels
import Support

/// What is predicted into files of its own: an image, alone in its file or one of a TIFF stack, or all images of a stack.
struct PredictionInput: Codable, Sendable {
    /// One, or all of a stack in their order.
    let images: [ImagePage]
    /// Of each image; a palette counts as three channels.
    private let extents: [[Int]]
    /// What its results' names begin with: the file's without extension, and the image's number where it is one of a stack.
    let stem: String
    /// The file's name without extension.
    let fileStem: String
    let file: FileState

    private init(_ images: [ImagePage], stem: String, fileStem: String, _ file: FileState) throws {
        self.images = images
        self.stem = stem
        self.fileStem = fileStem
        self.file = file
        extents = try images.map { image in
            let header = try image.readHeader()
            return [header.height, header.width, header.pictureChannels]
        }
    }

    var path: String { images[0].path }
    var sizes: [ImageShape] { extents.map { ImageShape($0[0], $0[1], $0[2]) } }
    /// Of all images.
    var pixels: Int { sizes.reduce(0) { $0 + $1.pixels } }
    var isStack: Bool { images.count > 1 }
    /// The names of each image's own files.
    var imageNames: [PredictionNames] { images.map { PredictionNames($0.stem(ofFile: fileStem)) } }

    /// What tells an image's file from others, and from what it was at another time.
    struct FileState: Codable, Hashable, Sendable {
        /// Without links.
        let path: String
        let bytes: Int
        /// Seconds since 1970.
        let modified: Double

        init(of path: String) throws {
            var status = stat()
            guard stat(path, &status) == 0 else { throw InputFile.failure(errno, called: path) }
            self.path = realPath(path)
            bytes = Int(status.st_size)
            modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
        }
    }

    /// The images of a folder, or of the files that match a path with wildcards, in the order of their names; or those of
    /// the one file.
    ///
    /// - Parameters:
    ///   - pages: what the pages of a TIFF file are.
    ///   - joiningStacks: whether all images of a file are one input.
    static func list(_ path: String, pages: PageMeaning, joiningStacks: Bool) throws -> [PredictionInput] {
        let files = try SampleSource.files(path, of: "--input")
        // A folder may hold two files of one stem, a mistake that has its own error.
        let stems =
            Set(files.map { ($0 as NSString).deletingLastPathComponent }).count > 1
            ? SampleSource.stems(ofPaths: files)
            : files.map(ImagePage.stem(ofPath:))
        return try zip(files, stems).flatMap { file, stem in
            let state = try FileState(of: file)
            let images = try ImagePage.all(ofFile: file, pages: pages)
            if joiningStacks { return [try PredictionInput(images, stem: stem, fileStem: stem, state)] }
            return try images.map {
                try PredictionInput([$0], stem: $0.stem(ofFile: stem), fileStem: stem, state)
            }
        }
    }
}
