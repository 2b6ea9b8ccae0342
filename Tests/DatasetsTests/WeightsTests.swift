import Datasets
import Kernels
import Metrics
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
    @Test("w(x) is the formula with distances by trying every pixel of every object")
    func bruteForce() throws {
        let cases = try MetricVectors.shared.get().borders
        #expect(cases.count >= 12)
        for example in cases {
            let objects = MetricVectors.map(example.objects, example.height, example.width)
            let map = BorderWeights(w0: example.w0, sigma: example.sigma).weightMap(objects: objects)
            let worst = zip(map.values, example.weights).map { abs(Double($0) - $1) }.max() ?? 0
            #expect(map.count == example.weights.count && worst < 1e-6, "\(example.name): \(worst)")
        }
    }

    @Test func numbersMayHaveGapsAndObjectsSeveralParts() {
        // Objects 5, 70000 and 5 again, in one row: only the distance to another number counts as the second.
        let objects = LabelMap(height: 1, width: 12, filledWith: 0)
        objects[0, 1] = 5
        objects[0, 5] = 5
        objects[0, 10] = 70_000
        let map = BorderWeights(w0: 1, sigma: 5).weightMap(objects: objects)
        #expect(abs(Double(map[0, 3, 0]) - Elementary.exp(-Double(9 * 9) / 50)) < 1e-6)
        #expect(abs(Double(map[0, 7, 0]) - Elementary.exp(-Double(5 * 5) / 50)) < 1e-6)
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
