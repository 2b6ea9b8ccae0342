import Datasets
import Foundation
import Images
import Kernels
import Support

/// An image to be predicted: a file, or an image of a TIFF stack.
struct PredictionInput: Codable, Sendable {
    let image: ImagePage
    /// What its results' names begin with: the file's without extension, and the image's number in a stack.
    let stem: String
    let width: Int
    let height: Int
    /// A palette counts as three.
    let channels: Int
    let file: FileState

    var path: String { image.path }
    var pixels: Int { width * height }
    var size: ImageShape { ImageShape(height, width, channels) }

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
    /// - Parameter pages: what the pages of a TIFF file are.
    static func list(_ path: String, pages: PageMeaning) throws -> [PredictionInput] {
        let files = try SampleSource.files(path, of: "--input")
        // A folder may hold two files of one stem, a mistake that has its own error.
        let stems =
            Set(files.map { ($0 as NSString).deletingLastPathComponent }).count > 1
            ? SampleSource.stems(ofPaths: files)
            : files.map(ImagePage.stem(ofPath:))
        return try zip(files, stems).flatMap { file, stem in
            let state = try FileState(of: file)
            return try ImagePage.all(ofFile: file, pages: pages).map { image in
                let header = try image.readHeader()
                return PredictionInput(
                    image: image, stem: image.stem(ofFile: stem),
                    width: header.width, height: header.height, channels: header.pictureChannels, file: state)
            }
        }
    }
}
