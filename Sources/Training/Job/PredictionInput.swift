import Diagnostics
import Foundation
import Images

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
            let pages = try ImageFile.pages(file)
            let stem = ((file as NSString).lastPathComponent as NSString).deletingPathExtension
            return try (0..<pages).map { page in
                let header = try ImageFile.readHeader(file, page: page)
                return PredictionInput(
                    path: file, page: page, stem: pages == 1 ? stem : "\(stem)-\(zeroPadded(page, digits: 4))",
                    width: header.width, height: header.height, channels: header.pictureChannels)
            }
        }
    }

    /// The image files of a folder in the order of their names, or the one file.
    static func files(_ path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure.request("--input \(path) does not exist: name an image or a folder of images")
        }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let files = names.filter(ImageFile.isNamedImage).sorted()
        guard !files.isEmpty else {
            throw Failure.request("--input \(path) holds no image: .\(ImageFile.extensions.joined(separator: ", ."))")
        }
        return files.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }
}
