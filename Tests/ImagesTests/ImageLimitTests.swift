import Foundation
import Images
import Support
import Testing

/// Small files that claim large images, and files that are none.
@Suite struct ImageLimitTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refusal(_ read: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        let watch = ContinuousClock()
        let start = watch.now
        let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try read() }
        #expect(failure?.kind == .request, sourceLocation: sourceLocation)
        #expect(watch.now - start < .seconds(2), sourceLocation: sourceLocation)
        return failure?.message ?? ""
    }

    /// A PNG whose file is long enough for what it claims, packed as well as can be.
    private func claim(_ width: Int, _ height: Int, depth: UInt8, color: UInt8, interlaced: Bool = false) -> [UInt8] {
        var header: [UInt8] = []
        for side in [width, height] { for shift in [24, 16, 8, 0] { header.append(UInt8(side >> shift & 0xFF)) } }
        header += [depth, color, 0, 0, interlaced ? 1 : 0]
        let samples = color == 2 ? 3 : 1
        let packed = [UInt8](repeating: 0, count: width * height * samples * Int(depth) / 8 / 1000)
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + TinyPNG.chunk("IHDR", header)
            + TinyPNG.chunk("IDAT", packed) + TinyPNG.chunk("IEND", [])
    }

    @Test(
        "PNG files that claim more than is decoded whole",
        arguments: [
            (32000, 32000, 8, 0), (32000, 32000, 1, 0), (20000, 17000, 8, 2), (20000, 16000, 16, 0),
            (300_000_000, 1, 1, 0),
        ])
    func png(_ width: Int, _ height: Int, depth: UInt8, color: UInt8) throws {
        for interlaced in [false, true] {
            let path = try folder.write(
                claim(width, height, depth: depth, color: color, interlaced: interlaced), to: "bomb.png")
            let message = refusal { _ = try ImageFile.read(path) }
            #expect(message.contains(path) && message.contains("\(width)×\(height)"))
            #expect(message.contains("LOCKSTEP_MAX_PIXELS") || message.contains("samples are not supported"))
        }
    }

    @Test func jpeg() throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: (Vectors.path("a") as NSString).deletingLastPathComponent)
        let name = try #require(names.first { $0.hasSuffix(".jpg") && !$0.contains("cmyk") })
        var bytes = Array(try Data(contentsOf: URL(filePath: Vectors.path(name))))
        // The frame's sides: after its marker, its length and its precision.
        let frame = try #require(
            bytes.indices.dropLast(9).first { bytes[$0] == 0xFF && [0xC0, 0xC2].contains(bytes[$0 + 1]) })
        for (height, width) in [(18000, 18000), (65500, 65500)] {
            bytes.replaceSubrange(
                frame + 5..<frame + 9,
                with: [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255)])
            let path = try folder.write(bytes, to: "bomb.jpg")
            let message = refusal { _ = try ImageFile.read(path) }
            #expect(message.contains("\(width)×\(height)"), "\(message)")
        }
    }

    /// A classic TIFF of directories with one entry each, ImageWidth 1; the last leads to the place given.
    private func chain(_ count: Int, end: Int) -> [UInt8] {
        func number(_ value: Int, _ bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> (8 * $0) & 255) } }
        var file: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0]
        for index in 0..<count {
            let next = index == count - 1 ? end : 8 + 18 * (index + 1)
            file += number(1, 2) + number(256, 2) + number(4, 2) + number(1, 4) + number(1, 4) + number(next, 4)
        }
        return file
    }

    @Test("chains of directories that are long, or lead back")
    func directories() throws {
        #expect(try TIFF.pages(folder.write(chain(100_000, end: 0), to: "long.tif")) == 100_000)
        for end in [8, 8 + 18 * 7, 8 + 18 * 49_999] {
            let path = try folder.write(chain(50_000, end: end), to: "loop.tif")
            #expect(refusal { _ = try TIFF.pages(path) }.contains("circle"))
        }
        let path = try folder.write(chain(100_000, end: 0), to: "long.tif")
        _ = refusal { _ = try ImageFile.read(path, page: 99_999) }
    }

    @Test("a file of holes that claims any number of images", arguments: [5_000_000, 2_000_000_000])
    func stack(_ images: Int) throws {
        let path = folder.file("stack.tif")
        let writer = try TIFFWriter(
            path, width: 1, height: 1,
            tags: TIFFTags(description: "ImageJ=1.54f\nimages=\(images)\nslices=\(images)\n"),
            compression: .none)
        try writer.append(RasterImage(width: 1, height: 1, channels: 1, samples: [1]))
        try writer.finish()
        #expect(truncate(path, images + 4096) == 0)
        #expect(refusal { _ = try ImageFile.images(path, .auto) }.contains("more than"))
    }

    @Test("what is no regular file is refused as an image, whatever reads it")
    func noFiles() throws {
        let pipe = folder.file("pipe.png")
        #expect(mkfifo(pipe, 0o600) == 0)
        let link = folder.file("link.tif")
        #expect(symlink(pipe, link) == 0)
        for path in [pipe, link, "/dev/zero", folder.path] {
            for read: () throws -> Void in [
                { _ = try ImageFile.kind(of: path) }, { _ = try PNG.read(path) }, { _ = try PNGReader(path) },
                { _ = try JPEG.read(path) }, { _ = try JPEG.readHeader(path) }, { _ = try TIFF.pages(path) },
                { _ = try TIFFReader(path) }, { _ = try ImageFile.pages(path) },
            ] {
                #expect(refusal(read).contains("only a file can be read"))
            }
        }
    }

    @Test("texts of a PNG that are read for its orientation: the first of each kind, however many there are")
    func texts() throws {
        let file = TinyPNG(width: 2, height: 1, color: .grey, depth: 8, samples: [4, 5]).bytes
        let keyword = Array("Raw profile type exif\0".utf8)
        let text = TinyPNG.chunk("tEXt", keyword + [UInt8](repeating: 0x0A, count: 100_000))
        let empty = TinyPNG.chunk("tEXt", [0x41, 0])
        let many = (0..<100).flatMap { _ in text } + (0..<20_000).flatMap { _ in empty }
        let path = try folder.write(Array(file[..<33]) + many + file[33...], to: "texts.png")
        let watch = ContinuousClock()
        let start = watch.now
        #expect(try PNG.read(path).samples == [4, 5])
        #expect(watch.now - start < .seconds(5))
    }
}
