import Foundation
import Images
import Testing

@Suite struct CalibrationTests {
    private func file(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appending(path: "calibration-\(UUID())-\(name)").path
    }

    private func tiff(_ description: String?, _ resolution: (x: Float, y: Float)?, _ unit: TIFFTags.ResolutionUnit)
        throws -> ImageCalibration
    {
        let path = file("a.tif")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try TIFFWriter(
            path, width: 2, height: 1,
            tags: TIFFTags(resolution: resolution, resolutionUnit: unit, description: description))
        try writer.append(RasterImage(width: 2, height: 1, channels: 1, samples: [1, 2]))
        try writer.finish()
        return try ImageCalibration(path)
    }

    @Test("a pixel's size by ImageJ, OME and the resolution of a microscope, and not of a screen or a printer")
    func tiffs() throws {
        #expect(try tiff("ImageJ=1.54f\nunit=micron\n", (4, 2), .none).pixelSize == PixelSize(x: 0.25, y: 0.5))
        #expect(try tiff("ImageJ=1.54f\nunit=\\u00B5m\n", (4, 4), .none).pixelSize == PixelSize(x: 0.25, y: 0.25))
        #expect(try tiff("ImageJ=1.54f\nunit=pixel\n", (4, 4), .none).pixelSize == nil)
        #expect(try tiff("ImageJ=1.54f\nunit=furlong\n", (4, 4), .inch).pixelSize == nil)
        #expect(try tiff(nil, (20_000, 10_000), .centimetre).pixelSize == PixelSize(x: 0.5, y: 1))
        let huge = try tiff("ImageJ=1.54f\nimages=1\nslices=4294967296\nframes=4294967296\n", nil, .none)
        #expect(huge.place(ofImage: 0, of: 1) == nil && huge.tags(forImages: 1, upTo: 255).resolution == nil)
        for dots in [72, 96, 300, 600] { #expect(try tiff(nil, (Float(dots), Float(dots)), .inch).pixelSize == nil) }
        #expect(try tiff(nil, (0, 0), .centimetre).pixelSize == nil)
        let pixels = """
            <OME><Image><Pixels DimensionOrder="XYZCT" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="250" \
            PhysicalSizeXUnit="nm" PhysicalSizeY="0.5" PhysicalSizeZ="3"><TiffData/></Pixels></Image></OME>
            """
        let ome = try tiff(pixels, (72, 72), .inch)
        #expect(ome.pixelSize == PixelSize(x: 0.25, y: 0.5))
        let tags = ome.tags(forImages: 1, upTo: 255)
        #expect(tags.resolution?.x == 4 && tags.resolution?.y == 2 && tags.resolutionUnit == .none)
        #expect(tags.description?.contains("unit=micron\nspacing=3.0\n") == true)
    }

    @Test func pHYs() throws {
        let path = file("a.png")
        defer { try? FileManager.default.removeItem(atPath: path) }
        try PNG.write(RasterImage(width: 2, height: 1, channels: 1, samples: [1, 2]), to: path)
        var bytes = try Data(contentsOf: URL(filePath: path))
        func number(_ value: UInt32) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }
        #expect(try ImageCalibration(path).pixelSize == nil)
        // Behind the header, 4,000,000 and 2,000,000 pixels a metre.
        bytes.insert(
            contentsOf: number(9) + Data("pHYs".utf8) + number(4_000_000) + number(2_000_000) + Data([1])
                + Data(repeating: 0, count: 4), at: 33)
        try bytes.write(to: URL(filePath: path))
        #expect(try ImageCalibration(path).pixelSize == PixelSize(x: 0.25, y: 0.5))
    }
}
