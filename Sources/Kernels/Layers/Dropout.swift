/// Dropout (Srivastava et al. 2014), inverted: kept values are divided by the share that is kept.
public enum Dropout {
    /// Zeroes each value with probability `rate` and scales the others by 1/(1 − rate), in place. Which values is a
    /// pure function of `stream` and of their places, so that the same call on the gradient is its backward.
    public static func apply(_ values: TensorView, rate: Double, stream: RandomStream) {
        precondition(rate >= 0 && rate < 1, "dropout of \(rate)")
        guard rate > 0 else { return }
        var stream = stream
        let threshold = UInt64(rate * 0x1p53)
        let scale = Float(1 / (1 - rate))
        for y in 0..<values.height {
            let row = values.row(y)
            for i in 0..<values.width * values.channels {
                row[i] = stream.next() >> 11 < threshold ? 0 : row[i] * scale
            }
        }
    }
}
