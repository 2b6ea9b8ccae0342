/// An exponential moving average of the weights over the steps (Polyak and Juditsky 1992; Tarvainen and Valpola 2017):
/// `a ← d·a + (1 − d)·w` after every step.
public struct WeightAveraging: Sendable, Hashable {
    /// d in the long run, 0 ≤ d < 1.
    public var decay: Double

    public init(decay: Double) { self.decay = decay }

    /// 1 − d of a step: what its weights count.
    ///
    /// In the beginning d is (1 + t)/(10 + t), which grows from 0.1: the average soon forgets the weights that it began
    /// with, and needs no correction for them.
    ///
    /// - Parameter step: t, the step's number from 0.
    public func share(step: Int) -> Double { 1 - min(decay, Double(1 + step) / Double(10 + step)) }
}
