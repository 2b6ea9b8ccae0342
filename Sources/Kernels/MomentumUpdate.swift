/// The arithmetic of a momentum step on flat buffers: one pass over weights, velocity and gradient.
public struct MomentumUpdate: Sendable {
    public let learningRate: Float
    public let momentum: Float
    public let weightDecay: Float
    /// What the gradient is multiplied by first.
    public let gradientScale: Float
    public let nesterov: Bool

    public init(learningRate: Float, momentum: Float, weightDecay: Float, gradientScale: Float, nesterov: Bool) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.gradientScale = gradientScale
        self.nesterov = nesterov
    }

    /// Updates `count` weights and velocities in place.
    public func apply(
        weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        count: Int, team: ThreadTeam
    ) {
        // Nesterov steps by g + momentum·v, plain momentum by v = 0·g + 1·v.
        let (rate, momentum, decay, scale) = (learningRate, momentum, weightDecay, gradientScale)
        let (ahead, share): (Float, Float) = nesterov ? (momentum, 1) : (1, 0)
        team.forRanges(of: count) { range in
            for i in range {
                let g = gradient[i] * scale + decay * weights[i]
                let v = momentum * velocity[i] + g
                velocity[i] = v
                weights[i] -= rate * (share * g + ahead * v)
            }
        }
    }
}
