/// Group normalisation (Wu and He 2018) of one activation, followed by an activation function: the channels of a group are
/// brought to mean 0 and deviation 1 over all of its pixels, then each is scaled and shifted by parameters of its own. As
/// PyTorch's `GroupNorm`, with the population's variance.
///
/// Sums are taken over blocks of pixels that the image's size alone decides, so that bits depend neither on the CPU nor on
/// the number of threads; in Double throughout for mean and variance, and from block to block for gradients, so that large
/// images lose nothing.
package struct GroupNormalization: Hashable, Sendable {
    package let channels: Int
    package let groups: Int
    /// The activation function after the normalisation.
    package let activation: Activation

    /// ε, added to the variance.
    package static let epsilon = 1e-5
    /// Groups of a layer, at most.
    static let mostGroups = 8
    /// Floats that `forward` leaves for `backward`: for each group the factor and the term that normalise it.
    package static let statisticsCount = 2 * mostGroups

    /// The largest number of groups, up to eight, that divides the channels.
    package init(channels: Int, activation: Activation = .relu) {
        precondition(channels > 0, "\(channels) channels")
        self.channels = channels
        self.activation = activation
        groups = (1...Self.mostGroups).last { channels % $0 == 0 } ?? 1
    }

    private var groupChannels: Int { channels / groups }

    /// The normalised activation.
    ///
    /// - Parameters:
    ///   - input: H×W×channels, contiguous.
    ///   - parameters: a factor (`weights`) and a term (`bias`) for each channel.
    ///   - statistics: `statisticsCount` floats, overwritten.
    ///   - output: of the input's shape, contiguous; may be the input.
    package func forward(
        _ input: TensorView, _ parameters: LayerParameters, statistics: UnsafeMutablePointer<Float>,
        output: TensorView, workspace: Workspace, team: ThreadTeam
    ) {
        check(input, output)
        let sums = ChannelwiseKernels(input).sums(team: team) { values, count, kernels, sums in
            kernels.addMoments(values, count: count, to: sums)
        }
        let count = Double(input.shape.pixels * groupChannels)
        for group in 0..<groups {
            var (sum, square) = (0.0, 0.0)
            for c in group * groupChannels..<(group + 1) * groupChannels {
                sum += sums.base[c]
                square += sums.base[channels + c]
            }
            let mean = sum / count
            // Rounding may bring it below 0; a value that is not a number stays one.
            let variance = square / count - mean * mean
            let factor = 1 / ((variance < 0 ? 0 : variance) + Self.epsilon).squareRoot()
            statistics[group] = Float(factor)
            statistics[Self.mostGroups + group] = Float(-mean * factor)
        }
        apply(input, parameters, statistics: statistics, output: output, workspace: workspace, team: team)
    }

    /// The normalised activation once more, from the statistics that `forward` found.
    package func apply(
        _ input: TensorView, _ parameters: LayerParameters, statistics: UnsafePointer<Float>, output: TensorView,
        workspace: Workspace, team: ThreadTeam
    ) {
        check(input, output)
        let kernels = ChannelwiseKernels(input)
        // From the end: what the pass before has read last is still in the caches.
        workspace.lend(4 * kernels.period) { base in
            let coefficients = coefficients(parameters, statistics, kernels, base)
            team.forEach(kernels.blocks) { _, part in
                let range = kernels.range(kernels.blocks - 1 - part)
                kernels.normalize(
                    input.base + range.lowerBound, coefficients, activation, count: range.count,
                    to: output.base + range.lowerBound)
            }
        }
    }

    /// The backward of `forward`, activation function included.
    ///
    /// - Parameters:
    ///   - input, parameters, statistics: the forward's.
    ///   - gradient: the one by the forward's output; overwritten with the one by its input.
    ///   - gradients: those by the parameters, overwritten.
    package func backward(
        _ input: TensorView, _ parameters: LayerParameters, statistics: UnsafePointer<Float>, gradient: TensorView,
        gradients: LayerGradients, workspace: Workspace, team: ThreadTeam
    ) {
        check(input, gradient)
        let kernels = ChannelwiseKernels(input)
        let period = kernels.period
        workspace.lend(7 * period) { base in
            let coefficients = coefficients(parameters, statistics, kernels, base)
            let gradientBase = gradient.base
            let sums = kernels.sums(team: team) { values, count, kernels, sums in
                kernels.addGradients(
                    values, gradientBase + (values - UnsafePointer(input.base)), coefficients, activation,
                    count: count, to: sums)
            }
            // dx = factor·(weight·g − mean of weight·g − x̂·mean of weight·g·x̂), the means being the group's.
            let count = Double(input.shape.pixels * groupChannels)
            let own = base + 4 * period
            for group in 0..<groups {
                let factor = Double(statistics[group])
                var (mean, product) = (0.0, 0.0)
                let range = group * groupChannels..<(group + 1) * groupChannels
                for c in range {
                    mean += Double(parameters.weights[c]) * sums.base[c]
                    product += Double(parameters.weights[c]) * sums.base[channels + c]
                }
                for c in range {
                    gradients.bias[c] = Float(sums.base[c])
                    gradients.weights[c] = Float(sums.base[channels + c])
                    own[c] = Float(factor * Double(parameters.weights[c]))
                    own[period + c] = Float(-factor * mean / count)
                    own[2 * period + c] = Float(-factor * product / count)
                }
            }
            for part in 0..<3 { kernels.repeatChannels(own + part * period) }
            // From the end, as forward.
            let back = ChannelwiseKernels.GradientCoefficients(
                gradient: UnsafePointer(own), term: UnsafePointer(own + period), value: UnsafePointer(own + 2 * period))
            team.forEach(kernels.blocks) { _, part in
                let range = kernels.range(kernels.blocks - 1 - part)
                kernels.backward(
                    input.base + range.lowerBound, coefficients, back, activation, count: range.count,
                    gradientBase + range.lowerBound)
            }
        }
    }

    /// The coefficients of normalisation and scaling of each channel, repeated over a period of the kernels; `base` is of
    /// four periods.
    private func coefficients(
        _ parameters: LayerParameters, _ statistics: UnsafePointer<Float>, _ kernels: ChannelwiseKernels,
        _ base: UnsafeMutablePointer<Float>
    ) -> ChannelwiseKernels.Coefficients {
        let period = kernels.period
        for c in 0..<channels {
            base[c] = statistics[c / groupChannels]
            base[period + c] = statistics[Self.mostGroups + c / groupChannels]
            base[2 * period + c] = parameters.weights[c]
            base[3 * period + c] = parameters.bias[c]
        }
        for part in 0..<4 { kernels.repeatChannels(base + part * period) }
        return ChannelwiseKernels.Coefficients(
            factor: UnsafePointer(base), term: UnsafePointer(base + period), weight: UnsafePointer(base + 2 * period),
            bias: UnsafePointer(base + 3 * period))
    }

    private func check(_ input: TensorView, _ output: TensorView) {
        precondition(
            input.shape == output.shape && input.channels == channels && input.isContiguous && output.isContiguous,
            "normalisation of \(input.shape) to \(output.shape) with \(channels) channels")
    }
}
