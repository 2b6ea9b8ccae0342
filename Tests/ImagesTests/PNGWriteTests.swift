import Foundation
import Images
import Support
import TestTraits
import Testing

@Suite struct PNGWriteTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func image(_ width: Int, _ height: Int, channels: Int, maximum: UInt16) -> RasterImage {
        let samples = (0..<width * height * channels).map { UInt16($0 * 40503 % (Int(maximum) + 1)) }
        return RasterImage(width: width, height: height, channels: channels, maximum: maximum, samples: samples)
    }

    @Test("What is written is read again", arguments: [1, 3], [UInt16(255), 65535])
    func roundTrip(channels: Int, maximum: UInt16) throws {
        for (width, height) in [(1, 1), (7, 5), (64, 33)] {
            let image = image(width, height, channels: channels, maximum: maximum)
            try PNG.write(image, to: folder.file("a.png"))
            #expect(try PNG.read(folder.file("a.png")) == image)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.png"])
    }

    @Test func palettesAreKept() throws {
        let colors = (0..<200).map { RGBColor(UInt8($0), UInt8(255 - $0), 7) }
        let image = RasterImage(
            width: 10, height: 20, channels: 1, samples: (0..<200).map { UInt16($0) }, palette: colors)
        try PNG.write(image, to: folder.file("a.png"))
        #expect(try PNG.read(folder.file("a.png")) == image)
    }

    @Test func packedGreyKeepsItsValues() throws {
        try PNG.write(image(5, 5, channels: 1, maximum: 15), to: folder.file("a.png"))
        let read = try PNG.read(folder.file("a.png"))
        #expect(read.maximum == 255)
        #expect(read.samples == image(5, 5, channels: 1, maximum: 15).samples)
    }

    @Test func anOlderFileIsReplaced() throws {
        try PNG.write(image(50, 50, channels: 3, maximum: 65535), to: folder.file("a.png"))
        try PNG.write(image(2, 2, channels: 1, maximum: 255), to: folder.file("a.png"))
        #expect(try PNG.read(folder.file("a.png")).width == 2)
    }

    @Test func writeErrorsLeaveNothingBehind() throws {
        let image = image(8, 8, channels: 1, maximum: 255)
        let missing = #expect(throws: Failure.self) { try PNG.write(image, to: folder.file("none/a.png")) }
        #expect(missing?.kind == .running)
        #expect(
            missing?.message
                == "image \(folder.file("none/a.png")) cannot be written: no such file or directory: its folder was moved or removed"
        )

        // A folder in the file's place lets the file be written and not be renamed.
        try FileManager.default.createDirectory(atPath: folder.file("a.png/full"), withIntermediateDirectories: true)
        let taken = #expect(throws: Failure.self) { try PNG.write(image, to: folder.file("a.png")) }
        #expect(taken?.message.contains("is a directory") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.png"])
    }

    @Test func pathsWithoutAFolder() throws {
        // A relative path's temporary file lies beside it, in the working directory.
        let name = "lockstep-\(UUID().uuidString).png"
        try PNG.write(image(3, 3, channels: 1, maximum: 255), to: name)
        #expect(try PNG.read(name).width == 3)
        try FileManager.default.removeItem(atPath: name)
    }

    @Suite(.tags(.timing), .onlyWhereTimeIsMeasured) struct Timing {
        @Test func decodingIsFast() throws {
            let tests = try PNGWriteTests()
            try PNG.write(tests.image(512, 512, channels: 1, maximum: 255), to: tests.folder.file("a.png"))
            let clock = ContinuousClock()
            let best = try (0..<5).map { _ in try clock.measure { _ = try PNG.read(tests.folder.file("a.png")) } }
                .min()!
            // A few milliseconds; the bound only catches a conversion pixel by pixel through checked arrays.
            #expect(best < .milliseconds(60), "\(best)")
        }
    }
}

@Suite struct RGBColorTests {
    @Test func hex() {
        #expect(RGBColor(hex: "#0aFf80") == RGBColor(10, 255, 128))
        #expect(RGBColor(10, 255, 128).hex == "#0aff80")
        for text in ["0aff80", "#0aff8", "#0aff800", "#0aff8g", "", "#+aff80"] { #expect(RGBColor(hex: text) == nil) }
    }
}
