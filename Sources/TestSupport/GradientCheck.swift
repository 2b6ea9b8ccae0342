/// Checks of a backward pass that know nothing of how it is written.
package enum GradientCheck {
    /// The derivative of `function` at `point` along `direction`, by central differences: to be compared with the inner
    /// product of gradient and direction. Meaningful in Double, away from kinks.
    package static func derivative(
        of function: ([Double]) -> Double, at point: [Double], along direction: [Double], step: Double = 1e-5
    ) -> Double {
        precondition(point.count == direction.count, "a direction of \(direction.count) in \(point.count) dimensions")
        func moved(_ distance: Double) -> [Double] { zip(point, direction).map { $0 + distance * $1 } }
        return (function(moved(step)) - function(moved(-step))) / (2 * step)
    }

    /// All partial derivatives of `function` at `point`, by central differences.
    package static func gradient(
        of function: ([Double]) -> Double, at point: [Double], step: Double = 1e-5
    ) -> [Double] {
        point.indices.map { index in
            var point = point
            let middle = point[index]
            point[index] = middle + step
            let above = function(point)
            point[index] = middle - step
            return (above - function(point)) / (2 * step)
        }
    }

    /// The adjoint test of a linear A and of what claims to be its adjoint: |⟨dy, A x⟩ − ⟨Aᵀ dy, x⟩| as a share of
    /// ‖dy‖·‖A x‖.
    package static func adjointError(
        outputGradient: [Double], output: [Double], inputGradient: [Double], input: [Double]
    ) -> Double {
        let difference = innerProduct(outputGradient, output) - innerProduct(inputGradient, input)
        return abs(difference) / (norm(outputGradient) * norm(output))
    }
}
