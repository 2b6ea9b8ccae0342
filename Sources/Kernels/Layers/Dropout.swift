/// Dropout (Srivastava et al. 2014), inverted: kept values are divided by the share that is kept.
public enum Dropout {
    /// Zeroes each value with probability `rate` and scales the others by 1/(1 − rate), in place. Which values is a
    /// pure function of `stream` and of their places, so that the same call on the gradient is its backward.
    public static func apply(_ values: TensorView, rate: Double, stream: RandomStream, team: ThreadTeam) {
        precondition(rate >= 0 && rate < 1, "dropout of \(rate)")
        guard rate > 0 else { return }
        let threshold = UInt64(rate * 0x1p53)
        let scale = Float(1 / (1 - rate))
        let count = values.width * values.channels
        team.forEach(values.height, moving: 4 * 2 * values.shape.count) { _, y in
            let row = values.row(y)
            var stream = stream
            stream.skip(y * count)
            for i in 0..<count {
                row[i] = stream.next() >> 11 < threshold ? 0 : row[i] * scale
            }
        }
    }
}
