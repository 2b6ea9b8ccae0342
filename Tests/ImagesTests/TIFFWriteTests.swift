import Foundation
import Images
import Support
import Testing

@Suite struct TIFFWriteTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path) }

    private func samples(_ count: Int, below limit: Int) -> [UInt16] {
        (0..<count).map { UInt16(($0 * 2647 + $0 / 3) % limit) }
    }

    @Test("What is written row by row is read back", arguments: [TIFFWriter.Compression.none, .lzw, .deflate])
    func roundTrip(_ compression: TIFFWriter.Compression) throws {
        for (channels, maximum) in [(1, UInt16(255)), (1, 65535), (3, 255), (3, 65535)] {
            // Strips of 256 KiB: several of them, and a rest.
            let (width, height) = (1013, 301)
            let rows = samples(width * height * channels, below: Int(maximum) + 1)
            let path = folder.file("image.tif")
            unlink(path)
            let tags = TIFFTags(
                resolution: (300.5, 150.25), resolutionUnit: .centimetre, description: "made of \(channels)")
            let writer = try TIFFWriter(
                path, width: width, height: height, channels: channels, maximum: maximum, tags: tags,
                compression: compression)
            var row = 0
            for count in [1, 0, 7, 100, 64, 129] {
                let range = row * width * channels..<(row + count) * width * channels
                try rows[range].withUnsafeBufferPointer { try writer.append($0) }
                row += count
            }
            #expect(!FileManager.default.fileExists(atPath: path))
            try writer.finish()
            #expect(try names() == ["image.tif"])
            let reader = try TIFFReader(path)
            #expect(reader.tags == tags)
            let image = try reader.readRows(0..<height)
            #expect(
                image
                    == RasterImage(
                        width: width, height: height, channels: channels, maximum: maximum, samples: rows))
        }
    }

    @Test func palette() throws {
        let colors = [RGBColor(0, 0, 0), RGBColor(255, 1, 2), RGBColor(9, 254, 7)]
        let path = folder.file("image.tif")
        let writer = try TIFFWriter(path, width: 5, height: 4, palette: colors)
        let image = RasterImage(width: 5, height: 4, channels: 1, samples: samples(20, below: 3), palette: colors)
        try writer.append(image)
        try writer.finish()
        let back = try TIFF.read(path)
        #expect(back.samples == image.samples && back.palette?.prefix(3) == colors[...])
    }

    @Test("One that could pass 4 GiB is a BigTIFF; one that is left unfinished leaves nothing")
    func bigAndUnfinished() throws {
        let path = folder.file("image.tif")
        do {
            let writer = try TIFFWriter(path, width: 70000, height: 70000)
            try samples(70000, below: 256).withUnsafeBufferPointer { try writer.append($0) }
            let name = try #require(try names().first)
            let begin = FileManager.default.contents(atPath: folder.file(name))?.prefix(4)
            #expect(begin.map(Array.init) == [0x49, 0x49, 43, 0] && name.hasPrefix(".image.tif"))
        }
        #expect(try names().isEmpty)
    }

    @Test func oldFileIsReplacedAndErrorsSaySo() throws {
        let path = try folder.write(Array("old".utf8), to: "image.tif")
        let writer = try TIFFWriter(path, width: 2, height: 1)
        try [3, 4].withUnsafeBufferPointer { try writer.append($0) }
        try writer.finish()
        #expect(try TIFF.read(path).samples == [3, 4])
        let missing = failure { try TIFFWriter(folder.file("none/image.tif"), width: 2, height: 1) }
        #expect(missing?.kind == .running && missing?.message.contains("no such file") == true)
        // A device that is always full.
        let full = failure {
            let writer = try TIFFWriter("/dev/full/image.tif", width: 2, height: 1)
            try writer.finish()
        }
        #expect(full?.kind == .running)
    }
}
