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
            convolve(2 * outputs, outputs, passes: 3)
            convolve(outputs, outputs, passes: 3)
        }
        return total + 3 * 2 * Double(baseChannels * classes) * Double(height * width)
    }
}

extension UNetArchitecture {
    /// About how much memory a worker takes in training on inputs of this size: maps and their gradients, and weights,
    /// momentum and one gradient for each level of the tree over its slots. In bytes.
    public func trainingBytes(height: Int, width: Int, slots: Int) -> Double {
        var maps = 0.0
        var skips = 0.0
        var largest = 0.0
        var pixels = Double(height * width)
        for level in 0...depth {
            let map = pixels * Double(channels(atLevel: level))
            // Two convolutions and what is pooled on the way down; up-convolution and two more on the way up.
            maps += map * (level < depth ? 5.25 : 2)
            skips += level < depth ? map : 0
            largest = max(largest, map)
            pixels /= 4
        }
        let buffers = Double(ParameterLayout(self).count)
        var levels = 1
        while 1 << (levels - 1) < slots { levels += 1 }
        return 4 * (maps + skips + 3 * largest + buffers * Double(2 + levels))
    }
}
