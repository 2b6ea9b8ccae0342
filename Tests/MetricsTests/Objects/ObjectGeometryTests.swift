import Kernels
import Metrics
import Testing

/// Random maps of odd shapes; with few zeros regions are large, with many they are small.
private func randomMap(_ height: Int, _ width: Int, classes: Int, zeros: Double, seed: Int) -> LabelMap {
    var stream = RandomStream(seed: UInt64(seed), use: .synthesis, height, width)
    let map = LabelMap(height: height, width: width)
    for i in 0..<height * width {
        map.values[i] =
            stream.uniform() < zeros
            ? (stream.uniform() < 0.2 ? LabelMap.ignored : 0)
            : Int32(1 + stream.integer(below: classes))
    }
    return map
}

private let shapes = [(1, 1), (1, 9), (8, 1), (2, 2), (7, 13), (31, 17), (40, 64)]

@Suite struct ConnectedComponentsTests {
    /// By flooding from each pixel in turn.
    private func flooded(_ map: LabelMap) -> [Int32] {
        var numbers = [Int32](repeating: 0, count: map.height * map.width)
        var next: Int32 = 0
        for start in numbers.indices where map.values[start] > 0 && numbers[start] == 0 {
            next += 1
            var open = [start]
            while let pixel = open.popLast() {
                guard numbers[pixel] == 0, map.values[pixel] == map.values[start] else { continue }
                numbers[pixel] = next
                let (y, x) = pixel.quotientAndRemainder(dividingBy: map.width)
                if y > 0 { open.append(pixel - map.width) }
                if y + 1 < map.height { open.append(pixel + map.width) }
                if x > 0 { open.append(pixel - 1) }
                if x + 1 < map.width { open.append(pixel + 1) }
            }
        }
        return numbers
    }

    @Test("Regions are those that flooding finds, in the order of their first pixels", arguments: shapes)
    func regions(height: Int, width: Int) {
        for seed in 0..<8 {
            for zeros in [0.1, 0.35, 0.6] {
                let map = randomMap(height, width, classes: 1 + seed % 3, zeros: zeros, seed: seed)
                let (objects, count) = ConnectedComponents.label(map)
                let expected = flooded(map)
                #expect(Array(objects.values.prefix(height * width)) == expected)
                #expect(count == Int(expected.max() ?? 0))
            }
        }
    }

    @Test func aSpiralIsOneObjectAndAChessboardIsMany() {
        let size = 41
        let spiral = LabelMap(height: size, width: size, filledWith: 0)
        var (y, x, dy, dx) = (0, 0, 0, 1)
        var left = size * size
        while left > 0 {
            spiral[y, x] = 1
            let (nextY, nextX) = (y + 2 * dy, x + 2 * dx)
            let isFree =
                (0..<size).contains(y + dy) && (0..<size).contains(x + dx)
                && (!((0..<size).contains(nextY) && (0..<size).contains(nextX)) || spiral[nextY, nextX] == 0)
            if isFree { (y, x) = (y + dy, x + dx) } else { (dy, dx) = (dx, -dy) }
            left -= 1
        }
        #expect(ConnectedComponents.label(spiral).count == 1)
        let board = LabelMap(height: 9, width: 9, filledWith: 0)
        for i in 0..<81 where i % 2 == 0 { board.values[i] = 1 }
        #expect(ConnectedComponents.label(board).count == 41)
    }
}

@Suite struct DistanceTransformTests {
    @Test("Squared distances equal those by trying every target", arguments: shapes)
    func bruteForce(height: Int, width: Int) {
        for (seed, share) in [0.02, 0.1, 0.5, 0.95].enumerated() {
            var stream = RandomStream(seed: UInt64(seed), use: .synthesis, height, width)
            let targets = (0..<height * width).map { _ in stream.uniform() < share }
            let distances = DistanceTransform.squared(height: height, width: width) { targets[$0] }
            for pixel in targets.indices {
                let (y, x) = pixel.quotientAndRemainder(dividingBy: width)
                let expected = targets.indices.filter { targets[$0] }.map { target -> Int in
                    let (ty, tx) = target.quotientAndRemainder(dividingBy: width)
                    return (ty - y) * (ty - y) + (tx - x) * (tx - x)
                }.min()
                #expect(distances[pixel] == expected.map(Int32.init) ?? DistanceTransform.none)
            }
        }
    }

    @Test func oneTargetInAFarCorner() {
        let distances = DistanceTransform.squared(height: 300, width: 500) { $0 == 0 }
        #expect(distances[300 * 500 - 1] == 299 * 299 + 499 * 499)
    }
}
