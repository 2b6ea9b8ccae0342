import Kernels
import Segmentation
import TestSupport
import Testing

/// Random rectangles, the later ones over the earlier; numbers have gaps.
private func rectangles(_ height: Int, _ width: Int, count: Int, seed: Int) -> LabelMap {
    var stream = RandomStream(seed: UInt64(seed), use: .synthesis, height)
    let map = LabelMap(height: height, width: width, filledWith: 0)
    for number in 0..<count {
        let (top, left) = (stream.integer(below: height), stream.integer(below: width))
        let (rows, columns) = (1 + stream.integer(below: 7), 1 + stream.integer(below: 7))
        for y in top..<min(top + rows, height) {
            for x in left..<min(left + columns, width) { map[y, x] = Int32(3 * number + 2) }
        }
    }
    return map
}

@Suite struct BorderWeightsTests {
    @Test("w(x) is the formula with distances by trying every pixel of every object", arguments: 0..<12)
    func bruteForce(seed: Int) {
        let (height, width) = (20 + seed, 31 - seed)
        let objects = rectangles(height, width, count: seed, seed: seed)
        let border = BorderWeights(w0: 10, sigma: 1 + Double(seed % 5))
        let map = border.map(objects: objects)
        for pixel in 0..<height * width {
            let (y, x) = pixel.quotientAndRemainder(dividingBy: width)
            var nearest: [Int32: Double] = [:]
            for other in 0..<height * width where objects.values[other] > 0 {
                let (row, column) = other.quotientAndRemainder(dividingBy: width)
                let distance = Double((row - y) * (row - y) + (column - x) * (column - x)).squareRoot()
                nearest[objects.values[other]] = min(nearest[objects.values[other]] ?? .infinity, distance)
            }
            let distances = nearest.values.sorted()
            var expected = 0.0
            if objects.values[pixel] == 0, distances.count >= 2 {
                let sum = distances[0] + distances[1]
                expected = border.w0 * Elementary.exp(-sum * sum / (2 * border.sigma * border.sigma))
            }
            #expect(abs(Double(map.base[pixel]) - expected) < 1e-6, "\(y), \(x)")
        }
    }

    @Test func touchingInstancesGetABorderWithTheLargestWeight() {
        // Two halves of a square that touch: the border between them is background, one pixel from both.
        let instances = LabelMap(height: 12, width: 20, filledWith: 0)
        let labels = LabelMap(height: 12, width: 20, filledWith: 0)
        for y in 2..<10 {
            for x in 4..<16 {
                instances[y, x] = x < 10 ? 7 : 9
                labels[y, x] = 1
            }
        }
        TouchingObjects.part(labels, objects: instances)
        let sample = Sample(stem: "s", image: Tensor(12, 20, 1), labels: labels, instances: instances)
        #expect((2..<10).allSatisfy { labels[$0, 9] == 0 && labels[$0, 8] == 1 && labels[$0, 10] == 1 })
        #expect(ConnectedComponents.label(labels).count == 2)
        let term = sample.borderTerm(BorderWeights())
        #expect(abs(term[5, 9, 0] - 10 * Float(Elementary.exp(-4.0 / 50))) < 1e-5)
        #expect(term[5, 8, 0] == 0 && term[0, 9, 0] < term[1, 9, 0])
    }
}

@Suite struct TouchingObjectsTests {
    @Test("Parted objects have no pixel of another beside them, and only touching ones change", arguments: 0..<20)
    func parted(seed: Int) {
        let (height, width) = (24, 17 + seed)
        let objects = rectangles(height, width, count: 12, seed: 100 + seed)
        let classes = LabelMap(height: height, width: width, filledWith: 0)
        for i in 0..<height * width { classes.values[i] = objects.values[i] > 0 ? 1 : 0 }
        TouchingObjects.part(classes, objects: objects)
        func object(_ y: Int, _ x: Int) -> Int32 {
            y >= 0 && x >= 0 && y < height && x < width && classes[y, x] > 0 ? objects[y, x] : 0
        }
        for y in 0..<height {
            for x in 0..<width {
                let others = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
                if object(y, x) > 0 {
                    #expect(others.allSatisfy { [0, object(y, x)].contains(object(y + $0.0, x + $0.1)) })
                } else if objects[y, x] > 0 {
                    // What was taken lies within two pixels of another object.
                    let isNear = (-2...2).contains { dy in
                        (-2...2).contains { dx in
                            let (row, column) = (y + dy, x + dx)
                            guard (0..<height).contains(row), (0..<width).contains(column) else { return false }
                            return objects[row, column] > 0 && objects[row, column] != objects[y, x]
                        }
                    }
                    #expect(isNear)
                }
            }
        }
    }
}

@Suite struct ClassWeightingTests {
    @Test func balancedIsTheInverseShareAndAbsentClassesCountNothing() {
        #expect(ClassWeighting.none.weights(pixels: [5, 5]) == nil)
        #expect(ClassWeighting.balanced.weights(pixels: [10, 30, 0, 40]) == [2, 80 / 120, 0, 0.5])
        #expect(ClassWeighting.list([1, 3]).weights(pixels: [7, 0]) == [1, 3])
    }
}
