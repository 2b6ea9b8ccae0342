import Images
import Support
import Testing

/// PNG files in parts.
@Suite struct PNGReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(
        _ color: TinyPNG.Color, depth: Int, width: Int = 9, height: Int = 23, interlaced: Bool = false
    ) -> TinyPNG {
        var file = TinyPNG(
            width: width, height: height, color: color, depth: depth, interlaced: interlaced, samples: [])
        file.samples = (0..<width * height * color.samplesOfPixel).map { ($0 * 2647 + $0 / 3) % (1 << depth) }
        if color == .palette { file.palette = (0..<3 << depth).map { UInt8($0 * 7 % 256) } }
        return file
    }

    @Test("Rows are those of the whole image, forwards, left out and back", arguments: TinyPNG.Color.allCases)
    func rows(color: TinyPNG.Color) throws {
        for depth in [1, 8, 16] where depth == 8 || color == .grey || depth == 16 && color != .palette {
            let path = try folder.write(file(color, depth: depth).bytes, to: "image.png")
            let whole = try PNG.read(path)
            let reader = try #require(try PNGReader(path))
            #expect(reader.header == (try PNG.readHeader(path)))
            for rows in [0..<1, 1..<7, 7..<23, 0..<23, 5..<6, 11..<14, 12..<13] {
                let part = try reader.readRows(rows)
                let perRow = whole.width * whole.channels
                #expect(part.samples == Array(whole.samples[rows.lowerBound * perRow..<rows.upperBound * perRow]))
                #expect(part.width == whole.width && part.height == rows.count && part.channels == whole.channels)
                #expect(part.maximum == whole.maximum && part.palette == whole.palette)
            }
        }
    }

    @Test func whatIsInterlacedIsNotReadInParts() throws {
        let path = try folder.write(file(.grey, depth: 8, interlaced: true).bytes, to: "image.png")
        #expect(try PNGReader(path) == nil)
    }

    @Test func damage() throws {
        let bytes = file(.grey, depth: 8).bytes
        let cut = try folder.write(Array(bytes.prefix(bytes.count - 120)), to: "cut.png")
        let reader = try #require(try PNGReader(cut))
        #expect { _ = try reader.readRows(0..<23) } throws: {
            ($0 as? Failure)?.kind == .request && "\($0)".contains("cut.png is cut short")
        }
        var index = file(.palette, depth: 8)
        index.palette = Array(index.palette.prefix(30))
        index.samples = index.samples.map { $0 % 10 }
        index.samples[9 * 4 + 2] = 200
        let wrong = try #require(try PNGReader(try folder.write(index.bytes, to: "index.png")))
        #expect { _ = try wrong.readRows(3..<6) } throws: { "\($0)".contains("row 4, column 2 has colour 200") }
        #expect(throws: Failure.self) { _ = try PNGReader(folder.file("none.png")) }
        // A few bytes that claim billions of pixels.
        let header: [UInt8] = [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 16, 2, 0, 0, 0]
        let claim = TinyPNG.chunk("IHDR", header) + TinyPNG.chunk("IDAT", [0x78, 0x01]) + TinyPNG.chunk("IEND", [])
        let large = try folder.write(Array(bytes.prefix(8)) + claim, to: "large.png")
        #expect { _ = try PNGReader(large) } throws: { "\($0)".contains("cannot hold") }
    }
}
