import Kernels

/// The peaks of a landscape that stand out, each of which will be one object.
///
/// A peak's dynamics is how far one has to go down from it to come to a higher one (Grimaud 1992, "A new measure of
/// contrast: the dynamics"). Noise and dents have little of it, two blobs that touch have as much as their neck is thin.
public struct SignificantPeaks: Sendable {
    /// The least dynamics that counts, in the landscape's units.
    public var leastDynamics: Float
    /// The least dynamics that counts, as a share of the peak's own height.
    public var leastShare: Float

    public init(leastDynamics: Float, leastShare: Float) {
        self.leastDynamics = leastDynamics
        self.leastShare = leastShare
    }

    /// Marks each peak that stands out by its number from 1 up, in the order of the pixels; 0 elsewhere. Each 4-connected
    /// region of the mask has one at least: its highest pixel.
    ///
    /// - Parameters:
    ///   - heights: H×W values.
    ///   - mask: pixels that belong to the landscape.
    public func markers(_ heights: [Float], within mask: [Bool], height: Int, width: Int) -> LabelMap {
        var order = [Int32]()
        for pixel in 0..<height * width where mask[pixel] { order.append(Int32(pixel)) }
        order.sort { (heights[Int($0)], $1) > (heights[Int($1)], $0) }
        var forest = PeakForest(count: height * width)
        var isPeak = [Bool](repeating: false, count: height * width)
        for pixel in order.lazy.map({ Int($0) }) {
            forest.add(pixel)
            let x = pixel % width
            for neighbour in [pixel - width, x > 0 ? pixel - 1 : -1, x + 1 < width ? pixel + 1 : -1, pixel + width]
            where neighbour >= 0 && neighbour < height * width && forest.contains(neighbour) {
                let (a, b) = (forest.peak(of: pixel), forest.peak(of: neighbour))
                guard a != b else { continue }
                // Of two that are equally high the later pixel gives way.
                let (low, high) = (heights[a], b) < (heights[b], a) ? (a, b) : (b, a)
                let dynamics = heights[low] - heights[pixel]
                if dynamics >= max(leastDynamics, leastShare * heights[low]) { isPeak[low] = true }
                forest.join(low, to: high)
            }
        }
        for pixel in order.lazy.map({ Int($0) }) { isPeak[forest.peak(of: pixel)] = true }
        let markers = LabelMap(height: height, width: width, filledWith: 0)
        var count: Int32 = 0
        for pixel in 0..<height * width where isPeak[pixel] {
            count += 1
            markers.values[pixel] = count
        }
        return markers
    }
}

/// Regions of pixels, each represented by its highest: a union–find forest whose roots are peaks.
private struct PeakForest {
    private var parents: [Int32]

    init(count: Int) { parents = Array(repeating: -1, count: count) }

    func contains(_ pixel: Int) -> Bool { parents[pixel] >= 0 }

    mutating func add(_ pixel: Int) { parents[pixel] = Int32(pixel) }

    mutating func join(_ peak: Int, to higher: Int) { parents[peak] = Int32(higher) }

    mutating func peak(of pixel: Int) -> Int {
        var pixel = pixel
        while Int(parents[pixel]) != pixel {
            parents[pixel] = parents[Int(parents[pixel])]
            pixel = Int(parents[pixel])
        }
        return pixel
    }
}
