import Kernels

extension RandomStream {
    /// Uniform between two bounds.
    mutating func uniform(_ lower: Double, _ upper: Double) -> Double { lower + (upper - lower) * uniform() }

    /// 1 or -1, evenly.
    mutating func sign() -> Double { next() & 1 == 0 ? 1 : -1 }
}

extension Elementary {
    /// sin(π·t), from the cosine.
    static func sine(halfTurns t: Double) -> Double { cosine(halfTurns: t - 0.5) }
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
        for i in field.values.indices { field.values[i] = stream.gaussian() }
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
        let scale = variance > 0 ? 1 / variance.squareRoot() : 0
        for i in band.values.indices { band.values[i] = (band.values[i] - mean) * scale }
        return band
    }

    /// The field blurred by a Gaussian of this deviation in pixels.
    func blurred(_ deviation: Double) -> Field {
        let image = Tensor(size, size, 1)
        for i in values.indices { image.base[i] = Float(values[i]) }
        GreyValues.blur(image, sigma: deviation)
        var result = Field(size: size)
        for i in values.indices { result.values[i] = Double(image.base[i]) }
        return result
    }
}
