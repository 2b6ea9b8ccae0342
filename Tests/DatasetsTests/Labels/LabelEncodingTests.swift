import Datasets
import Images
import Kernels
import Testing

@Suite struct LabelEncodingTests {
    private let black = RGBColor(0, 0, 0), white = RGBColor(255, 255, 255), red = RGBColor(255, 0, 0)

    private func grey(_ samples: [UInt16], maximum: UInt16 = 255, palette: [RGBColor]? = nil) -> RasterImage {
        RasterImage(
            width: samples.count / 2, height: 2, channels: 1, maximum: maximum, samples: samples, palette: palette)
    }

    private func rgb(_ samples: [UInt16], maximum: UInt16 = 255) -> RasterImage {
        RasterImage(width: samples.count / 6, height: 2, channels: 3, maximum: maximum, samples: samples)
    }

    private func decode(
        _ encoding: LabelEncoding, _ raster: RasterImage, classes: Int = 2, ignore: Int? = nil
    ) throws -> [Int32] {
        let map = try encoding.decode(raster, classes: classes, ignoreValue: ignore, path: "l/a.png").labels
        #expect(map.height == raster.height && map.width == raster.width)
        return map.list
    }

    @Test func index() throws {
        #expect(try decode(.index, grey([0, 1, 2, 2, 1, 0]), classes: 3) == [0, 1, 2, 2, 1, 0])
        #expect(try decode(.index, grey([0, 1, 255, 1]), ignore: 255) == [0, 1, -1, 1])
        #expect(
            try decode(.index, grey([0, 300, 65535, 1], maximum: 65535), classes: 301, ignore: 65535) == [
                0, 300, -1, 1,
            ])
        #expect(try decode(.index, grey([0, 1, 1, 0], maximum: 1)) == [0, 1, 1, 0])
        #expect(try decode(.index, grey([1, 0, 0, 1], palette: [white, black])) == [1, 0, 0, 1])
        // A class can be ignored too.
        #expect(try decode(.index, grey([0, 1, 1, 0]), ignore: 0) == [-1, 1, 1, -1])
    }

    @Test func indexOutsideTheClasses() {
        expectFailure(
            "label l/a.png has the value 7 at row 1, column 2", "model.classes: 3", "data.ignore_index: 7"
        ) { try decode(.index, grey([0, 1, 2, 2, 1, 7]), classes: 3) }
        expectFailure("value 255 at row 0, column 1") { try decode(.index, grey([0, 255, 3, 0])) }
        expectFailure("value 2 at row 0, column 0") { try decode(.index, grey([2, 0], palette: [black, red, white])) }
    }

    @Test func binary() throws {
        #expect(try decode(.binary, grey([0, 1, 255, 128])) == [0, 1, 1, 1])
        #expect(try decode(.binary, grey([0, 1, 255, 128]), ignore: 128) == [0, 1, 1, -1])
        #expect(try decode(.binary, rgb([0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 9, 8]), ignore: 9) == [0, 1, -1, 1])
    }

    @Test func instances() throws {
        #expect(try decode(.instances, grey([0, 4711, 4711, 0], maximum: 65535)) == [0, 1, 1, 0])
        #expect(try decode(.instances, grey([0, 65535, 65535, 0], maximum: 65535), ignore: 65535) == [0, -1, -1, 0])
    }

    @Test("a colour to ignore, in the palette or not, in RGB, grey and palette files")
    func ignoredColor() throws {
        let encoding = LabelEncoding.palette([black, red])
        func decode(_ raster: RasterImage, _ color: RGBColor?, _ value: Int? = nil) throws -> [Int32] {
            try encoding.decode(raster, classes: 2, ignoreValue: value, ignoreColor: color, path: "l/a.png").labels.list
        }
        let picture = rgb([0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 255])
        #expect(try decode(picture, white) == [0, -1, 1, -1])
        #expect(try decode(grey([0, 255, 255, 0]), white) == [0, -1, -1, 0])
        #expect(try decode(grey([0, 1, 1, 0], maximum: 1), white) == [0, -1, -1, 0])
        #expect(try decode(grey([2, 1, 0, 0], palette: [black, white, red]), white) == [1, -1, 0, 0])
        let wide = rgb([0, 0, 0, 65535, 65535, 65535, 65535, 0, 0, 0, 0, 0], maximum: 65535)
        #expect(try decode(wide, white) == [0, -1, 1, 0])
        #expect(try decode(grey([0, 0, 0, 0]), black) == [-1, -1, -1, -1])
        expectFailure("the colour #ffffff at row 0, column 1", "data.ignore_color") { try decode(picture, nil) }
        expectFailure("the colour #ffffff") { try decode(picture, RGBColor(254, 255, 255)) }
    }

    @Test func palette() throws {
        let encoding = LabelEncoding.palette([black, white, red])
        #expect(try decode(encoding, rgb([255, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0]), classes: 3) == [2, 0, 1, 0])
        #expect(try decode(encoding, rgb([255, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0]), ignore: 2) == [-1, 0, 1, 0])
        #expect(try decode(encoding, rgb([65535, 0, 0, 0, 0, 0], maximum: 65535), classes: 3) == [2, 0])
        // Fewer bits, and more than eight that are no sixteen.
        #expect(try decode(encoding, rgb([15, 0, 0, 15, 15, 15], maximum: 15), classes: 3) == [2, 1])
        #expect(try decode(encoding, rgb([1023, 0, 0, 1023, 1023, 1023], maximum: 1023), classes: 3) == [2, 1])
        // 32 bits that hold the values of eight.
        let wide = RasterImage(
            width: 1, height: 2, channels: 3, maximum: 1 << 31 - 1, content: .floats([255, 0, 0, 255, 255, 255]))
        #expect(try decode(encoding, wide, classes: 3) == [2, 1])
        // A palette PNG counts by the colours it shows, whatever their order in the file.
        #expect(try decode(encoding, grey([0, 1, 2, 0], palette: [red, black, white]), classes: 3) == [2, 0, 1, 2])
        // Grey shows colours with three equal channels.
        #expect(try decode(encoding, grey([0, 255, 255, 0])) == [0, 1, 1, 0])
        #expect(try decode(encoding, grey([0, 1, 1, 0], maximum: 1)) == [0, 1, 1, 0])
        #expect(try decode(encoding, grey([0, 65535, 65535, 0], maximum: 65535)) == [0, 1, 1, 0])
    }

    @Test func coloursOutsideThePalette() {
        let encoding = LabelEncoding.palette([black, white, red])
        expectFailure("l/a.png has the colour #0000ff at row 1, column 0", "data.labels.palette") {
            try decode(encoding, rgb([0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0]), classes: 3)
        }
        expectFailure("colour #ff0000 at row 0, column 1", "number 2", "data.ignore_index: 2") {
            try decode(encoding, rgb([0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0]))
        }
        expectFailure("colour #808080 at row 1, column 1") { try decode(encoding, grey([0, 255, 0, 128])) }
        expectFailure("a colour that 8 bits cannot say at row 0, column 0") {
            try decode(encoding, grey([1, 0], maximum: 65535))
        }
        expectFailure("a colour that 8 bits cannot say at row 1, column 0") {
            try decode(encoding, rgb([0, 0, 0, 0, 5, 0], maximum: 65535))
        }
    }

    @Test("Pictures are no class numbers", arguments: [LabelEncoding.index, .instances])
    func pictures(encoding: LabelEncoding) {
        expectFailure("label l/a.png is an RGB picture", "data.labels: \(encoding.name)", "palette") {
            try decode(encoding, rgb([0, 0, 0, 0, 0, 0]))
        }
    }
}
