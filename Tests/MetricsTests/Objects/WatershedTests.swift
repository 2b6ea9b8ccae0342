import Kernels
import Metrics
import Testing

@Suite struct WatershedTests {
    /// The same flood with a plain list that is searched from the front: the first of the lowest is next.
    static func naive(_ heights: [Float], _ markers: LabelMap, _ mask: [Bool]?, keepsLines: Bool) -> [Int32] {
        let (height, width) = (markers.height, markers.width)
        var out = [Int32](repeating: 0, count: height * width)
        var waiting: [(pixel: Int, from: Int32)] = []
        var seen: Set<Int> = []
        func neighbours(_ pixel: Int) -> [Int] {
            let (y, x) = (pixel / width, pixel % width)
            return [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)].compactMap { y, x in
                (0..<height).contains(y) && (0..<width).contains(x) ? y * width + x : nil
            }
        }
        for pixel in out.indices where markers.values[pixel] > 0 && mask?[pixel] != false {
            out[pixel] = markers.values[pixel]
            waiting.append((pixel, out[pixel]))
            seen.insert(pixel)
        }
        while let lowest = waiting.map({ heights[$0.pixel] }).min() {
            let (pixel, from) = waiting.remove(at: waiting.firstIndex { heights[$0.pixel] == lowest } ?? 0)
            let beside = Set(neighbours(pixel).map { out[$0] }).subtracting([0])
            if keepsLines && out[pixel] == 0 && beside.count > 1 { continue }
            out[pixel] = from
            for next in neighbours(pixel) where mask?[next] != false && seen.insert(next).inserted {
                waiting.append((next, from))
            }
        }
        return out
    }

    static func map(_ rows: [[Int32]]) -> LabelMap {
        let map = LabelMap(height: rows.count, width: rows[0].count)
        for (i, value) in rows.joined().enumerated() { map.values[i] = value }
        return map
    }

    static func values(_ map: LabelMap) -> [Int32] { Array(map.values.prefix(map.height * map.width)) }

    @Test(arguments: [false, true], [1, 3, 1000])
    func agreesWithAPlainList(keepsLines: Bool, levels: Int) {
        for (round, (height, width)) in [(1, 1), (1, 13), (11, 1), (9, 14), (21, 17)].enumerated() {
            for isMasked in [false, true] {
                var stream = RandomStream(seed: 8, use: .trials, round, levels)
                let count = height * width
                let heights = (0..<count).map { _ in Float(stream.integer(below: levels)) / 8 - 3 }
                let markers = LabelMap(height: height, width: width, filledWith: 0)
                for pixel in 0..<count where stream.uniform() < 0.06 {
                    markers.values[pixel] = Int32(stream.integer(below: 9)) - 1
                }
                let mask = isMasked ? (0..<count).map { _ in stream.uniform() < 0.8 } : nil
                let found = Watershed.flood(heights, markers: markers, within: mask, keepsLines: keepsLines)
                #expect(
                    Self.values(found) == Self.naive(heights, markers, mask, keepsLines: keepsLines),
                    "\(height)×\(width), masked: \(isMasked)")
            }
        }
    }

    @Test func partsTwoRegionsByALine() {
        let markers = Self.map([[1, 0, 0, 0, 2], [0, 0, 0, 0, 0]])
        let level = [Float](repeating: 0, count: 10)
        #expect(
            Self.values(Watershed.flood(level, markers: markers, keepsLines: true))
                == [1, 1, 0, 2, 2, 1, 1, 0, 2, 2])
        // Without lines the pixel in the middle goes to who reached it first: the marker that comes first.
        #expect(
            Self.values(Watershed.flood(level, markers: markers, keepsLines: false))
                == [1, 1, 1, 2, 2, 1, 1, 1, 2, 2])
        // A ridge keeps the regions apart, wherever it lies.
        let ridge: [Float] = [0, 9, 0, 0, 0, 0, 9, 0, 0, 0]
        #expect(
            Self.values(Watershed.flood(ridge, markers: markers, keepsLines: true))
                == [1, 0, 2, 2, 2, 1, 0, 2, 2, 2])
    }

    @Test func floodsNothingWithoutMarkersOrOutsideTheMask() {
        let level = [Float](repeating: 0, count: 6)
        let none = LabelMap(height: 2, width: 3, filledWith: 0)
        #expect(Self.values(Watershed.flood(level, markers: none, keepsLines: true)) == [0, 0, 0, 0, 0, 0])
        let markers = Self.map([[4, 0, 7], [0, 0, -1]])
        #expect(
            Self.values(
                Watershed.flood(
                    level, markers: markers, within: [true, false, false, true, true, false], keepsLines: false))
                == [4, 0, 0, 4, 4, 0])
    }
}
