import Diagnostics
import Foundation
import Segmentation

/// An image to be predicted: a file, or a page of a TIFF stack.
struct PredictionInput: Codable, Sendable {
    let path: String
    /// From 0.
    let page: Int
    /// What its results' names begin with: the file's without extension, and the page's number in a stack.
    let stem: String
    let width: Int
    let height: Int
    /// A palette counts as three.
    let channels: Int

    var pixels: Int { width * height }

    /// The images of a folder in the order of their names, or those of the one file.
    static func list(_ path: String) throws -> [PredictionInput] {
        try files(path).flatMap { file in
            let stem = ((file as NSString).lastPathComponent as NSString).deletingPathExtension
            return try ImagePage.all(ofFile: file).map { image in
                let header = try image.readHeader()
                return PredictionInput(
                    path: file, page: image.page ?? 0, stem: image.stem(ofFile: stem),
                    width: header.width, height: header.height, channels: header.pictureChannels)
            }
        }
    }

    /// The image files of a folder in the order of their names, or the one file.
    private static func files(_ path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure.request("--input \(path) does not exist: name an image or a folder of images")
        }
        return isFolder.boolValue ? try ImageFolder.files(path, of: "--input") : [path]
    }
}
