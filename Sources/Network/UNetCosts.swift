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

    /// The same of the forward pass alone.
    public func operationsPerPrediction(height: Int, width: Int) -> Double {
        let operations = operations
        let shapes = operations.shapes(image: ImageShape(height, width, inputChannels))
        return operations.reduce(0) { $0 + $1.floatingPointOperations(shapes) }
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
        return 4 * (Double(plan.count) + Double(parameters) * Double((isAveraged ? 3 : 2) + gradients)) + scratch
    }

    /// About how much memory a pass over inputs of this size takes in prediction, in bytes: input, activations and scratch
    /// memory; the weights aside.
    public func predictionBytes(height: Int, width: Int) -> Double {
        let image = ImageShape(height, width, inputChannels)
        let plan = ActivationPlan(operations, image: image, training: false)
        return 4 * Double(image.count + plan.count) + min(100e6, Double(plan.count))
    }

    // Sizes of a network and its activations stay within integers below these; memory ends long before.

    /// Most channels of an image and of the first level, and most classes.
    public static let mostChannels = 65536
    /// Most poolings.
    public static let mostDepth = 12
    /// The largest side of a training tile.
    public static let mostTile = 1 << 20

    /// What no network can have, for one whose shape comes from a file: the beginning of a sentence; nil where there is
    /// nothing.
    public var impossibility: String? {
        for (name, count, least, most) in [
            ("input channels", inputChannels, 1, Self.mostChannels), ("classes", classes, 2, Self.mostChannels),
            ("channels in its first level", baseChannels, 1, Self.mostChannels), ("poolings", depth, 0, Self.mostDepth),
        ] where count < least || count > most {
            return "its network has \(count) \(name), and \(least) to \(most) are possible"
        }
        return nil
    }
}
