import Images
import Kernels
import Metrics
import Testing

/// Objects out of probabilities.
@Suite struct ObjectSeparationTests {
    /// Classes and the certainty of a picture with two classes whose foreground has the probability that `value` gives.
    private func picture(
        _ height: Int, _ width: Int, _ value: (Double, Double) -> Double
    ) -> (classes: LabelMap, certainty: [Float]) {
        let classes = LabelMap(height: height, width: width, filledWith: 0)
        var certainty: [Float] = []
        for y in 0..<height {
            for x in 0..<width {
                let probability = value(Double(y), Double(x))
                classes[y, x] = probability > 0.5 ? 1 : 0
                certainty.append(Float(max(probability, 1 - probability)))
            }
        }
        return (classes, certainty)
    }

    /// The probability at a distance, in pixels, inside an outline.
    private func soft(_ inside: Double) -> Double { min(max(0.5 + 0.25 * inside, 0.02), 0.98) }

    private func disk(_ y: Double, _ x: Double, at centre: (Double, Double), radius: Double) -> Double {
        radius - ((y - centre.0) * (y - centre.0) + (x - centre.1) * (x - centre.1)).squareRoot()
    }

    private func areas(_ objects: LabelMap, _ count: Int) -> [Int] {
        var areas = [Int](repeating: 0, count: count)
        for value in objects.values.prefix(objects.height * objects.width) where value > 0 {
            areas[Int(value) - 1] += 1
        }
        return areas
    }

    @Test("disks that overlap are parted at their neck, of any size", arguments: [5.0, 9, 20, 45])
    func touchingDisks(radius: Double) throws {
        let gap = 1.6 * radius
        let size = Int(6 * radius)
        let (classes, certainty) = picture(size, size) { y, x in
            let first = disk(y, x, at: (2 * radius, 2 * radius), radius: radius)
            return soft(max(first, disk(y, x, at: (2 * radius + 3, 2 * radius + gap), radius: radius)))
        }
        #expect(ConnectedComponents.label(classes).count == 1)
        let (objects, count) = try ObjectSeparation().objects(classes: classes, certainty: certainty)
        #expect(count == 2)
        let areas = areas(objects, count)
        #expect(abs(areas[0] - areas[1]) < areas[0] / 8)
        #expect(objects[Int(2 * radius), Int(2 * radius)] != objects[Int(2 * radius + 3), Int(2 * radius + gap)])
        #expect((0..<size * size).allSatisfy { (objects.values[$0] > 0) == (classes.values[$0] > 0) })
    }

    @Test("one object stays one: disks, long and bent ones, with rough outlines", arguments: 0..<5)
    func singleObjects(kind: Int) throws {
        var random = RandomStream(seed: 11, use: .synthesis, kind)
        let (classes, certainty) = picture(90, 120) { y, x in
            let rough = 0.8 * (random.uniform() - 0.5)
            switch kind {
            case 0: return soft(disk(y, x, at: (40, 60), radius: 25) + rough)
            case 1: return soft(disk(2.5 * (y - 40) + 40, x, at: (40, 60), radius: 40) + rough)
            case 2: return soft(min(10 - abs(y - 40), 50 - abs(x - 60)) + rough)
            case 3: return soft(8 - abs(disk(y, x, at: (80, 60), radius: 40)) + rough)
            default: return soft(disk(y, x, at: (40, 60), radius: 3) + rough)
            }
        }
        let (_, count) = try ObjectSeparation(minimumSize: 5).objects(classes: classes, certainty: certainty)
        #expect(count == 1)
    }

    @Test func aSeamOfDoubtPartsWhatTheOutlineDoesNot() throws {
        for dip in [0.3, 0.0] {
            let (classes, certainty) = picture(60, 100) { y, x in
                let inside = min(15 - abs(y - 30), 40 - abs(x - 50))
                return soft(inside) - (abs(x - 50) < 2 && inside > 0 ? dip : 0)
            }
            let (objects, count) = try ObjectSeparation().objects(classes: classes, certainty: certainty)
            #expect(count == (dip > 0 ? 2 : 1))
            if count == 2 { #expect(objects[30, 30] == 1 && objects[30, 70] == 2) }
        }
    }

    @Test func classesAreKeptApartAndSmallObjectsLeftOut() throws {
        let classes = LabelMap(height: 12, width: 30, filledWith: 0)
        // Two classes side by side, one of them again elsewhere, and a speck in between.
        for y in 1..<11 {
            for x in 12..<28 { classes[y, x] = x < 20 ? 2 : 1 }
            for x in 1..<8 { classes[y, x] = 2 }
        }
        classes[5, 9] = 1
        classes[6, 9] = 1
        let certainty = [Float](repeating: 0.95, count: 360)
        let (objects, count) = try ObjectSeparation().objects(classes: classes, certainty: certainty)
        #expect(count == 4)
        // Numbers follow the first pixels, row by row.
        #expect([objects[1, 1], objects[1, 12], objects[1, 27], objects[6, 9]] == [1, 2, 3, 4])
        #expect(areas(objects, 4) == [70, 80, 80, 2])
        for (size, expected) in [(2, 4), (3, 3), (71, 2), (1000, 0)] {
            let found = try ObjectSeparation(minimumSize: size).objects(classes: classes, certainty: certainty)
            #expect(found.count == expected)
            #expect(areas(found.objects, found.count).allSatisfy { $0 >= size })
        }
        let nothing = LabelMap(height: 3, width: 3, filledWith: 0)
        #expect(try ObjectSeparation().objects(classes: nothing, certainty: Array(repeating: 1, count: 9)).count == 0)
        let full = LabelMap(height: 3, width: 3, filledWith: 1)
        #expect(try ObjectSeparation().objects(classes: full, certainty: Array(repeating: 1, count: 9)).count == 1)
    }

    /// Peaks against their definition: down from each pixel through sinking levels until a higher one is in the region.
    @Test func peaksHaveTheDynamicsThatTheyNeed() {
        for trial in 0..<40 {
            var random = RandomStream(seed: 2, use: .synthesis, trial)
            let (height, width) = (2 + trial % 7, 3 + trial % 5)
            let count = height * width
            // Few values, so that many are equal.
            let heights = (0..<count).map { _ in Float(Int(random.uniform() * 9)) }
            let mask = (0..<count).map { _ in random.uniform() < 0.85 }
            let peaks = SignificantPeaks(leastDynamics: 2, leastShare: 0.4)
            let markers = peaks.markers(heights, within: mask, height: height, width: width)
            func isHigher(_ a: Int, _ b: Int) -> Bool { heights[a] > heights[b] || heights[a] == heights[b] && a < b }
            var expected: [Int] = []
            for pixel in 0..<count where mask[pixel] {
                var dynamics: Float?
                for level in stride(from: heights[pixel], through: 0, by: -1) where dynamics == nil {
                    let region = LabelMap(height: height, width: width, filledWith: 0)
                    for i in 0..<count where mask[i] && heights[i] >= level { region.values[i] = 1 }
                    let labels = ConnectedComponents.label(region).objects
                    let own = (0..<count).filter { labels.values[$0] == labels.values[pixel] }
                    if own.contains(where: { isHigher($0, pixel) }) { dynamics = heights[pixel] - level }
                }
                if dynamics.map({ $0 >= max(2, 0.4 * heights[pixel]) }) ?? true { expected.append(pixel) }
            }
            #expect((0..<count).filter { markers.values[$0] > 0 } == expected, "trial \(trial)")
            #expect(expected.map { markers.values[$0] } == (0..<expected.count).map { Int32($0) + 1 })
        }
    }

    @Test func theTableMeasuresEachObject() {
        let objects = LabelMap(height: 4, width: 5, filledWith: 0)
        let classes = LabelMap(height: 4, width: 5, filledWith: 0)
        for (y, x, number, index) in [(0, 4, 1, 1), (1, 1, 2, 2), (1, 2, 2, 2), (2, 2, 2, 2), (3, 2, 2, 2)] {
            objects[y, x] = Int32(number)
            classes[y, x] = Int32(index)
        }
        let grey = RasterImage(width: 5, height: 4, channels: 1, samples: (0..<20).map { UInt16($0 * $0 % 251) })
        let table = ObjectTable(objects, count: 2, classes: classes, image: grey)
        // Shapes as scikit-image 0.26 measures them, with a spacing of 0.5 for those in micrometres.
        let head =
            "object,class,area,row,column,first_row,first_column,last_row,last_column,mean,class_name,perimeter,"
            + "equivalent_diameter,major_axis,minor_axis,eccentricity,solidity,area_um2,perimeter_um,"
            + "equivalent_diameter_um,major_axis_um,minor_axis_um"
        #expect(
            table.csv(classNames: ["none", "a, b", "c"], pixelSize: PixelSize(x: 0.5, y: 0.5)) == """
                \(head)
                1,1,1,0.000,4.000,0,4,0,4,16.000,"a, b",0.0000,1.1284,0.0000,0.0000,0.0000,1.0000,0.2500,0.0000,0.5642,0.0000,0.0000
                2,2,4,1.750,1.750,1,1,3,2,66.750,c,3.2071,2.2568,3.4641,1.4142,0.9129,0.8000,1.0000,1.6036,1.1284,1.7321,0.7071

                """)
        let colour = RasterImage(
            width: 5, height: 4, channels: 2, maximum: 1, content: .floats((0..<40).map { Float($0) - 0.5 }))
        let lines = ObjectTable(objects, count: 2, classes: classes, image: colour).csv(classNames: [])
            .split(separator: "\n")
        #expect(lines[0].contains(",mean_1,mean_2,class_name,perimeter,"))
        #expect(lines[1].hasPrefix("1,1,1,0.000,4.000,0,4,0,4,7.500,8.500,,"))
        let none = LabelMap(height: 4, width: 5, filledWith: 0)
        #expect(ObjectTable(none, count: 0, classes: none, image: grey).rows.isEmpty)
    }
}
