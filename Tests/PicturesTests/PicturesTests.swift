import Datasets
import Images
import Kernels
import Metrics
import Pictures
import Testing

@Suite struct PicturesTests {
    /// A pixel of an RGB picture.
    func pixel(_ picture: RasterImage, _ y: Int, _ x: Int) -> [UInt16] {
        let start = (y * picture.width + x) * 3
        return Array(picture.samples[start..<(start + 3)])
    }

    func ramp(_ height: Int, _ width: Int, channels: Int) -> Tensor {
        let image = Tensor(height, width, channels)
        for i in 0..<image.count { image.base[i] = Float(i / channels % width) / 7 - 3 }
        return image
    }

    @Test func enlargesSmallImagesByAWholeNumber() {
        for (width, expected) in [(1, 256), (16, 256), (100, 300), (255, 510), (256, 256), (300, 300)] {
            let picture = Overlay(colors: ClassColors(classes: 2))
                .picture(
                    image: ShownImage(Tensor(2, width, 1)), classes: LabelMap(height: 2, width: width, filledWith: 0))
            #expect(picture.width == expected)
            // Below it the legend.
            #expect(picture.height == 2 * expected / width + 23)
            #expect(picture.channels == 3 && picture.maximum == 255)
        }
    }

    @Test func doesNotEnlargeNarrowImagesBeyondAPicture() {
        let picture = Overlay(colors: ClassColors(classes: 2))
            .picture(
                image: ShownImage(Tensor(2000, 2, 1)), classes: LabelMap(height: 2000, width: 2, filledWith: 0))
        #expect(picture.height <= ShownImage.mostOfPicture + 23)
    }

    @Test(arguments: [1, 2, 3, 5]) func stretchesToBlackAndWhite(channels: Int) {
        let background = LabelMap(height: 4, width: 300, filledWith: 0)
        let image = ramp(4, 300, channels: channels)
        let picture = Overlay(colors: ClassColors(classes: 2)).picture(image: ShownImage(image), classes: background)
        #expect(pixel(picture, 1, 0) == [0, 0, 0])
        #expect(pixel(picture, 1, 299) == [255, 255, 255])
        #expect(abs(Int(pixel(picture, 1, 150)[0]) - 128) <= 2)
        // One pixel far brighter than the rest, or not a number, changes nothing for the others.
        image.base[0] = 1e9
        image.base[channels] = .nan
        let again = Overlay(colors: ClassColors(classes: 2)).picture(image: ShownImage(image), classes: background)
        #expect(abs(Int(pixel(again, 1, 150)[0]) - 128) <= 2)
    }

    @Test func showsThreeChannelsInColour() {
        let image = Tensor(1, 300, 3)
        for x in 0..<300 { image[0, x, x / 100] = 1 }
        let picture = Overlay(colors: ClassColors(classes: 2))
            .picture(image: ShownImage(image), classes: LabelMap(height: 1, width: 300, filledWith: 0))
        #expect(pixel(picture, 0, 0) == [255, 0, 0])
        #expect(pixel(picture, 0, 150) == [0, 255, 0])
        #expect(pixel(picture, 0, 299) == [0, 0, 255])
    }

    @Test func tintsInsideAndOutlinesTheEdge() {
        let classes = LabelMap(height: 8, width: 8, filledWith: 0)
        for y in 2..<6 { for x in 2..<6 { classes[y, x] = 1 } }
        let color = RGBColor(200, 100, 0)
        let overlay = Overlay(colors: ClassColors([RGBColor(0, 0, 0), color]))
        let picture = overlay.picture(image: ShownImage(Tensor(8, 8, 1)), classes: classes)
        let plain = overlay.picture(
            image: ShownImage(Tensor(8, 8, 1)), classes: LabelMap(height: 8, width: 8, filledWith: 0))
        // Each pixel is 32 wide: the region's outermost line is the pure colour, its inside between image and colour.
        #expect(pixel(picture, 64, 100) == [200, 100, 0])
        #expect(pixel(picture, 191, 100) == [200, 100, 0])
        let inside = pixel(picture, 100, 100)
        let grey = pixel(plain, 100, 100)
        #expect(inside[0] > grey[0] && inside[0] < 200 && inside[2] < grey[2])
        // Around the line a halo, dark since the line is bright, and beyond it nothing.
        #expect(pixel(picture, 63, 100)[0] < pixel(plain, 63, 100)[0] / 2)
        #expect(pixel(picture, 62, 100) == pixel(plain, 62, 100))
    }

    @Test func marksErrorsApart() {
        let truth = LabelMap(height: 1, width: 300, filledWith: 0)
        let prediction = LabelMap(height: 1, width: 300, filledWith: 0)
        for x in 0..<150 { truth[0, x] = 1 }
        for x in 100..<200 { prediction[0, x] = 1 }
        for x in 250..<300 { truth[0, x] = LabelMap.ignored }
        let picture = ValidationPanel(colors: ClassColors(classes: 2))
            .picture(image: ShownImage(Tensor(1, 300, 1)), truth: truth, prediction: prediction)
        let start = picture.width - 300
        #expect(picture.width > 900)
        // Below the captions.
        let y = 17
        let missed = pixel(picture, y, start + 50)
        let found = pixel(picture, y, start + 120)
        let falselyFound = pixel(picture, y, start + 180)
        let plain = pixel(picture, y, start + 230)
        let ignored = pixel(picture, y, start + 280)
        #expect(Set([missed, found, falselyFound, plain, ignored]).count == 5)
        #expect(missed[0] > 150 && missed[1] < 130)
        #expect(falselyFound[0] > 150 && falselyFound[1] > 150)
        #expect(ignored[0] < plain[0])
        // The truth's panel shows the same foreground as the prediction's where both agree.
        #expect(pixel(picture, y, start - picture.width / 3 + 120 - 2)[2] == found[2])
    }

    @Test func showsErrorsAmongManyClassesInAPanelOfTheirOwn() {
        let truth = LabelMap(height: 8, width: 300, filledWith: 1)
        let prediction = LabelMap(height: 8, width: 300, filledWith: 2)
        let panel = ValidationPanel(colors: ClassColors(classes: 3))
        let wrong = panel.picture(image: ShownImage(Tensor(8, 300, 1)), truth: truth, prediction: prediction)
        let right = panel.picture(image: ShownImage(Tensor(8, 300, 1)), truth: prediction, prediction: prediction)
        // Two above two, each below its caption.
        #expect(wrong.width == 606 && right.width == 606)
        let (x, y) = (306 + 150, 17 + 8 + 6 + 17 + 4)
        #expect(pixel(wrong, y, x)[0] > pixel(wrong, y, x)[2] + 100)
        #expect(Set(pixel(right, y, x)).count == 1)
        // The prediction has its class's colour, nearly.
        let color = ClassColors(classes: 3).colors[2]
        let drawn = pixel(right, 17 + 4, 306 + 150)
        #expect(drawn == pixel(right, y, 150))
        #expect(zip(drawn, [color.red, color.green, color.blue]).allSatisfy { abs(Int($0) - Int($1)) < 64 })
    }

    @Test("8-bit RGB keeps its colours, and a large image is scaled down by means")
    func coloursOfFiles() throws {
        let samples = (0..<300 * 2).flatMap { _ in [90, 100, 110] as [UInt16] }
        let image = RasterRows(RasterImage(width: 300, height: 2, channels: 3, samples: samples))
        let background = LabelMap(height: 2, width: 300, filledWith: 0)
        let overlay = Overlay(colors: ClassColors(classes: 2))
        let picture = overlay.picture(image: try ShownImage(image), classes: background)
        #expect(pixel(picture, 1, 7) == [90, 100, 110])
        // Columns of 0 and 200 in turn become 100, labels stay labels, and nothing is larger than asked for.
        let stripes = (0..<3000 * 4).map { UInt16($0 % 2 * 200) }
        let large = RasterRows(
            RasterImage(
                width: 3000, height: 4, channels: 3, samples: stripes.flatMap { [$0, $0, $0] }))
        let classes = LabelMap(height: 4, width: 3000, filledWith: 0)
        for y in 0..<4 { for x in 1500..<3000 { classes[y, x] = 1 } }
        let small = overlay.picture(image: try ShownImage(large, atMost: 1500), classes: classes)
        #expect(small.width == 1500 && pixel(small, 0, 300) == [100, 100, 100] && pixel(small, 0, 760)[2] > 110)
        let panel = ValidationPanel(colors: ClassColors(classes: 2), names: ["none", "cell"])
            .picture(image: ShownImage(Tensor(4, 3000, 1)), truth: classes, prediction: classes)
        #expect(panel.width == 3 * 1500 + 12)
    }

    @Test("a legend has the colours and the names of the classes that are there, and of no others")
    func legend() {
        let classes = LabelMap(height: 40, width: 300, filledWith: 1)
        let colors = ClassColors([RGBColor(0, 0, 0), RGBColor(1, 200, 3), RGBColor(250, 4, 5)])
        let overlay = Overlay(colors: colors, names: ["none", "Zellkern µ", "other"])
        let picture = overlay.picture(image: ShownImage(Tensor(40, 300, 1)), classes: classes)
        let below = (41..<picture.height).flatMap { y in (0..<300).map { pixel(picture, y, $0) } }
        #expect(below.contains([1, 200, 3]) && !below.contains([250, 4, 5]) && below.contains([34, 34, 34]))
        // Long names are cut, and many wrap.
        let many = Overlay(
            colors: ClassColors(classes: 20), names: (0..<20).map { "class of a long name, number \($0)" })
        for x in 0..<300 { for y in 0..<40 { classes[y, x] = Int32(x / 15) } }
        #expect(many.picture(image: ShownImage(Tensor(40, 300, 1)), classes: classes).height > 40 + 19 * 17)
    }

    @Test func palettesOfClassImages() {
        let two = PredictionPictures.palette(
            ClassColors([RGBColor(1, 2, 3), RGBColor(4, 5, 6)]), count: 2)
        #expect(two.count == 256 && two[0] == RGBColor(1, 2, 3) && two[255] == RGBColor(4, 5, 6))
        #expect(PredictionPictures.palette(ClassColors(classes: 3), count: 4).count == 4)
    }

    @Test func coloursDiffer() {
        let colors = ClassColors(classes: 15).colors
        #expect(Set(colors).count == 15)
        #expect(ClassColors(classes: 3).tint(0) == nil)
        #expect(ClassColors(classes: 3).tint(1) != nil)
        #expect(ClassColors([RGBColor(9, 9, 9)]).tint(0) == RGBColor(9, 9, 9))
        #expect(ClassColors([RGBColor(9, 9, 9)]).tint(1) == nil)
    }
}

@Suite struct TrainingPanelTests {
    @Test func showsInputClassesAndWeightsWhereTheyCount() {
        let (labels, weights) = (LabelMap(height: 260, width: 260, filledWith: 0), Tensor(260, 260, 1))
        labels[0, 0] = LabelMap.ignored
        for pixel in 0..<weights.count { weights.base[pixel] = 1 }
        weights[5, 5, 0] = 10
        let panel = TrainingPanel(colors: ClassColors(classes: 2))
        func color(_ picture: RasterImage, _ y: Int, _ x: Int) -> [UInt16] {
            // Below the caption.
            (0..<3).map { picture.samples[((y + 17) * picture.width + x) * 3 + $0] }
        }
        let image = Tensor(276, 276, 1)
        let picture = panel.picture(TrainingTile(image: image, labels: labels, weights: weights))
        #expect(picture.width == 3 * 276 + 2 * 6 && picture.height == 17 + 276 + 23)
        let left = 2 * (276 + 6) + 8
        #expect(color(picture, 8 + 5, left + 5) == [255, 255, 255])
        #expect(color(picture, 8 + 9, left + 9) == [77, 0, 0])
        #expect(color(picture, 8, left) == [64, 64, 64] && color(picture, 0, left) == [64, 64, 64])
        // All weights alike: no tile looks as if borders were everywhere.
        weights[5, 5, 0] = 1
        let plain = panel.picture(TrainingTile(image: image, labels: labels, weights: weights))
        #expect(color(plain, 8 + 5, left + 5) == [153, 0, 0])
        #expect(panel.picture(TrainingTile(image: image, labels: labels)).width == 2 * 276 + 6)
    }

    @Test func touchingObjectsHaveColoursOfTheirOwn() {
        let objects = LabelMap(height: 40, width: 300, filledWith: 0)
        // Bricks, numbered so that turns alone would give neighbours one colour.
        for y in 0..<40 { for x in 0..<300 { objects[y, x] = Int32(y / 10 * 7 + (x + y / 10 * 20) / 50 + 1) } }
        func draw(_ objects: LabelMap, _ count: Int, numbers: Bool = false) -> RasterImage {
            let image = RasterImage(width: 300, height: 40, channels: 1, samples: Array(repeating: 9, count: 12000))
            let classes = LabelMap(height: 40, width: 300, filledWith: 1)
            let table = ObjectTable(objects, count: count, classes: classes, image: image)
            return ObjectOverlay(names: ["none", "cell"], numbers: numbers)
                .picture(image: ShownImage(Tensor(40, 300, 1)), objects: objects, table: table)
        }
        let picture = draw(objects, 29)
        func color(_ y: Int, _ x: Int) -> [UInt16] { (0..<3).map { picture.samples[(y * 300 + x) * 3 + $0] } }
        for y in 0..<39 {
            for x in 0..<299 {
                for (dy, dx) in [(0, 1), (1, 0)] where objects[y, x] != objects[y + dy, x + dx] {
                    // Both are outline, in the pure colours.
                    #expect(color(y, x) != color(y + dy, x + dx), "\(y), \(x)")
                }
            }
        }
        // Within, the image shows through; where no object is, nothing else does.
        #expect(color(5, 25) != color(0, 49))
        let none = LabelMap(height: 40, width: 300, filledWith: 0)
        let plain = draw(none, 0)
        #expect(Set(plain.samples.prefix(3 * 300 * 40)).count == 1)
        #expect(draw(objects, 29, numbers: true).samples != picture.samples)
    }
}
