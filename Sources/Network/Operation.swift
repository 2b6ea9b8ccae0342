import Kernels

/// One operation of a network: it reads activations, and makes one.
///
/// Activations are numbered as they are made: 0 is the image, and operation `i` of the list makes activation `i + 1`.
package struct Operation: Hashable {
    package enum Kind: Hashable {
        /// 3×3 convolution of its inputs' channels side by side, with bias and activation function.
        case convolution3x3(padding: Int, Activation)
        /// Group normalisation with activation function.
        case groupNormalization(Activation)
        /// 2×2 max pooling with stride 2.
        case maxPool
        case dropout(rate: Double)
        /// 2×2 up-convolution with stride 2, with bias.
        case upConvolution2x2
        /// The sum of a skip connection's centre and its last input.
        case skipAddition
        /// 1×1 convolution with bias.
        case convolution1x1
    }

    /// An activation that an operation reads.
    package struct Input: Hashable {
        package let activation: Int
        /// Whether it comes over a skip connection: it is read as the centre that fits the operation's last input.
        package let isSkip: Bool
    }

    package let kind: Kind
    /// Its rows in a profile, and the beginning of its parameters' names in a checkpoint: `encoder.0.conv1`.
    package let name: String
    package let inputs: [Input]
    /// The activation that it makes.
    package let output: Int
    /// Channels of its inputs together.
    let inputChannels: Int
    package let outputChannels: Int
    /// First float of its parameters, weights before bias, in a flat buffer.
    let parameterOffset: Int
    /// Operations between two activations that are kept; see `isRecomputed`.
    let segment: Int
    /// Whether its output is freed in the forward pass, and recomputed as the backward pass enters the segment
    /// (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost).
    let isRecomputed: Bool
    /// Whether its output is never written: a group normalisation that the convolution behind it computes as it reads.
    let isComputedByReader: Bool
}

// MARK: Shapes and costs

extension Operation {
    /// Whether it reads the image alone, which needs no gradient.
    var readsImage: Bool { inputs.allSatisfy { $0.activation == 0 } }

    /// The shape of its output, from those of all activations before it.
    func outputShape(_ shapes: [ImageShape]) -> ImageShape {
        let input = inputs.last.map { shapes[$0.activation] } ?? ImageShape(0, 0, 0)
        switch kind {
        case .convolution3x3(let padding, _):
            let shrink = 2 - 2 * padding
            return ImageShape(input.height - shrink, input.width - shrink, outputChannels)
        case .maxPool: return ImageShape(input.height / 2, input.width / 2, outputChannels)
        case .upConvolution2x2: return ImageShape(2 * input.height, 2 * input.width, outputChannels)
        case .groupNormalization, .dropout, .skipAddition, .convolution1x1:
            return ImageShape(input.height, input.width, outputChannels)
        }
    }

    /// The shape in which it reads an input.
    package func inputShape(_ input: Input, _ shapes: [ImageShape]) -> ImageShape {
        let own = shapes[input.activation]
        guard input.isSkip, let last = inputs.last else { return own }
        return ImageShape(shapes[last.activation].height, shapes[last.activation].width, own.channels)
    }

    /// Floating-point operations of its products in the forward pass, a multiply-add counted as two and convolutions as
    /// direct ones. Each of its gradients, by weights and by input, takes as many.
    func floatingPointOperations(_ shapes: [ImageShape]) -> Double {
        let perPixel = 2 * Double(inputChannels * outputChannels)
        let pixels = Double(shapes[output].pixels)
        switch kind {
        case .convolution3x3: return 9 * perPixel * pixels
        // Each pixel of the output has one tap.
        case .upConvolution2x2, .convolution1x1: return perPixel * pixels
        case .groupNormalization, .maxPool, .dropout, .skipAddition: return 0
        }
    }
}

// MARK: Parameters

extension Operation {
    /// PyTorch's shape of its weights, and how they are stored; nil without parameters. Each output channel has a bias.
    var weights: (kind: ParameterLayout.Kind, shape: [Int])? {
        switch kind {
        case .convolution3x3: (.convolution, [outputChannels, inputChannels, 3, 3])
        case .convolution1x1: (.convolution, [outputChannels, inputChannels, 1, 1])
        case .upConvolution2x2: (.upConvolution, [inputChannels, outputChannels, 2, 2])
        case .groupNormalization: (.scale, [outputChannels])
        case .maxPool, .dropout, .skipAddition: nil
        }
    }

    var weightCount: Int { weights?.shape.reduce(1, *) ?? 0 }
    var parameterCount: Int { weights == nil ? 0 : weightCount + outputChannels }

    func parameters(_ flat: UnsafePointer<Float>) -> LayerParameters {
        LayerParameters(weights: flat + parameterOffset, bias: flat + (parameterOffset + weightCount))
    }

    func gradients(_ flat: UnsafeMutablePointer<Float>) -> LayerGradients {
        LayerGradients(weights: flat + parameterOffset, bias: flat + (parameterOffset + weightCount))
    }
}

// MARK: Memory

extension Operation {
    /// The activation in whose place the output is written, or stays as it is if the reader computes it.
    func overwrittenInput(training: Bool) -> Int? {
        switch kind {
        case .dropout, .skipAddition: inputs.last?.activation
        // In training the backward pass reads the input.
        case .groupNormalization: training && !isComputedByReader ? nil : inputs.last?.activation
        case .convolution3x3, .maxPool, .upConvolution2x2, .convolution1x1: nil
        }
    }

    /// The kernel of a group normalisation.
    package var normalization: GroupNormalization? {
        guard case .groupNormalization(let activation) = kind else { return nil }
        return GroupNormalization(channels: outputChannels, activation: activation)
    }

    /// Floats that the forward pass leaves for the backward pass beside the output.
    var statisticsCount: Int {
        normalization?.statisticsCount ?? 0
    }

    /// The activations that the backward pass reads.
    var backwardReads: [Int] {
        let read = inputs.map(\.activation)
        switch kind {
        case .convolution3x3(_, let activation): return activation.readsOutput ? read + [output] : read
        case .maxPool: return read + [output]
        case .groupNormalization, .upConvolution2x2, .convolution1x1: return read
        case .dropout, .skipAddition: return []
        }
    }

    /// Whether the gradients by its inputs are written in the place of the one by its output.
    var overwritesGradient: Bool {
        switch kind {
        case .groupNormalization, .dropout, .skipAddition: true
        case .convolution3x3, .maxPool, .upConvolution2x2, .convolution1x1: false
        }
    }

    /// The skip connection whose gradient it adds to that of its input: max pooling is the first to read what is passed
    /// across.
    var addedSkipGradient: Int? {
        if case .maxPool = kind { inputs.last?.activation } else { nil }
    }
}
