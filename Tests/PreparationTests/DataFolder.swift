import Foundation
import Images
import Support
import TestSupport
import Testing

/// Small images and labels in a folder of a test's own.
struct DataFolder {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    var path: String { folder.path }

    private func place(_ name: String) throws -> String {
        let path = folder.path(name)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        return path
    }

    /// Grey samples, row by row, as a PNG, or as a palette PNG.
    func grey(_ name: String, _ width: Int = 4, _ samples: [UInt16] = Array(0..<16), palette: [RGBColor]? = nil) throws
    {
        try PNG.write(
            RasterImage(
                width: width, height: samples.count / width, channels: 1, maximum: 255, samples: samples,
                palette: palette), to: place(name))
    }

    /// A picture of one colour a pixel.
    func colors(_ name: String, _ width: Int, _ colors: [RGBColor]) throws {
        let samples = colors.flatMap { [UInt16($0.red), UInt16($0.green), UInt16($0.blue)] }
        try PNG.write(
            RasterImage(width: width, height: colors.count / width, channels: 3, samples: samples), to: place(name))
    }

    /// Files of one pixel each.
    func pixels(_ names: String...) throws { for name in names { try grey(name, 1, [0]) } }

    func tiff(_ name: String, _ pages: TinyTIFF.Page...) throws {
        try folder.write(TinyTIFF.data(pages), to: name)
    }
}

/// Expects a failure of the request whose one line holds every part.
func expectFailure<T>(
    _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, of work: () throws -> T
) {
    let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { _ = try work() }
    guard let failure else { return }
    #expect(failure.kind == .request, sourceLocation: sourceLocation)
    #expect(!failure.message.contains("\n") && !failure.message.hasSuffix("."), sourceLocation: sourceLocation)
    for part in parts {
        #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: sourceLocation)
    }
}
