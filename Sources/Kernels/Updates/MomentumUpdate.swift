/// The arithmetic of a momentum step on flat buffers: one pass over weights, velocity and gradient.
public struct MomentumUpdate: Sendable {
    public let learningRate: Float
    public let momentum: Float
    public let weightDecay: Float
    /// The factor that the gradient is multiplied by first.
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
    ///
    /// - Parameter average: takes in the new weights, in the same pass; nil where there is none.
    public func apply(
        weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        count: Int, average: RunningAverage? = nil, team: ThreadTeam
    ) {
        guard let average else {
            return team.forRanges(of: count, moving: 20) {
                update($0, weights: weights, velocity: velocity, gradient: gradient)
            }
        }
        team.forRanges(of: count, moving: 28) { range in
            // So many at a time are in the cache still when they are averaged.
            for first in stride(from: range.lowerBound, to: range.upperBound, by: 4096) {
                let block = first..<min(first + 4096, range.upperBound)
                update(block, weights: weights, velocity: velocity, gradient: gradient)
                average.take(weights, at: block)
            }
        }
    }

    @inline(__always)
    private func update(
        _ range: Range<Int>, weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>,
        gradient: UnsafePointer<Float>
    ) {
        // Nesterov steps by g + momentum·v, plain momentum by v = 0·g + 1·v.
        let (rate, momentum, decay, scale) = (learningRate, momentum, weightDecay, gradientScale)
        let (ahead, share): (Float, Float) = nesterov ? (momentum, 1) : (1, 0)
        for i in range {
            let g = gradient[i] * scale + decay * weights[i]
            let v = momentum * velocity[i] + g
            velocity[i] = v
            weights[i] -= rate * (share * g + ahead * v)
        }
    }
}
