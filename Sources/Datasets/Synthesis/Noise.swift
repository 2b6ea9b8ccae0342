import Glibc
import Kernels

extension RandomStream {
    /// Uniform between two bounds.
    package mutating func uniform(_ lower: Double, _ upper: Double) -> Double { lower + (upper - lower) * uniform() }

    /// Normal with mean 0 and deviation 1, by Box and Muller's method.
    mutating func normal() -> Double {
        let radius = sqrt(-2 * log(1 - uniform()))
        return radius * cos(2 * .pi * uniform())
    }

    /// 1 or -1, evenly.
    mutating func sign() -> Double { next() & 1 == 0 ? 1 : -1 }
}

/// A square grid of real numbers, row by row: the canvas of a synthetic image.
struct Field {
    let size: Int
    var values: [Double]

    init(size: Int, filledWith value: Double = 0) {
        self.size = size
        values = Array(repeating: value, count: size * size)
    }

    /// White noise of deviation 1.
    static func whiteNoise(size: Int, from stream: inout RandomStream) -> Field {
        var field = Field(size: size)
        for i in field.values.indices { field.values[i] = stream.normal() }
        return field
    }

    /// Noise whose detail lies between two lengths in pixels, with mean 0 and deviation 1.
    ///
    /// - Parameters:
    ///   - fine: deviation of the Gaussian that removes finer detail.
    ///   - coarse: deviation of the Gaussian that removes coarser detail; nil keeps it all.
    static func bandNoise(size: Int, fine: Double, coarse: Double?, from stream: inout RandomStream) -> Field {
        let noise = whiteNoise(size: size, from: &stream)
        var band = noise.blurred(fine)
        if let coarse {
            let low = noise.blurred(coarse)
            for i in band.values.indices { band.values[i] -= low.values[i] }
        }
        let mean = band.values.reduce(0, +) / Double(band.values.count)
        let variance = band.values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(band.values.count)
        let scale = variance > 0 ? 1 / sqrt(variance) : 0
        for i in band.values.indices { band.values[i] = (band.values[i] - mean) * scale }
        return band
    }

    /// The field smoothed by a Gaussian of this deviation in pixels, its edges repeated.
    func blurred(_ deviation: Double) -> Field {
        let reach = max(1, Int((3 * deviation).rounded(.up)))
        var weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * deviation * deviation)) }
        let sum = weights.reduce(0, +)
        weights = weights.map { $0 / sum }
        return smoothedRows(weights, reach).transposed().smoothedRows(weights, reach).transposed()
    }

    private func smoothedRows(_ weights: [Double], _ reach: Int) -> Field {
        var result = Field(size: size)
        var padded = [Double](repeating: 0, count: size + 2 * reach)
        for y in 0..<size {
            for x in 0..<padded.count { padded[x] = values[y * size + min(max(x - reach, 0), size - 1)] }
            for x in 0..<size {
                var sum = 0.0
                for k in 0...(2 * reach) { sum += weights[k] * padded[x + k] }
                result.values[y * size + x] = sum
            }
        }
        return result
    }

    private func transposed() -> Field {
        var result = Field(size: size)
        for y in 0..<size { for x in 0..<size { result.values[x * size + y] = values[y * size + x] } }
        return result
    }
}
