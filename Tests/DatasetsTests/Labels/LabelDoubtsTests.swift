import Datasets
import Images
import Testing

@Suite("Labels that need a word, or cannot be meant") struct LabelDoubtsTests {
    private let black = RGBColor(0, 0, 0), white = RGBColor(255, 255, 255), red = RGBColor(255, 0, 0)
    private let blue = RGBColor(0, 0, 255), grey = RGBColor(128, 128, 128)

    private func decode(
        _ encoding: LabelEncoding, _ raster: RasterImage, classes: Int = 2, ignore: Int? = nil
    ) throws -> DecodedLabels {
        try encoding.decode(raster, classes: classes, ignoreValue: ignore, path: "l/a.png")
    }

    private func grey(
        _ samples: [UInt16], maximum: UInt64 = 255, palette: [RGBColor]? = nil, isWhiteZero: Bool = false,
        alpha: [UInt16]? = nil
    ) -> RasterImage {
        RasterImage(
            width: samples.count / 2, height: 2, channels: 1, maximum: maximum, content: .integers(samples),
            palette: palette, isWhiteZero: isWhiteZero, alpha: alpha)
    }

    private func rgb(_ samples: [UInt16], alpha: [UInt16]? = nil) -> RasterImage {
        RasterImage(width: samples.count / 6, height: 2, channels: 3, content: .integers(samples), alpha: alpha)
    }

    // MARK: - Numbers are not light

    @Test("MinIsWhite changes no number, and a picture's colours")
    func whiteIsZero() throws {
        for encoding in [LabelEncoding.index, .binary, .instances] {
            let decoded = try decode(encoding, grey([0, 1, 1, 0, 0, 0], maximum: 1, isWhiteZero: true))
            #expect(decoded.labels.list == [0, 1, 1, 0, 0, 0] && decoded.doubts.contains(.whiteIsZero))
        }
        #expect(try decode(.binary, grey([0, 255, 255, 0], isWhiteZero: true)).labels.list == [0, 1, 1, 0])
        #expect(
            try decode(.index, grey([0, 2, 1, 255], isWhiteZero: true), classes: 3, ignore: 255).labels.list == [
                0, 2, 1, -1,
            ])
        let colors = LabelEncoding.palette([black, white])
        let shown = try decode(colors, grey([0, 255, 255, 0], isWhiteZero: true))
        #expect(shown.labels.list == [1, 0, 0, 1] && !shown.doubts.contains(.whiteIsZero))
    }

    @Test("binary: a palette's colours count where only they can be meant")
    func binaryPalettes() throws {
        // Indices and colours agree.
        #expect(try decode(.binary, grey([0, 1, 1, 0], palette: [black, red])).labels.list == [0, 1, 1, 0])
        #expect(try decode(.binary, grey([0, 2, 1, 0], palette: [black, red, white])).labels.list == [0, 1, 1, 0])
        #expect(try decode(.binary, grey([0, 0, 0, 0], palette: [black, red])).labels.list == [0, 0, 0, 0])
        #expect(try decode(.binary, grey([1, 1, 1, 1], palette: [black, red])).labels.list == [1, 1, 1, 1])
        // A program has sorted the colours: black is not the first.
        #expect(try decode(.binary, grey([1, 0, 0, 1], palette: [red, black])).labels.list == [0, 1, 1, 0])
        #expect(try decode(.binary, grey([1, 0, 0, 1], palette: [white, black])).labels.list == [0, 1, 1, 0])
        #expect(try decode(.binary, grey([1, 1, 1, 1], palette: [white, black])).labels.list == [0, 0, 0, 0])
        #expect(
            try decode(.binary, grey([1, 0, 0, 2], palette: [red, black, white]), ignore: 2).labels.list == [
                0, 1, 1, -1,
            ])
        // Colours alone say nothing, or another thing than the indices.
        for (samples, palette) in [
            ([0, 1, 1, 0], [white, red]), ([0, 1, 1, 0], [black, black]), ([0, 0, 0, 0], [white, black]),
            ([0, 1, 2, 0], [blue, red, white]), ([1, 0, 2, 1], [white, black, red]),
            ([0, 2, 2, 0], [white, grey, black]),
        ] as [([UInt16], [RGBColor])] {
            expectFailure("l/a.png has a palette", "contradict", "data.labels: {palette") {
                try decode(.binary, grey(samples, palette: palette))
            }
        }
        // Numbers are numbers whatever their colours.
        for encoding in [LabelEncoding.index, .instances] {
            #expect(try decode(encoding, grey([0, 1, 1, 0], palette: [white, black])).labels.list == [0, 1, 1, 0])
        }
    }

    @Test("An index without a colour is a number, and no picture")
    func indicesWithoutColors() throws {
        let samples: [UInt16] = [0, 1, 255, 0]
        #expect(try decode(.index, grey(samples, palette: [black, red]), ignore: 255).labels.list == [0, 1, -1, 0])
        #expect(try decode(.binary, grey(samples, palette: [black, red]), ignore: 255).labels.list == [0, 1, -1, 0])
        #expect(try decode(.instances, grey(samples, palette: [black, red])).instances?.list == [0, 1, 255, 0])
        for encoding in [LabelEncoding.binary, .palette([black, red])] {
            expectFailure("l/a.png has pixels of index 255", "palette of 2 has no colour", "data.labels: index") {
                try decode(encoding, grey(samples, palette: [black, red]))
            }
        }
    }

    // MARK: - Alpha

    @Test("A mask in the alpha channel is refused") func masksInAlpha() {
        let alpha: [UInt16] = [0, 255, 255, 0]
        for level in [0, 128, 255] as [UInt16] {
            expectFailure("l/a.png is transparent in a part of class", "-alpha extract", "-alpha off") {
                try decode(.binary, rgb(Array(repeating: level, count: 12), alpha: alpha))
            }
            expectFailure("alpha") { try decode(.binary, grey(Array(repeating: level, count: 4), alpha: alpha)) }
        }
        expectFailure("alpha") { try decode(.index, grey([0, 0, 0, 0], alpha: alpha)) }
        expectFailure("alpha") { try decode(.instances, grey([7, 7, 7, 7], alpha: alpha)) }
        // A red object on white that nobody sees; smooth edges in alpha.
        expectFailure("alpha") {
            try decode(.binary, rgb([255, 255, 255, 255, 0, 0, 255, 0, 0, 0, 0, 0], alpha: [0, 255, 255, 0]))
        }
        expectFailure("alpha") { try decode(.binary, grey([0, 255, 255, 0], alpha: [0, 255, 128, 0])) }
        expectFailure("alpha") {
            try decode(
                .palette([black, red]), rgb([0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0], alpha: [255, 255, 255, 0]))
        }
        expectFailure("alpha") { try decode(.binary, grey([0, 0, 1, 1], palette: [black, red], alpha: alpha)) }
    }

    @Test("Alpha that says what the labels say is no matter") func harmlessAlpha() throws {
        let alpha: [UInt16] = [0, 255, 255, 0]
        #expect(try decode(.binary, grey([0, 255, 255, 0], alpha: alpha)).labels.list == [0, 1, 1, 0])
        #expect(try decode(.index, grey([1, 0, 0, 1], alpha: alpha)).labels.list == [1, 0, 0, 1])
        #expect(
            try decode(.palette([black, red]), rgb([0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0], alpha: alpha)).labels.list
                == [0, 1, 1, 0])
        // Of a palette's numbers, transparency follows from them.
        #expect(
            try decode(.index, grey([0, 1, 2, 0], palette: [black, red, white], alpha: alpha), classes: 3).labels.list
                == [0, 1, 2, 0])
    }

    // MARK: - Pictures that are no masks

    @Test("binary: one-hot pictures and colour maps are refused") func picturesWithoutBlack() throws {
        let labels = DrawnLabels.discs(4, radius: 6...10) { _ in 1 }
        let background = [(255, 0, 0), (68, 1, 84), (0, 0, 127), (10, 0, 0), (255, 255, 255), (0, 255, 0)]
        for color in background {
            expectFailure("several colours, none of them black", "one-hot", "colour map") {
                try decode(.binary, labels.picture { $0 == 0 ? color : (0, 0, 255) })
            }
        }
        #expect(try decode(.binary, labels.picture { $0 == 0 ? (0, 0, 0) : (9, 200, 3) }).labels.list.contains(1))
        // All of it an object.
        #expect(try decode(.binary, rgb(Array(repeating: 255, count: 12))).labels.list == [1, 1, 1, 1])
        let oneHot = RasterImage(width: 1, height: 2, channels: 4, samples: [0, 1, 0, 0, 1, 0, 0, 0])
        expectFailure("4 values a pixel", "one-hot") { try decode(.index, oneHot) }
    }

    // MARK: - Doubts

    @Test("binary: objects that touch by number or colour") func mergedObjects() throws {
        #expect(try decode(.binary, grey([1, 2, 0, 0])).doubts.contains(.mergedObjects))
        #expect(try decode(.binary, grey([0, 7, 0, 9])).doubts.contains(.mergedObjects))
        #expect(try !decode(.binary, grey([1, 0, 0, 2])).doubts.contains(.mergedObjects))
        #expect(try !decode(.binary, grey([1, 255, 0, 0]), ignore: 255).doubts.contains(.mergedObjects))
        #expect(try !decode(.instances, grey([1, 2, 0, 0])).doubts.contains(.mergedObjects))
        #expect(try decode(.binary, rgb([255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0])).doubts.contains(.mergedObjects))
        #expect(try !decode(.binary, rgb([255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0])).doubts.contains(.mergedObjects))
    }

    @Test("binary: values without a 0; instances: one number for many regions") func otherDoubts() throws {
        #expect(try decode(.binary, grey([1, 2, 1, 1])).doubts.contains(.noZero))
        #expect(try !decode(.binary, grey([1, 1, 1, 1])).doubts.contains(.noZero))
        #expect(try !decode(.binary, grey([0, 2, 1, 1])).doubts.contains(.noZero))
        #expect(try decode(.instances, grey([255, 0, 0, 255])).doubts.contains(.sharedNumbers))
        #expect(try decode(.instances, grey([255, 255, 0, 255])).doubts.contains(.sharedNumbers) == false)
        #expect(try decode(.instances, grey([1, 0, 0, 2])).doubts.contains(.sharedNumbers) == false)
    }

    @Test("instances: class maps, and objects that the border erases") func numbersOfOtherThings() throws {
        let cells = DrawnLabels.drawn { y, x in y % 10 < 5 && x % 12 < 6 ? 1 + (y / 10 + x / 12) % 2 : 0 }
        #expect(try decode(.instances, cells.raster()).doubts == [.sharedNumbers])
        let packed = DrawnLabels.drawn { y, x in y / 2 * 48 + x / 2 + 1 }
        #expect(try decode(.instances, packed.raster(maximum: 65535)).doubts.contains(.lostObjects))
        let roomy = DrawnLabels.drawn { y, x in y / 8 * 12 + x / 8 + 1 }
        #expect(try decode(.instances, roomy.raster(maximum: 65535)).doubts == [.wideBorders])
        let apart = DrawnLabels.drawn { y, x in y % 8 < 7 && x % 8 < 7 ? y / 8 * 12 + x / 8 + 1 : 0 }
        #expect(try decode(.instances, apart.raster(maximum: 65535)).doubts.isEmpty)
        let walls = DrawnLabels.drawn { y, x in y % 16 < 4 && x % 16 < 4 ? y / 16 * 6 + x / 16 + 2 : 1 }
        #expect(try decode(.instances, walls.raster()).doubts.contains(.noBackground))
    }
}
