/// Group normalisation (Wu and He 2018) of one activation, followed by an activation function: the channels of a group are
/// brought to mean 0 and deviation 1 over all of its pixels, then each is scaled and shifted by parameters of its own. As
/// PyTorch's `GroupNorm`, with the population's variance.
///
/// What it costs is memory. So a convolution before it takes the sums while its output is in the caches, one behind it
/// normalises what it reads (`NormalizedInput`), and the same backward (`NormalizedGradient`): passes of their own have only
/// what nothing can be fused with.
///
/// Sums are taken over parts that the image's size alone decides, so that bits depend neither on the CPU nor on the number of
/// threads, and in Double from part to part, so that large images lose nothing.
package struct GroupNormalization: Hashable, Sendable {
    package let channels: Int
    package let groups: Int
    /// The activation function after the normalisation.
    package let activation: Activation

    /// ε, added to the variance.
    package static let epsilon = 1e-5
    /// Groups of a layer, at most.
    package static let mostGroups = 8

    /// The largest number of groups, up to eight, that divides the channels.
    package init(channels: Int, activation: Activation = .relu) {
        precondition(channels > 0, "\(channels) channels")
        self.channels = channels
        self.activation = activation
        groups = (1...Self.mostGroups).last { channels % $0 == 0 } ?? 1
    }

    var kernels: ChannelwiseKernels { ChannelwiseKernels(channels: channels) }
    private var groupChannels: Int { channels / groups }

    /// Floats that are left for later passes: coefficients for each channel, four of the forward pass and three of the
    /// backward pass, each repeated over a period of the kernels.
    package var statisticsCount: Int { 7 * kernels.period }

    /// The coefficients of the forward pass.
    ///
    /// - Parameters:
    ///   - sums: the moments of the input.
    ///   - parameters: a factor (`weights`) and a term (`bias`) for each channel.
    ///   - statistics: `statisticsCount` floats, of which those of the forward pass are written.
    package func prepare(
        _ sums: ChannelSums, pixels: Int, _ parameters: LayerParameters, statistics: UnsafeMutablePointer<Float>
    ) {
        let total = sums.total()
        let kernels = kernels
        let period = kernels.period
        let count = Double(pixels * groupChannels)
        for group in 0..<groups {
            var (sum, square) = (0.0, 0.0)
            let range = group * groupChannels..<(group + 1) * groupChannels
            for c in range {
                sum += total[c]
                square += total[channels + c]
            }
            let mean = sum / count
            // Rounding may bring it below 0; a value that is not a number stays one.
            let variance = square / count - mean * mean
            let factor = 1 / ((variance < 0 ? 0 : variance) + Self.epsilon).squareRoot()
            for c in range {
                statistics[c] = Float(factor)
                statistics[period + c] = Float(-mean * factor)
                statistics[2 * period + c] = parameters.weights[c]
                statistics[3 * period + c] = parameters.bias[c]
            }
        }
        for part in 0..<4 { kernels.repeatChannels(statistics + part * period) }
    }

    /// The normalised activation.
    ///
    /// - Parameters:
    ///   - input: H×W×channels, contiguous.
    ///   - statistics: those that `prepare` left.
    ///   - output: of the input's shape, contiguous; may be the input.
    package func apply(
        _ input: TensorView, statistics: UnsafePointer<Float>, output: TensorView, team: ThreadTeam
    ) {
        check(input, output)
        let kernels = kernels
        let coefficients = coefficients(statistics)
        // From the end: what the pass before has read last is still in the caches.
        let blocks = ChannelBlocks(input)
        team.forEach(blocks.count, moving: 4 * 2 * input.shape.count) { _, part in
            let range = blocks[blocks.count - 1 - part]
            kernels.normalize(
                input.base + range.lowerBound, coefficients, activation, count: range.count, ahead: 1024,
                to: output.base + range.lowerBound)
        }
    }

    /// The gradients by the parameters, and the coefficients of the one by the input.
    ///
    /// - Parameters:
    ///   - input, statistics: the forward's; those of the backward pass are written.
    ///   - gradient: the one by the forward's output, activation function included.
    ///   - gradients: those by the parameters, overwritten.
    package func prepareBackward(
        _ input: TensorView, _ parameters: LayerParameters, statistics: UnsafeMutablePointer<Float>,
        gradient: TensorView, gradients: LayerGradients, sums: ChannelSums, team: ThreadTeam
    ) {
        check(input, gradient)
        let kernels = kernels
        let period = kernels.period
        let forward = coefficients(statistics)
        let blocks = ChannelBlocks(input)
        sums.begin(channels: channels, parts: blocks.count)
        team.forEach(blocks.count, moving: 4 * 2 * input.shape.count) { _, block in
            let range = blocks[block]
            kernels.addGradients(
                input.base + range.lowerBound, gradient.base + range.lowerBound, forward, activation,
                count: range.count, to: sums.part(block))
        }
        let total = sums.total()
        // dx = factor·(weight·g − mean of weight·g − x̂·mean of weight·g·x̂), the means being the group's.
        let count = Double(input.shape.pixels * groupChannels)
        let own = statistics + 4 * period
        for group in 0..<groups {
            var (mean, product) = (0.0, 0.0)
            let range = group * groupChannels..<(group + 1) * groupChannels
            for c in range {
                mean += Double(parameters.weights[c]) * total[c]
                product += Double(parameters.weights[c]) * total[channels + c]
            }
            for c in range {
                let factor = Double(statistics[c])
                gradients.bias[c] = Float(total[c])
                gradients.weights[c] = Float(total[channels + c])
                own[c] = Float(factor * Double(parameters.weights[c]))
                own[period + c] = Float(-factor * mean / count)
                own[2 * period + c] = Float(-factor * product / count)
            }
        }
        for part in 0..<3 { kernels.repeatChannels(own + part * period) }
    }

    func coefficients(_ statistics: UnsafePointer<Float>) -> ChannelwiseKernels.Coefficients {
        let period = kernels.period
        return ChannelwiseKernels.Coefficients(
            factor: statistics, term: statistics + period, weight: statistics + 2 * period,
            bias: statistics + 3 * period)
    }

    func gradientCoefficients(_ statistics: UnsafePointer<Float>) -> ChannelwiseKernels.GradientCoefficients {
        let period = kernels.period
        return ChannelwiseKernels.GradientCoefficients(
            gradient: statistics + 4 * period, term: statistics + 5 * period, value: statistics + 6 * period)
    }

    private func check(_ input: TensorView, _ output: TensorView) {
        precondition(
            input.shape == output.shape && input.channels == channels && input.isContiguous && output.isContiguous,
            "normalisation of \(input.shape) to \(output.shape) with \(channels) channels")
    }
}
