import Foundation
import Images
import Support
import Testing

/// Reads the files that `Vectors/make_variants.py` made.
@Suite struct VariantTests {
    /// What reading a file must give, as the script notes it.
    struct Expectation: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let page: Int
        let pages: Int
        let width: Int
        let height: Int
        let channels: Int
        let maximum: UInt64
        let isFloat: Bool
        let isPalette: Bool
        let isWhiteZero: Bool
        let alphaSamples: Int
        let alpha: String?
        let alphaMaximum: UInt64?
        let numbers: String
        let light: String

        var testDescription: String { pages == 1 ? file : "\(file) (page \(page))" }

        static let all: [Expectation] = {
            let data = FileManager.default.contents(atPath: Vectors.path("variants.json")) ?? Data()
            return (try? JSONDecoder().decode([Expectation].self, from: data)) ?? []
        }()
    }

    static func path(_ name: String) -> String { Vectors.path("variants/\(name)") }

    private func digest(_ content: RasterImage.Content) -> String {
        let hash = SHA256()
        switch content {
        case .integers(let samples): samples.withUnsafeBytes { hash.update($0) }
        case .floats(let samples): samples.withUnsafeBytes { hash.update($0) }
        }
        return String(hash.finish().hexadecimal.prefix(16))
    }

    @Test func thereAreManyVariants() { #expect(Set(Expectation.all.map(\.file)).count > 90) }

    @Test(
        "Numbers are what the file stores, light is what a viewer shows, both turned as it says",
        arguments: Expectation.all)
    func variant(_ expected: Expectation) throws {
        let path = Self.path(expected.file)
        let header: ImageHeader
        do {
            header = try ImageFile.readHeader(path, page: expected.page)
        } catch let failure as Failure where failure.message.contains("is compressed with ") {
            // A libtiff that was built without that compression: refused by its name.
            #expect(["zstd.tif", "lerc.tif", "webp-lossless.tif", "signed32-big-endian.tif"].contains(expected.file))
            return
        }
        #expect(header.width == expected.width && header.height == expected.height)
        #expect(header.channels == expected.channels && header.maximum == expected.maximum)
        #expect(header.isFloat == expected.isFloat && header.isPalette == expected.isPalette)
        #expect(header.alphaSamples == expected.alphaSamples)
        #expect(try ImageFile.pages(path) == expected.pages)

        let numbers = try ImageFile.read(path, page: expected.page, as: .numbers)
        #expect(numbers.width == expected.width && numbers.height == expected.height)
        #expect(digest(numbers.content) == expected.numbers)
        #expect(numbers.isWhiteZero == expected.isWhiteZero)
        #expect(numbers.alpha.map { digest(.integers($0)) } == expected.alpha)
        if let maximum = expected.alphaMaximum { #expect(numbers.alphaMaximum == maximum) }

        let light = try ImageFile.read(path, page: expected.page)
        #expect(digest(light.expandingPalette().content) == expected.light)
        #expect(!light.isWhiteZero && light.alpha == nil)
    }

    @Test("A part of an image that must be turned is that of the turned image", arguments: 1...8)
    func parts(orientation: Int) throws {
        let path = Self.path("orientation\(orientation).tif")
        let whole = try TIFF.read(path)
        let reader = try TIFFReader(path, cacheBytes: 0)
        #expect(reader.header.width == whole.width && reader.header.height == whole.height)
        for (rows, columns) in [(0..<1, 0..<29), (3..<17, 5..<6), (28..<29, 0..<1)] {
            let part = try reader.readRows(rows, columns: columns)
            #expect(part == whole.cut(rows: rows, columns: columns))
            #expect(part.samples[0] == whole.samples[rows.lowerBound * whole.width + columns.lowerBound])
        }
        #expect(try PNGReader(Self.path("orientation\(orientation).png")) == nil || orientation == 1)
    }

    @Test("A file says whether its samples were changed by compression")
    func lossy() throws {
        for (name, isLossy) in [
            ("lerc.tif", false), ("lerc-lossy.tif", true), ("webp-lossless.tif", false), ("webp-lossy.tif", true),
            ("zstd.tif", false), ("grey2.png", false), ("orientation1.jpg", true), ("../smooth-jpeg-grey.tif", true),
        ] {
            do {
                #expect(try ImageFile.readHeader(Self.path(name)).isLossy == isLossy, "\(name)")
            } catch let failure as Failure where failure.message.contains("is compressed with ") {
                // A libtiff that was built without that compression.
                #expect(name.contains("lerc") || name.contains("webp") || name.contains("zstd"))
            }
        }
    }

    @Test("A JPEG is turned as EXIF or XMP says", arguments: (1...8).map { "orientation\($0).jpg" } + ["xmp.jpg"])
    func jpeg(_ name: String) throws {
        for meaning in [SampleMeaning.light, .numbers] {
            let image = try ImageFile.read(Self.path(name), as: meaning)
            #expect(image.width == 64 && image.height == 40)
            #expect(distance(image) { x, y, c in c == 0 ? 3 * x : c == 1 ? 4 * y : 90 } < 8)
        }
        let header = try ImageFile.readHeader(Self.path(name))
        #expect(header.width == 64 && header.height == 40)
    }
}
