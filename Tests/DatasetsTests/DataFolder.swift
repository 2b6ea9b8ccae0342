import Datasets
import Foundation
import Images
import Support
import TestSupport
import Testing

/// A new folder for images and labels that goes away with the value.
final class DataFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-\(UUID().uuidString)").path
        for name in ["images", "labels"] { try makeFolder(name) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var images: String { path + "/images" }
    var labels: String { path + "/labels" }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
    }

    /// Writes a file with any content and gives its path.
    @discardableResult func touch(_ name: String, bytes: Data = Data()) throws -> String {
        try bytes.write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }

    /// Writes grey samples as a PNG and gives its path.
    @discardableResult func grey(
        _ name: String, _ width: Int, _ samples: [UInt16], maximum: UInt16 = 255, palette: [RGBColor]? = nil
    ) throws -> String {
        let image = RasterImage(
            width: width, height: samples.count / width, channels: 1, maximum: maximum, samples: samples,
            palette: palette)
        try PNG.write(image, to: path + "/" + name)
        return path + "/" + name
    }

    /// Writes a PNG of one pixel, in a folder that is made if missing, and gives its path.
    @discardableResult func pixel(_ name: String) throws -> String {
        try makeFolder((name as NSString).deletingLastPathComponent)
        return try grey(name, 1, [0])
    }

    /// Writes a TIFF and gives its path.
    @discardableResult func tiff(_ name: String, _ pages: TinyTIFF.Page...) throws -> String {
        try touch(name, bytes: TinyTIFF.data(pages))
    }

    /// Writes a TIFF stack of so many pages of one pixel and gives its path.
    @discardableResult func stack(_ name: String, pages: Int) throws -> String {
        try makeFolder((name as NSString).deletingLastPathComponent)
        return try touch(name, bytes: TinyTIFF.data((0..<pages).map { TinyTIFF.Page(1, [UInt8($0 % 2)]) }))
    }

    /// Writes RGB samples as a PNG and gives its path.
    @discardableResult func rgb(_ name: String, _ width: Int, _ samples: [UInt16]) throws -> String {
        let image = RasterImage(width: width, height: samples.count / width / 3, channels: 3, samples: samples)
        try PNG.write(image, to: path + "/" + name)
        return path + "/" + name
    }

    /// Writes image and labels of one sample.
    @discardableResult func sample(_ stem: String, _ width: Int, image: [UInt16], labels: [UInt16]) throws -> SamplePair
    {
        SamplePair(
            stem: stem, image: ImagePage(try grey("images/\(stem).png", width, image)),
            labels: ImagePage(try grey("labels/\(stem).png", width, labels)))
    }
}

/// Expects a failure of the request whose one line holds every part.
func expectFailure<T>(
    _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, of work: () throws -> T
) {
    let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try work() }
    guard let failure else { return }
    #expect(failure.kind == .request, sourceLocation: sourceLocation)
    #expect(!failure.message.contains("\n") && !failure.message.hasSuffix("."), sourceLocation: sourceLocation)
    for part in parts {
        #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: sourceLocation)
    }
}
