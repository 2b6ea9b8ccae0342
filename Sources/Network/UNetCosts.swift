import Kernels

extension UNetArchitecture {
    /// Floating-point operations of the products of one training step on one image, a multiply-add counted as two and
    /// convolutions as direct ones: forward, and both backwards of every layer but the first, which has no input
    /// gradient. 902·10⁹ for the paper's network.
    public func operationsPerStep(height: Int, width: Int) -> Double {
        let operations = operations
        let shapes = operations.shapes(image: ImageShape(height, width, inputChannels))
        return operations.reduce(0) { $0 + ($1.readsImage ? 2 : 3) * $1.floatingPointOperations(shapes) }
    }

    /// About how much memory a worker takes in training on inputs of this size, in bytes: activations and their
    /// gradients; weights, momentum, the weights' average where one is kept, and one gradient for each level of the tree
    /// over its slots; and scratch memory.
    public func trainingBytes(height: Int, width: Int, slots: Int, isAveraged: Bool = false) -> Double {
        let plan = ActivationPlan(operations, image: ImageShape(height, width, inputChannels), training: true)
        let parameters = ParameterLayout(self).count
        var gradients = 1
        while 1 << (gradients - 1) < slots { gradients += 1 }
        // Winograd's tiles of a wide layer take up to 50 MB, the rest of the scratch memory about as much again.
        let scratch = min(100e6, Double(plan.count))
        return 4 * Double(plan.count + parameters * ((isAveraged ? 3 : 2) + gradients)) + scratch
    }
}
