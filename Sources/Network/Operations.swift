import Kernels

extension UNetArchitecture {
    /// Floating-point operations of the products of one training step on one image, a multiply-add counted as two and
    /// convolutions as direct ones: forward, and both backwards of every layer but the first, which has no input
    /// gradient. 902·10⁹ for the paper's network.
    public func operationsPerStep(height: Int, width: Int) -> Double {
        let shrink = padding == .same ? 0 : 2
        var total = 0.0
        var (height, width) = (height, width)
        func convolve(_ inputs: Int, _ outputs: Int, passes: Double) {
            (height, width) = (height - shrink, width - shrink)
            total += passes * 2 * 9 * Double(inputs * outputs) * Double(height * width)
        }
        for level in 0...depth {
            let outputs = channels(atLevel: level)
            convolve(level == 0 ? inputChannels : channels(atLevel: level - 1), outputs, passes: level == 0 ? 2 : 3)
            convolve(outputs, outputs, passes: 3)
            if level < depth { (height, width) = (height / 2, width / 2) }
        }
        for level in (0..<depth).reversed() {
            let outputs = channels(atLevel: level)
            total += 3 * 2 * 4 * Double(channels(atLevel: level + 1) * outputs) * Double(height * width)
            (height, width) = (2 * height, 2 * width)
            convolve(decoderInputs(atLevel: level), outputs, passes: 3)
            convolve(outputs, outputs, passes: 3)
        }
        return total + 3 * 2 * Double(baseChannels * classes) * Double(height * width)
    }
}

extension UNetArchitecture {
    /// About how much memory a worker takes in training on inputs of this size, in bytes: maps and their gradients;
    /// weights, momentum, the weights' average where one is kept, and one gradient for each level of the tree over its slots; and scratch memory.
    public func trainingBytes(height: Int, width: Int, slots: Int, isAveraged: Bool = false) -> Double {
        let plan = ActivationPlan(self, input: ImageShape(height, width, inputChannels), training: true)
        let parameters = ParameterLayout(self).count
        var gradients = 1
        while 1 << (gradients - 1) < slots { gradients += 1 }
        // Winograd's tiles of a wide layer take up to 50 MB, the rest of the scratch memory about as much again.
        let scratch = min(100e6, Double(plan.count))
        return 4 * Double(plan.count + parameters * ((isAveraged ? 3 : 2) + gradients)) + scratch
    }
}
