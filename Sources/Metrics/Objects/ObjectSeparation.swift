import Kernels

/// Instance segmentation from class probabilities: the regions of each class, split by a watershed where objects touch.
///
/// The landscape that is flooded is the depth inside a region: the distance to the nearest pixel outside, averaged over
/// regions of growing certainty. A neck between two blobs is a pass in it, and so is a seam along which the network is
/// less sure. Peaks that stand out become markers (`SignificantPeaks`), and a watershed grows them until they meet.
/// Classes are flooded one by one: objects of two classes never mix.
public struct ObjectSeparation: Sendable {
    /// Objects of fewer pixels are left out.
    public var minimumSize: Int

    /// The regions: a class where it is the most probable, and within that where it is more probable than this.
    private static let certainties: [Float] = [0, 0.6, 0.7, 0.8, 0.9]
    private static let peaks = SignificantPeaks(leastDynamics: 0.5, leastShare: 0.1)

    public init(minimumSize: Int = 0) {
        self.minimumSize = minimumSize
    }

    /// Numbers the objects from 1 up, in the order of their first pixels; 0 is background.
    ///
    /// - Parameters:
    ///   - classes: H×W most probable classes.
    ///   - certainty: the probabilities of these classes, row by row.
    public func objects(classes: LabelMap, certainty: [Float]) -> (objects: LabelMap, count: Int) {
        let (height, width) = (classes.height, classes.width)
        precondition(
            certainty.count == height * width, "\(certainty.count) probabilities for \(height)×\(width) pixels")
        let all = LabelMap(height: height, width: width, filledWith: 0)
        var count: Int32 = 0
        let present = Set(classes.values.prefix(height * width)).filter { $0 > 0 }.sorted()
        for index in present {
            let mask = (0..<height * width).map { classes.values[$0] == index }
            let depth = Self.depth(of: index, in: classes, certainty)
            let markers = Self.peaks.markers(depth, within: mask, height: height, width: width)
            let regions = Watershed.flood(depth.map { -$0 }, markers: markers, within: mask, keepsLines: false)
            var largest: Int32 = 0
            for pixel in 0..<height * width where regions.values[pixel] > 0 {
                all.values[pixel] = count + regions.values[pixel]
                largest = max(largest, regions.values[pixel])
            }
            count += largest
        }
        return Self.renumbered(all, largest: Int(count), minimumSize: minimumSize)
    }

    /// The depth of each pixel inside its class's regions, smoothed a little, since distances on a grid are rough.
    private static func depth(of index: Int32, in classes: LabelMap, _ certainty: [Float]) -> [Float] {
        let (height, width) = (classes.height, classes.width)
        var depth = [Float](repeating: 0, count: height * width)
        for least in certainties {
            let squared = DistanceTransform.squared(height: height, width: width) {
                classes.values[$0] != index || certainty[$0] <= least
            }
            for pixel in 0..<depth.count { depth[pixel] += Float(squared[pixel]).squareRoot() }
        }
        let share = 1 / Float(certainties.count)
        for pixel in 0..<depth.count { depth[pixel] *= share }
        return smoothed(depth, height: height, width: width)
    }

    /// The binomial filter (1 4 6 4 1)/16 along both axes: nearly a Gaussian of one pixel's deviation. Beyond the edge the
    /// edge's value stands. Not `GreyValues.blur`: here the taps are summed in pairs, so that symmetric objects have
    /// symmetric depths, bit for bit, and no rounding decides which of two equal peaks comes first.
    private static func smoothed(_ values: [Float], height: Int, width: Int) -> [Float] {
        func filtered(_ source: [Float], length: Int, step: Int, lines: Int, lineStep: Int) -> [Float] {
            var result = source
            source.withUnsafeBufferPointer { source in
                for line in 0..<lines {
                    let start = line * lineStep
                    func at(_ i: Int) -> Float { source[start &+ min(max(i, 0), length &- 1) &* step] }
                    for i in 0..<length {
                        let outer = at(i &- 2) + at(i &+ 2)
                        let inner = at(i &- 1) + at(i &+ 1)
                        result[start &+ i &* step] = (outer + 4 * inner + 6 * at(i)) / 16
                    }
                }
            }
            return result
        }
        let across = filtered(values, length: width, step: 1, lines: height, lineStep: width)
        return filtered(across, length: height, step: width, lines: width, lineStep: 1)
    }

    /// Leaves out small objects, and numbers the others in the order of their first pixels.
    private static func renumbered(
        _ objects: LabelMap, largest: Int, minimumSize: Int
    ) -> (objects: LabelMap, count: Int) {
        let pixels = objects.height * objects.width
        var sizes = [Int](repeating: 0, count: largest + 1)
        for pixel in 0..<pixels { sizes[Int(objects.values[pixel])] += 1 }
        var numbers = [Int32](repeating: 0, count: largest + 1)
        var count: Int32 = 0
        for pixel in 0..<pixels {
            let old = Int(objects.values[pixel])
            guard old > 0, sizes[old] >= minimumSize else {
                objects.values[pixel] = 0
                continue
            }
            if numbers[old] == 0 {
                count += 1
                numbers[old] = count
            }
            objects.values[pixel] = numbers[old]
        }
        return (objects, Int(count))
    }
}
