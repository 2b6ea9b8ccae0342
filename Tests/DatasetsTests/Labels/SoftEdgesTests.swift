import Datasets
import Images
import Kernels
import Testing

@Suite("Labels with values that nobody has given") struct SoftEdgesTests {
    private func decode(_ encoding: LabelEncoding, _ raster: RasterImage, classes: Int = 2, ignore: Int? = nil) throws
        -> DecodedLabels
    {
        try encoding.decode(raster, classes: classes, ignoreValue: ignore, path: "l/a.png")
    }

    private static let scales = [0.37, 0.5, 0.77, 1.3, 2, 3, 4.4]

    @Test("Resized with interpolation", arguments: scales, [LabelEncoding.binary, .index, .instances])
    func resized(scale: Double, encoding: LabelEncoding) {
        expectFailure("label l/a.png has", "values", "nearest neighbour", "-threshold 50%") {
            try decode(encoding, DrawnLabels.mask.resized(scale).raster(), classes: encoding == .index ? 256 : 2)
        }
    }

    @Test("Resized object numbers, and classes in many values", arguments: [0.6, 1.5, 2.5])
    func resizedNumbers(scale: Double) {
        let numbers = DrawnLabels.discs(14, radius: 6...12) { 17 * ($0 + 1) }
        expectFailure("resized") { try decode(.instances, numbers.resized(scale).raster()) }
        expectFailure("resized") { try decode(.binary, numbers.resized(scale).raster()) }
        expectFailure("resized") { try decode(.index, numbers.resized(scale).raster(), classes: 256) }
        // A value that is no class either: the reason is the same.
        expectFailure("resized") { try decode(.index, numbers.resized(scale).raster(), classes: 12) }
    }

    @Test("Smooth edges, in 8 and in 16 bits") func smooth() {
        expectFailure("smooth edges") { try decode(.binary, DrawnLabels.mask.smoothed().raster()) }
        var wide = DrawnLabels.mask.smoothed()
        wide.samples = wide.samples.map { $0 * 257 }
        expectFailure("smooth edges") { try decode(.binary, wide.raster(maximum: 65535)) }
        var floats = DrawnLabels.mask.smoothed().raster()
        floats.content = .floats(floats.samples.map { Float($0) / 255 })
        expectFailure("labels are whole numbers") { try decode(.binary, floats) }
    }

    @Test("Compressed with loss, much and little", arguments: [1, 2, 4, 10, 30])
    func compressed(height: Int) {
        expectFailure("compressed with loss (JPEG)") {
            try decode(.binary, DrawnLabels.mask.rippled(height).raster())
        }
        expectFailure("compressed with loss (JPEG)") {
            try decode(.instances, DrawnLabels.mask.rippled(height).raster())
        }
    }

    @Test("Pictures") func pictures() {
        let red = { (value: Int) in (value, 0, 0) }
        expectFailure("colours", "smooth edges") { try decode(.binary, DrawnLabels.mask.smoothed().picture(red)) }
        let palette = LabelEncoding.palette([RGBColor(0, 0, 0), RGBColor(255, 0, 0)])
        expectFailure("colours", "smooth edges") { try decode(palette, DrawnLabels.mask.smoothed().picture(red)) }
    }

    @Test("Labels as they were drawn are taken, however crowded") func drawn() throws {
        let crowded = [
            DrawnLabels.discs(12, radius: 8...25) { $0 + 1 }, DrawnLabels.discs(200, radius: 2...5) { $0 + 1 },
            DrawnLabels.discs(900, radius: 1...3) { $0 + 1 }, DrawnLabels.discs(250, radius: 1...1) { $0 + 1 },
        ]
        for labels in crowded {
            for encoding in [LabelEncoding.binary, .instances, .index] {
                let decoded = try decode(encoding, labels.raster(maximum: 65535), classes: 1000)
                #expect(!decoded.doubts.contains(.thinValues))
            }
        }
        // A tiling without background, in any order of the numbers.
        for side in [3, 4, 7] {
            var tiles = DrawnLabels()
            for y in 0..<tiles.height {
                for x in 0..<tiles.width { tiles[y, x] = 1 + y / side * 61 + x / side }
            }
            _ = try decode(.instances, tiles.raster(maximum: 65535))
        }
        // Classes in few values, and one that is ignored along every edge.
        let classes = DrawnLabels.discs(30, radius: 6...20) { 1 + $0 % 5 }
        _ = try decode(.index, classes.raster(), classes: 6)
        var rim = classes
        for y in 0..<rim.height {
            for x in 0..<rim.width where classes[y, x] != classes[y, x + 1] || classes[y, x] != classes[y + 1, x] {
                rim[y, x] = 255
            }
        }
        _ = try decode(.index, rim.raster(), classes: 6, ignore: 255)
        _ = try decode(.binary, rim.raster(), ignore: 255)
    }

    @Test("What was enlarged by repetition is looked at as it was", arguments: [2, 3, 8]) func repeated(scale: Int)
        throws
    {
        for labels in [DrawnLabels.mask.resized(0.5), .mask.smoothed(), .mask.rippled(10)] {
            for encoding in [LabelEncoding.binary, .instances] {
                expectFailure("compressed with loss") { try decode(encoding, labels.repeated(scale).raster()) }
            }
        }
        _ = try decode(.instances, DrawnLabels.discs(30, radius: 2...9) { $0 + 1 }.repeated(scale).raster())
    }

    @Test("Speckled classes, thin layers and the smallest objects are taken") func finest() throws {
        var random = RandomStream(seed: 4, use: .synthesis, 2)
        let speckle = DrawnLabels.drawn { _, _ in random.integer(below: 9) }
        #expect(try decode(.index, speckle.raster(), classes: 9).doubts.contains(.thinValues))
        #expect(try decode(.binary, speckle.raster()).doubts.contains(.mergedObjects))
        for thickness in [1, 2, 3] {
            let layers = DrawnLabels.drawn { y, x in min(max((y + x / 7 % 5 - 30) / thickness, 0), 8) }
            _ = try decode(.index, layers.raster(), classes: 9)
            let rings = DrawnLabels.drawn { y, x in
                Int(Double((y - 40) * (y - 40) + (x - 48) * (x - 48)).squareRoot()) / thickness % 5
            }
            _ = try decode(.index, rings.raster(), classes: 5)
        }
        // Numbered row by row, each object next to the one before it.
        for (across, down) in [(1, 1), (2, 1), (1, 2), (3, 2)] {
            let packed = DrawnLabels.drawn { y, x in y / down * 97 + x / across + 1 }
            _ = try decode(.instances, packed.raster(maximum: 65535))
            _ = try decode(.binary, packed.raster(maximum: 65535))
        }
        // Numbers that happen to lie near both ends of the scale.
        let ends = DrawnLabels.discs(12, radius: 3...9) { $0 % 2 == 0 ? 1 + $0 : 241 + $0 }
        _ = try decode(.instances, ends.raster())
        _ = try decode(.binary, ends.raster())
    }

    @Test("A class of borders is a doubt, no error") func thinClasses() throws {
        let mask = DrawnLabels.discs(6, radius: 7...14) { _ in 2 }
        var bordered = mask
        for y in 0..<mask.height {
            for x in 0..<mask.width where mask[y, x] == 2 {
                if [mask[y, x - 1], mask[y, x + 1], mask[y - 1, x], mask[y + 1, x]].contains(0) { bordered[y, x] = 1 }
            }
        }
        #expect(try decode(.index, bordered.raster(), classes: 3).doubts.contains(.thinValues))
        #expect(try !decode(.index, mask.raster(), classes: 3).doubts.contains(.thinValues))
        // A border of three pixels is drawn by hand.
        #expect(try decode(.index, mask.resized(2).raster(), classes: 3).doubts.contains(.thinValues))
    }
}
