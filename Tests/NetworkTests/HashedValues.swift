import Foundation
import Kernels

/// Values as a pure function of a stream's number and an index, which `Vectors/make_vectors.py` computes to the same
/// bits: what a reference network is made of need not be stored.
enum HashedValues {
    /// Output `index` of SplitMix64 started at a multiple of `stream`.
    static func hash(_ stream: Int, _ index: Int) -> UInt64 {
        var z = UInt64(stream) &* 0xD1B5_4A32_D192_ED03 &+ UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform values of mean 0: a 24-bit number times a float32, rounded once to float32.
    static func uniform(_ stream: Int, count: Int, deviation: Double) -> [Float] {
        let scale = Double(Float((3 * deviation * deviation).squareRoot()))
        return (0..<count).map { Float((Double(hash(stream, $0) >> 40) - 0x1p23) / 0x1p23 * scale) }
    }

    /// Classes; about one pixel in sixteen is ignored.
    static func labels(_ stream: Int, height: Int, width: Int, classes: Int) -> LabelMap {
        let map = LabelMap(height: height, width: width)
        for index in map.values.indices {
            let hash = hash(stream, index)
            map.values[index] = hash & 255 < 16 ? LabelMap.ignored : Int32(hash >> 32 % UInt64(classes))
        }
        return map
    }

    /// Weights of the loss in [0.5, 1.5].
    static func pixelWeights(_ stream: Int, count: Int) -> [Float] {
        (0..<count).map { Float(0.5 + Double(hash(stream, $0) >> 40) / 0x1p24) }
    }

    /// `count` signs, ±1.
    static func signs(_ stream: Int, count: Int) -> [Double] {
        (0..<count).map { hash(stream, $0) >> 63 == 1 ? -1 : 1 }
    }
}
