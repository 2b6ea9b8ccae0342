import Images
import Support
import Testing

@Suite struct TIFFReadTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        var channels = 1
        var maximum: UInt64 = 255
        let content: RasterImage.Content

        var testDescription: String { name }
    }

    private static let eightBits = [
        "grey8", "grey8-strips", "grey8-tiles", "grey8-big-endian", "grey8-bigtiff", "grey8-lzw", "grey8-deflate-tiles",
        "grey8-packbits", "grey8-miniswhite",
    ].map { Case(name: $0, content: Vectors.integers()) }

    private static let sixteenBits = ["grey16", "grey16-big-endian-tiles", "grey16-miniswhite"].map {
        Case(name: $0, maximum: 65535, content: Vectors.integers(scale: 257, offset: 3))
    }

    private static let packed = ["bits", "bits-group4", "bits-miniswhite"].map {
        Case(name: $0, maximum: 1, content: .integers(Vectors.samples { $0 % 2 == 0 ? 1 : 0 }))
    }

    private static let others = [
        Case(name: "grey12", maximum: 4095, content: Vectors.integers(scale: 16)),
        Case(name: "label32", maximum: 4_294_967_295, content: Vectors.floats { Float($0 * 100) }),
        Case(name: "label64", maximum: (1 << 63) - 1, content: Vectors.floats { Float($0) }),
        Case(name: "signed16", maximum: 32767, content: Vectors.floats { Float($0 - 100) }),
        Case(name: "float32", maximum: 1, content: Vectors.floats(Vectors.eighths)),
        Case(name: "float64", maximum: 1, content: Vectors.floats(Vectors.eighths)),
        Case(name: "float16", maximum: 1, content: Vectors.floats(Vectors.eighths)),
    ]

    private static let channels = [
        Case(name: "rgb8", channels: 3, content: Vectors.integers(channels: 3)),
        Case(
            name: "rgb16-planar-tiles", channels: 3, maximum: 65535,
            content: Vectors.integers(channels: 3, scale: 257, offset: 3)),
        Case(name: "rgb-infrared", channels: 4, content: Vectors.integers(channels: 4)),
        Case(name: "channels2", channels: 2, content: Vectors.integers(channels: 2)),
        Case(
            name: "channels5-planar", channels: 5, maximum: 65535,
            content: Vectors.integers(channels: 5, scale: 257, offset: 3)),
        Case(
            name: "channels4-planar-float", channels: 4, maximum: 1,
            content: Vectors.floats(channels: 4, Vectors.eighths)),
        // The fourth sample is alpha.
        Case(name: "rgba8", channels: 3, content: Vectors.integers(channels: 3)),
    ]

    @Test(
        "Every layout, sample type and compression gives its samples",
        arguments: eightBits + sixteenBits + packed
            + others + channels)
    func kinds(_ file: Case) throws {
        let path = Vectors.path(file.name + ".tif")
        let image = try TIFF.read(path)
        #expect(image.width == Vectors.columns && image.height == Vectors.rows)
        #expect(image.channels == file.channels && image.maximum == file.maximum && image.palette == nil)
        #expect(image.content == file.content)
        let header = try TIFF.readHeader(path)
        #expect(header.width == image.width && header.height == image.height && header.channels == file.channels)
        #expect(header.maximum == file.maximum && !header.isPalette)
        if case .floats = file.content { #expect(header.isFloat) } else { #expect(!header.isFloat) }
    }

    @Test("Any rows and columns are those of the whole image, with one block in memory too", arguments: [0, 1 << 20])
    func parts(cacheBytes: Int) throws {
        for name in ["grey8-tiles", "grey8-lzw", "rgb16-planar-tiles", "rgba8", "bits", "grey12", "float64"] {
            let path = Vectors.path(name + ".tif")
            let whole = try TIFF.read(path)
            let reader = try TIFFReader(path, cacheBytes: cacheBytes)
            for (rows, columns) in [
                (0..<1, 0..<37), (3..<17, 5..<6), (15..<29, 1..<37), (0..<29, 15..<33), (28..<29, 36..<37),
            ] {
                let part = try reader.readRows(rows, columns: columns)
                #expect(part.width == columns.count && part.height == rows.count && part.maximum == whole.maximum)
                let places = rows.flatMap { row in
                    columns.flatMap { column in
                        (0..<whole.channels).map { (row * whole.width + column) * whole.channels + $0 }
                    }
                }
                switch (whole.content, part.content) {
                case (.integers(let all), .integers(let some)):
                    #expect(some == places.map { all[$0] }, "\(name) \(rows) \(columns)")
                case (.floats(let all), .floats(let some)):
                    #expect(some == places.map { all[$0] }, "\(name) \(rows) \(columns)")
                default: Issue.record("\(name) changes its kind")
                }
            }
        }
    }

    @Test func paletteKeepsIndicesAndColours() throws {
        let image = try TIFF.read(Vectors.path("palette.tif"))
        #expect(image.content == Vectors.integers() && image.channels == 1 && image.maximum == 255)
        let colors: [RGBColor] = (0..<256).map { (i: Int) in RGBColor(UInt8(i), UInt8(255 - i), UInt8(i * 3 % 256)) }
        #expect(image.palette == colors)
        #expect(try TIFF.readHeader(Vectors.path("palette.tif")).isPalette)
    }

    @Test("JPEG inside TIFF, as RGB, YCbCr and grey", arguments: ["smooth-jpeg", "smooth-jpeg-ycbcr-tiles"])
    func jpegColours(_ name: String) throws {
        let image = try TIFF.read(Vectors.path(name + ".tif"))
        #expect(image.width == 64 && image.height == 64 && image.channels == 3)
        #expect(distance(image) { x, y, c in c == 0 ? 3 * x : c == 1 ? 4 * y : 90 } < 8)
    }

    @Test func jpegGrey() throws {
        let image = try TIFF.read(Vectors.path("smooth-jpeg-grey.tif"))
        #expect(image.channels == 1 && distance(image) { x, _, _ in 3 * x } < 3)
    }

    @Test("Pages are in order, and an overview is none")
    func pages() throws {
        let path = Vectors.path("stack.tif")
        #expect(try TIFF.pages(path) == 4)
        for page in 0..<4 {
            #expect(try TIFF.read(path, page: page).content == Vectors.integers(page: page), "page \(page)")
        }
        for page in [-1, 4] {
            #expect(failure { try TIFF.read(path, page: page) }?.message.contains("has no page \(page)") == true)
        }
        #expect(try TIFF.pages(Vectors.path("grey8-bigtiff.tif")) == 1)
    }

    @Test func resolutionAndDescription() throws {
        let tags = try TIFFReader(Vectors.path("tags.tif")).tags
        #expect(abs((tags.resolution?.x ?? 0) - 25000.5) < 0.01 && abs((tags.resolution?.y ?? 0) - 12345.25) < 0.01)
        #expect(tags.resolutionUnit == .centimetre && tags.description == "a slide, 40x")
        #expect(try TIFFReader(Vectors.path("palette.tif")).tags.description == nil)
    }

    @Test("What is not supported is refused in words", arguments: [("cmyk", "CMYK"), ("complex", "complex numbers")])
    func refused(_ name: String, _ words: String) {
        let failure = failure { try TIFF.readHeader(Vectors.path(name + ".tif")) }
        #expect(failure?.kind == .request && failure?.message.contains(words) == true, "\(failure?.message ?? "read")")
    }
}

/// The largest difference of a sample from `expected`(column, row, channel).
func distance(_ image: RasterImage, _ expected: (Int, Int, Int) -> Int) -> Int {
    image.samples.indices.reduce(0) { largest, i in
        let pixel = i / image.channels
        let wanted = expected(pixel % image.width, pixel / image.width, i % image.channels)
        return max(largest, abs(Int(image.samples[i]) - wanted))
    }
}

/// The failure that `body` throws; nil where it does not.
func failure<Result>(of body: () throws -> Result) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? Failure
    }
}
