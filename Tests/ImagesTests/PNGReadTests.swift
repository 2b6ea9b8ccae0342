import Foundation
import Images
import Support
import Testing

@Suite struct PNGReadTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Samples that differ from neighbour to neighbour and reach 0 and the maximum.
    private func pattern(_ image: TinyPNG) -> [Int] {
        let maximum = 1 << image.depth
        return (0..<image.width * image.height * image.color.samplesOfPixel).map { ($0 * 2647 + $0 / 3) % maximum }
    }

    private static let kinds: [(TinyPNG.Color, [Int])] = [
        (.grey, [1, 2, 4, 8, 16]), (.palette, [1, 2, 4, 8]), (.rgb, [8, 16]), (.greyAlpha, [8, 16]), (.rgba, [8, 16]),
    ]

    @Test("Every colour type, depth and interlacing gives its raw samples", arguments: [false, true])
    func kinds(interlaced: Bool) throws {
        for (color, depths) in Self.kinds {
            for depth in depths {
                for (width, height) in [(1, 1), (5, 3), (9, 17), (16, 8)] {
                    var file = TinyPNG(
                        width: width, height: height, color: color, depth: depth, interlaced: interlaced, samples: [])
                    file.samples = pattern(file)
                    if color == .palette { file.palette = (0..<3 << depth).map { UInt8($0 * 7 % 256) } }
                    let path = try folder.write(file.bytes, to: "image.png")
                    let image = try PNG.read(path)
                    let kept = color == .rgb || color == .rgba ? 3 : 1
                    let perPixel = color.samplesOfPixel
                    let expected = file.samples.enumerated().filter { $0.offset % perPixel < kept }.map {
                        UInt16($0.element)
                    }
                    let what = "\(color) \(depth) \(width)×\(height)"
                    #expect(image.samples == expected, "\(what)")
                    #expect(image.width == width && image.height == height && image.channels == kept, "\(what)")
                    #expect(Int(image.maximum) == (color == .palette ? 255 : (1 << depth) - 1), "\(what)")
                    #expect(image.palette?.count == (color == .palette ? 1 << depth : nil), "\(what)")
                    let header = try PNG.readHeader(path)
                    #expect(header.width == width && header.height == height && header.channels == kept, "\(what)")
                    #expect(header.maximum == image.maximum && header.isPalette == (color == .palette), "\(what)")
                }
            }
        }
    }

    @Test func paletteKeepsIndicesAndColours() throws {
        let file = TinyPNG(
            width: 3, height: 1, color: .palette, depth: 2, samples: [2, 0, 1],
            palette: [9, 8, 7, 1, 2, 3, 255, 0, 128],
            transparency: [0, 128])
        let image = try PNG.read(folder.write(file.bytes, to: "image.png"))
        #expect(image.samples == [2, 0, 1])
        #expect(image.palette == [RGBColor(9, 8, 7), RGBColor(1, 2, 3), RGBColor(255, 0, 128)])
        let picture = image.expandingPalette()
        #expect(picture == RasterImage(width: 3, height: 1, channels: 3, samples: [255, 0, 128, 9, 8, 7, 1, 2, 3]))
        #expect(picture.expandingPalette() == picture)
    }

    @Test func greyTransparencyIsIgnored() throws {
        let file = TinyPNG(width: 2, height: 1, color: .grey, depth: 8, samples: [4, 5], transparency: [0, 5])
        let image = try PNG.read(folder.write(file.bytes, to: "image.png"))
        #expect(image == RasterImage(width: 2, height: 1, channels: 1, samples: [4, 5]))
    }

    @Test("Files compressed, interlaced and filtered by another program")
    func foreignFiles() throws {
        let interlaced =
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAgAAAAFD6rITAAAAFElEQVR42mNgAIIGBgWGAiDc2AAADFECsvB8fMEAAAAASUVORK5CYII="
        var path = try folder.write([UInt8](#require(Data(base64Encoded: interlaced))), to: "image.png")
        var image = try PNG.read(path)
        #expect(image.maximum == 3)
        var expected: [UInt16] = []
        for y in 0..<3 { for x in 0..<5 { expected.append(UInt16((x + 2 * y) % 4)) } }
        #expect(image.samples == expected)

        let filtered =
            "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAFCAIAAADtz9qMAAAAL0lEQVR42mNgCF0lX3LSbvKL2E3sjJZ9j+VhgMkSCTAXzXXX"
            + "WaMDASxAAYgaIAUAWeIP4Iqc1YsAAAAASUVORK5CYII="
        path = try folder.write([UInt8](#require(Data(base64Encoded: filtered))), to: "image.png")
        image = try PNG.read(path)
        expected = []
        for y in 0..<5 {
            for x in 0..<4 { for c in 0..<3 { expected.append(UInt16((31 * x + 57 * y + 85 * c) % 256)) } }
        }
        #expect(image == RasterImage(width: 4, height: 5, channels: 3, samples: expected))
    }

    // MARK: - Errors

    /// The failure of reading a file; it must name the file, in one line.
    private func failure(reading path: String) -> Failure? {
        let failure = #expect(throws: Failure.self) { try PNG.read(path) }
        #expect(failure?.kind == .request)
        #expect(failure?.message.contains(path) == true)
        #expect(failure?.message.contains("\n") == false)
        #expect(failure?.message.hasSuffix(".") == false)
        return failure
    }

    @Test("A file cut short anywhere is refused", arguments: [false, true])
    func truncated(interlaced: Bool) throws {
        var file = TinyPNG(width: 19, height: 23, color: .rgb, depth: 8, interlaced: interlaced, samples: [])
        file.samples = pattern(file)
        let whole = file.bytes
        for count in Array(0..<64) + stride(from: 64, to: whole.count, by: 37) + (whole.count - 20..<whole.count) {
            let message = failure(reading: try folder.write(Array(whole.prefix(count)), to: "cut.png"))?.message ?? ""
            #expect(message.contains(count == 0 ? "is not a PNG file" : "is cut short"), "\(count): \(message)")
        }
        #expect(throws: Never.self) { try PNG.read(folder.write(whole, to: "cut.png")) }
    }

    @Test func damagedBytesAreFound() throws {
        var file = TinyPNG(width: 19, height: 23, color: .grey, depth: 16, samples: [])
        file.samples = pattern(file)
        var bytes = file.bytes
        for position in [30, 60, 400, bytes.count - 6] {
            bytes[position] ^= 0x10
            let message = failure(reading: try folder.write(bytes, to: "damaged.png"))?.message ?? ""
            #expect(message.contains("is damaged"), "\(position): \(message)")
            bytes[position] ^= 0x10
        }
    }

    @Test func otherFilesAreNotPNG() throws {
        #expect(failure(reading: try folder.write([], to: "empty.png"))?.message.contains("not a PNG") == true)
        let jpeg = try folder.write([0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 0x4A, 0x46, 0x49, 0x46], to: "photo.png")
        #expect(failure(reading: jpeg)?.message.contains("not a PNG") == true)
        #expect(failure(reading: folder.file("none.png"))?.message.contains("does not exist") == true)
        #expect(failure(reading: folder.path)?.message.contains("is a folder") == true)
        #expect(throws: Failure.self) { try PNG.readHeader(folder.file("none.png")) }
    }

    @Test("Sizes that a file cannot hold are refused before memory is asked for")
    func absurdSizes() throws {
        for (width, height) in [(0x7FFF_FFFF, 0x7FFF_FFFF), (1_000_000, 1_000_000), (30_000, 30_000), (0, 5), (5, 0)] {
            var header: [UInt8] = []
            for side in [width, height] { for shift in [24, 16, 8, 0] { header.append(UInt8(side >> shift & 0xFF)) } }
            header += [8, 0, 0, 0, 0]
            var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            bytes += TinyPNG.chunk("IHDR", header)
            bytes += TinyPNG.chunk("IDAT", [0x78, 0x01])
            bytes += TinyPNG.chunk("IEND", [])
            let message = failure(reading: try folder.write(bytes, to: "absurd.png"))?.message ?? ""
            #expect(message.contains("damaged") || message.contains("not supported"), "\(message)")
        }
    }

    @Test func colourOutsideThePaletteIsRefused() throws {
        let file = TinyPNG(
            width: 2, height: 2, color: .palette, depth: 4, samples: [0, 1, 1, 9], palette: [0, 0, 0, 255, 255, 255])
        let message = failure(reading: try folder.write(file.bytes, to: "image.png"))?.message ?? ""
        #expect(message.contains("row 1, column 1") && message.contains("colour 9"), "\(message)")
    }

    @Test("libpng's own lines stay off standard error; errors leave no file open")
    func quietAndTidy() throws {
        // An ancillary chunk with a wrong checksum makes libpng warn.
        var chunk = TinyPNG.chunk("tIME", [7, 230, 1, 1, 0, 0, 0])
        chunk[chunk.count - 1] ^= 1
        let file = TinyPNG(width: 2, height: 1, color: .grey, depth: 8, samples: [4, 5])
        let whole = file.bytes
        let noisy = try folder.write(Array(whole[..<33]) + chunk + whole[33...], to: "noisy.png")
        let cut = try folder.write(Array(whole.dropLast(15)), to: "cut.png")

        let saved = dup(2)
        let log = folder.file("stderr")
        let descriptor = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        dup2(descriptor, 2)
        let image = Result { try PNG.read(noisy) }
        let broken = Result { try PNG.read(cut) }
        dup2(saved, 2)
        close(descriptor)
        close(saved)
        #expect(try image.get().samples == [4, 5])
        #expect(throws: Failure.self) { try broken.get() }
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(!text.contains("libpng warning") && !text.contains("libpng error"), "\(text)")

        for _ in 0..<2000 { #expect(throws: Failure.self) { try PNG.read(cut) } }
        let held = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        #expect(held < 1000, "\(held) files are open")
    }
}
