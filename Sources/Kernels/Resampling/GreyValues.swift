/// Changes of an image's grey values that leave every pixel where it is. The bits depend on the arguments alone.
public enum GreyValues {
    /// value·`factor` + `offset`, in place.
    public static func scale(_ image: Tensor, by factor: Float, adding offset: Float) {
        let values = image.base
        for i in 0..<image.count { values[i] = values[i] * factor + offset }
    }

    /// Raises the values, taken as shares of the range from their smallest to their largest, to the power `gamma` > 0,
    /// in place. Above 1 mid-tones become darker.
    public static func applyGamma(_ gamma: Float, to image: Tensor) {
        let values = image.base
        var (low, high) = (Float.infinity, -Float.infinity)
        for i in 0..<image.count {
            low = min(low, values[i])
            high = max(high, values[i])
        }
        guard low < high else { return }
        let range = high - low
        for start in stride(from: 0, to: image.count, by: 16) {
            // What lies behind the last value is memory of the tensor's own.
            let share = (load(values + start) - low) / range
            let raised = Elementary.exp(Elementary.log(share) * gamma) * range + low
            if start + 16 <= image.count {
                store(values + start, raised)
            } else {
                for i in 0..<image.count - start { values[start + i] = raised[i] }
            }
        }
    }

    /// Adds nearly Gaussian noise of mean 0 and the given deviation to every value, in place: the sum of eight uniform
    /// numbers (Irwin 1927, Hall 1927), at most 4.9 deviations, which takes no logarithm and no cosine for each value as
    /// `RandomStream.gaussian` does.
    public static func addNoise(deviation: Float, stream: RandomStream, to image: Tensor) {
        var stream = stream
        let values = image.base
        // Eight 16-bit numbers: their mean, and one over their sum's deviation.
        let mean = 8 * 65_535 / 2
        let scale = deviation / Float((8 * (65_536.0 * 65_536 - 1) / 12).squareRoot())
        for i in 0..<image.count {
            let sum = fourSum(stream.next()) &+ fourSum(stream.next())
            values[i] += Float(sum &- mean) * scale
        }
    }

    /// The sum of a word's four 16-bit parts.
    @inline(__always)
    private static func fourSum(_ word: UInt64) -> Int {
        let pairs = (word & 0x0000_FFFF_0000_FFFF) &+ (word >> 16 & 0x0000_FFFF_0000_FFFF)
        return Int(truncatingIfNeeded: (pairs & 0xFFFF_FFFF) &+ pairs >> 32)
    }

    /// Blurs with a Gaussian of deviation `sigma` pixels, cut off at three deviations, in place; edges are mirrored.
    public static func blur(_ image: Tensor, sigma: Double) {
        let kernel = gaussianKernel(sigma: sigma)
        let radius = kernel.count / 2
        let (height, channels, row) = (image.height, image.channels, image.width * image.channels)
        guard radius > 0, height > 0, row > 0 else { return }
        let padded = AlignedBuffer<Float>(row + 2 * radius * channels)
        // The image after the pass along its rows.
        let passed = AlignedBuffer<Float>(height * row)
        for y in 0..<height {
            let source = image.base + y * row
            for x in -radius..<image.width + radius {
                let from = source + MirroredBorder.index(x, size: image.width) * channels
                for c in 0..<channels { padded.base[(x + radius) * channels + c] = from[c] }
            }
            for tap in kernel.indices { add(padded.base + tap * channels, kernel[tap], to: passed.base + y * row, row) }
        }
        for y in 0..<height {
            let target = image.base + y * row
            target.update(repeating: 0, count: row)
            for tap in kernel.indices {
                let from = MirroredBorder.index(y + tap - radius, size: height)
                add(passed.base + from * row, kernel[tap], to: target, row)
            }
        }
    }

    @inline(__always)
    private static func add(
        _ values: UnsafePointer<Float>, _ factor: Float, to target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        for i in 0..<count { target[i] += values[i] * factor }
    }

    private static func gaussianKernel(sigma: Double) -> [Float] {
        precondition(sigma >= 0, "a blur of \(sigma) pixels")
        guard sigma > 0 else { return [1] }
        let radius = Int((3 * sigma).rounded(.up))
        let shares = (-radius...radius).map { Elementary.exp(-Double($0 * $0) / (2 * sigma * sigma)) }
        let sum = shares.reduce(0, +)
        return shares.map { Float($0 / sum) }
    }
}
