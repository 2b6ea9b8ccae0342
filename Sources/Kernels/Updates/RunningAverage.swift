/// An exponential moving average of a flat buffer, as it is carried from one step to the next.
public struct RunningAverage {
    public let values: UnsafeMutablePointer<Float>
    /// The weight of the newest values, 0 to 1: 1 − decay.
    public let share: Float

    public init(values: UnsafeMutablePointer<Float>, share: Float) {
        self.values = values
        self.share = share
    }

    /// `average += share·(new − average)` at `range`.
    public func take(_ new: UnsafePointer<Float>, at range: Range<Int>) {
        let (average, share) = (values, share)
        for i in range { average[i] += share * (new[i] - average[i]) }
    }
}
