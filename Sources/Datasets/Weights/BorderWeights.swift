import Kernels
import Metrics

/// The separation-border term of the loss's pixel weights: w0·exp(−(d1 + d2)²/2σ²) with d1, d2 the distances to the
/// nearest and the second-nearest object (Ronneberger et al. 2015, equation 2).
public struct BorderWeights: Hashable, Sendable {
    /// The weight of a pixel between two objects that nearly touch.
    public var w0: Double
    /// In pixels.
    public var sigma: Double

    public init(w0: Double = 10, sigma: Double = 5) {
        self.w0 = w0
        self.sigma = sigma
    }

    /// The term at each pixel, H×W×1: 0 on objects, and everywhere where there are fewer than two.
    ///
    /// Distances are exact and between pixels' centres. Of two different objects some bit of their numbers differs; so
    /// for each bit, the distances to the objects with 0 there and to those with 1 are the nearest object's and another's,
    /// and of the others' the smallest over all bits is the second-nearest's. That is two distance transforms a bit:
    /// time linear in pixels, times the logarithm of the number of objects.
    ///
    /// - Parameter objects: H×W object numbers, any above 0; 0 for background. An object may have several parts.
    public func weightMap(objects: LabelMap) -> Tensor {
        let (height, width) = (objects.height, objects.width)
        let weights = Tensor(height, width, 1)
        let (numbers, count) = Self.consecutive(objects)
        guard count >= 2 else { return weights }
        var (nearest, second) = ([Int32](), [Int32](repeating: DistanceTransform.none, count: height * width))
        for bit in 0..<(count - 1).significantBits {
            let (zeros, ones) = (
                DistanceTransform.squared(height: height, width: width) {
                    numbers[$0] >= 0 && numbers[$0] >> bit & 1 == 0
                },
                DistanceTransform.squared(height: height, width: width) {
                    numbers[$0] >= 0 && numbers[$0] >> bit & 1 == 1
                }
            )
            if bit == 0 { nearest = zip(zeros, ones).map(min) }
            for pixel in second.indices { second[pixel] = min(second[pixel], max(zeros[pixel], ones[pixel])) }
        }
        let scale = -1 / (2 * sigma * sigma)
        // exp(−40) is less than any float's share of a weight of 1.
        let reach = (80 * sigma * sigma).rounded(.up)
        for pixel in second.indices where nearest[pixel] > 0 && Double(second[pixel]) <= reach {
            let sum = Double(nearest[pixel]).squareRoot() + Double(second[pixel]).squareRoot()
            weights.base[pixel] = Float(w0 * Elementary.exp(sum * sum * scale))
        }
        return weights
    }

    /// Numbers from 0 without gaps, −1 for the background, and how many there are.
    private static func consecutive(_ objects: LabelMap) -> (numbers: [Int32], count: Int) {
        var known: [Int32: Int32] = [:]
        var (last, lastNumber) = (Int32(0), Int32(-1))
        let numbers = (0..<objects.height * objects.width).map { pixel -> Int32 in
            let object = objects.values[pixel]
            guard object > 0 else { return -1 }
            // Neighbours are mostly alike, so that the dictionary is asked rarely.
            if object != last {
                last = object
                lastNumber = known[object] ?? Int32(known.count)
                known[object] = lastNumber
            }
            return lastNumber
        }
        return (numbers, known.count)
    }
}

extension Int {
    /// Bits that it takes to write the number.
    fileprivate var significantBits: Int { Int.bitWidth - leadingZeroBitCount }
}
