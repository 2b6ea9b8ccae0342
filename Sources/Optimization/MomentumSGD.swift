import Kernels

/// Stochastic gradient descent with momentum, as PyTorch's: `g ← g + weightDecay·w`, `v ← momentum·v + g` (from v = 0,
/// so v = g at first), `w ← w − learningRate·v`; with Nesterov `w ← w − learningRate·(g + momentum·v)`.
public struct MomentumSGD: Sendable, Hashable {
    public var momentum: Double
    public var nesterov: Bool
    public var weightDecay: Double

    public init(momentum: Double = 0.99, nesterov: Bool = false, weightDecay: Double = 0) {
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    /// One step over flat buffers of `count` values, in one pass.
    ///
    /// - Parameters:
    ///   - average: takes in the new weights; nil where there is none.
    ///   - gradientScale: what the gradient is multiplied by first: 1/batch for a mean, less where it is clipped.
    public func step(
        weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        count: Int, learningRate: Double, gradientScale: Double, average: RunningAverage? = nil, team: ThreadTeam
    ) {
        let update = MomentumUpdate(
            learningRate: Float(learningRate), momentum: Float(momentum), weightDecay: Float(weightDecay),
            gradientScale: Float(gradientScale), nesterov: nesterov)
        update.apply(
            weights: weights, velocity: velocity, gradient: gradient, count: count, average: average, team: team)
    }
}
