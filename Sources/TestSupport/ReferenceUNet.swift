import Kernels
import Network

/// The U-Net of Ronneberger, Fischer, Brox 2015 from reference kernels, in Double: what `UNet` has to compute.
///
/// Parameters and gradients go by the checkpoint's names and are in PyTorch's order, so that the conversion to the
/// order of memory is tested too.
package struct ReferenceUNet {
    package typealias Parameters = [String: [Double]]

    private let architecture: UNetArchitecture
    private let padding: Int

    package init(_ architecture: UNetArchitecture) {
        self.architecture = architecture
        padding = architecture.padding == .same ? 1 : 0
    }

    /// What a forward pass leaves for the backward pass.
    package struct Trace {
        /// A block's input, its two outputs after ReLU, and those of its convolutions before all that follows them.
        struct Block {
            var input: ReferenceImage
            var middle: ReferenceImage
            var output: ReferenceImage
            var convolved: [ReferenceImage]
        }

        var encoder: [Block] = []
        /// After dropout.
        var bottom = ReferenceImage(ImageShape(0, 0, 0))
        var dropout: [Double]?
        /// By level.
        var decoder: [Int: Block] = [:]
        package internal(set) var logits = ReferenceImage(ImageShape(0, 0, 0))
        /// The shape of the activation that dropout works on.
        package var bottomShape: ImageShape { bottom.shape }
    }

    /// - Parameter dropout: what each value of the bottom is multiplied by; nil for 1.
    package func forward(_ image: ReferenceImage, _ parameters: Parameters, dropout: [Double]? = nil) -> Trace {
        var trace = Trace()
        var activation = image
        for level in 0...architecture.depth {
            if level > 0 { activation = ReferenceKernels.maxPool(activation) }
            trace.encoder.append(block("encoder.\(level)", activation, parameters))
            activation = trace.encoder[level].output
        }
        trace.dropout = dropout
        if let dropout { activation.values = zip(activation.values, dropout).map { $0 * $1 } }
        trace.bottom = activation
        for level in (0..<architecture.depth).reversed() {
            let name = "decoder.\(level).up"
            let up = ReferenceKernels.upConvolution(
                activation, weights: upMemoryOrder(name, parameters), bias: tensor("\(name).bias", parameters))
            let skip = ReferenceKernels.centreCrop(
                trace.encoder[level].output, height: up.height, width: up.width)
            let joined =
                switch architecture.skip {
                case .concatenate: ReferenceKernels.concatenate([skip, up])
                case .add: ReferenceImage(up.shape, values: zip(skip.values, up.values).map { $0 + $1 })
                case .none: up
                }
            let block = block("decoder.\(level)", joined, parameters)
            trace.decoder[level] = block
            activation = block.output
        }
        trace.logits = ReferenceKernels.pointwiseConvolution(
            activation, weights: memoryOrder("head", parameters), bias: tensor("head.bias", parameters))
        return trace
    }

    /// The gradient by all parameters.
    package func backward(_ trace: Trace, _ parameters: Parameters, logitsGradient: ReferenceImage) -> Parameters {
        var gradients: Parameters = [:]
        let last = trace.decoder[0]?.output ?? trace.bottom
        let head = ReferenceKernels.pointwiseConvolutionBackward(
            last, weights: memoryOrder("head", parameters), outputGradient: logitsGradient)
        gradients["head.weight"] = fileOrder(head.weights, inputs: last.channels, outputs: architecture.classes)
        gradients["head.bias"] = head.bias
        var gradient = head.input
        var skips: [ReferenceImage] = []
        for level in 0..<architecture.depth {
            guard let block = trace.decoder[level] else { preconditionFailure("no level \(level)") }
            let both = blockBackward("decoder.\(level)", block, gradient, parameters, &gradients)
            let parts =
                switch architecture.skip {
                case .concatenate: ReferenceKernels.split(both, channels: [both.channels / 2, both.channels / 2])
                case .add: [both, both]
                case .none: [ReferenceImage(both.shape), both]
                }
            skips.append(ReferenceKernels.centreCropBackward(parts[0], input: trace.encoder[level].output.shape))
            let name = "decoder.\(level).up"
            let below = trace.decoder[level + 1]?.output ?? trace.bottom
            let up = ReferenceKernels.upConvolutionBackward(
                below, weights: upMemoryOrder(name, parameters), outputGradient: parts[1])
            gradients["\(name).weight"] = upFileOrder(up.weights, outputs: parts[1].channels)
            gradients["\(name).bias"] = up.bias
            gradient = up.input
        }
        if let dropout = trace.dropout { gradient.values = zip(gradient.values, dropout).map { $0 * $1 } }
        for level in (0...architecture.depth).reversed() {
            gradient = blockBackward("encoder.\(level)", trace.encoder[level], gradient, parameters, &gradients)
            guard level > 0 else { break }
            let pooled = ReferenceKernels.maxPoolBackward(trace.encoder[level - 1].output, outputGradient: gradient)
            gradient = ReferenceImage(pooled.shape, values: zip(pooled.values, skips[level - 1].values).map { $0 + $1 })
        }
        return gradients
    }

    private func block(_ name: String, _ input: ReferenceImage, _ parameters: Parameters) -> Trace.Block {
        func convolve(_ input: ReferenceImage, _ number: Int) -> (convolved: ReferenceImage, output: ReferenceImage) {
            let convolution = "\(name).conv\(number)"
            let convolved = ReferenceKernels.convolution3x3(
                input, weights: memoryOrder(convolution, parameters), bias: tensor("\(convolution).bias", parameters),
                padding: padding)
            guard isNormalized else { return (convolved, ReferenceKernels.rectify(convolved)) }
            let output = ReferenceKernels.groupNormalization(
                convolved, groups: groups(convolved), weights: tensor("\(name).norm\(number).weight", parameters),
                bias: tensor("\(name).norm\(number).bias", parameters))
            return (convolved, ReferenceKernels.rectify(output))
        }
        let first = convolve(input, 1)
        let second = convolve(first.output, 2)
        return Trace.Block(
            input: input, middle: first.output, output: second.output, convolved: [first.convolved, second.convolved])
    }

    private var isNormalized: Bool { architecture.normalization == .group }

    /// The largest divisor of the channels that is at most 8.
    private func groups(_ image: ReferenceImage) -> Int {
        var groups = 8
        while image.channels % groups != 0 { groups -= 1 }
        return groups
    }

    /// Returns the gradient by the block's input.
    private func blockBackward(
        _ name: String, _ block: Trace.Block, _ gradient: ReferenceImage, _ parameters: Parameters,
        _ gradients: inout Parameters
    ) -> ReferenceImage {
        var gradient = gradient
        for (number, input, output) in [(2, block.middle, block.output), (1, block.input, block.middle)] {
            let convolution = "\(name).conv\(number)"
            gradient = ReferenceKernels.rectifyBackward(output: output, outputGradient: gradient)
            if isNormalized {
                let convolved = block.convolved[number - 1]
                let layer = ReferenceKernels.groupNormalizationBackward(
                    convolved, groups: groups(convolved), weights: tensor("\(name).norm\(number).weight", parameters),
                    outputGradient: gradient)
                gradients["\(name).norm\(number).weight"] = layer.weights
                gradients["\(name).norm\(number).bias"] = layer.bias
                gradient = layer.input
            }
            let layer = ReferenceKernels.convolution3x3Backward(
                input, weights: memoryOrder(convolution, parameters), outputGradient: gradient, padding: padding)
            gradients["\(convolution).weight"] = fileOrder(
                layer.weights, inputs: input.channels, outputs: output.channels)
            gradients["\(convolution).bias"] = layer.bias
            gradient = layer.input
        }
        return gradient
    }

    private func tensor(_ name: String, _ parameters: Parameters) -> [Double] {
        guard let tensor = parameters[name] else { preconditionFailure("no tensor named \(name)") }
        return tensor
    }

    /// `[out][in][k·k]` as `[k·k][in][out]`.
    private func memoryOrder(_ name: String, _ parameters: Parameters) -> [Double] {
        let file = tensor("\(name).weight", parameters)
        let outputs = tensor("\(name).bias", parameters).count
        let taps = name == "head" ? 1 : 9
        return transposed(file, outputs, file.count / outputs / taps, taps)
    }

    private func fileOrder(_ memory: [Double], inputs: Int, outputs: Int) -> [Double] {
        transposed(memory, memory.count / inputs / outputs, inputs, outputs)
    }

    /// `[in][out][2·2]` as `[in][2·2][out]`.
    private func upMemoryOrder(_ name: String, _ parameters: Parameters) -> [Double] {
        let file = tensor("\(name).weight", parameters)
        let outputs = tensor("\(name).bias", parameters).count
        return stride(from: 0, to: file.count, by: 4 * outputs).flatMap {
            transposed(Array(file[$0..<$0 + 4 * outputs]), outputs, 1, 4)
        }
    }

    private func upFileOrder(_ memory: [Double], outputs: Int) -> [Double] {
        stride(from: 0, to: memory.count, by: 4 * outputs).flatMap {
            transposed(Array(memory[$0..<$0 + 4 * outputs]), 4, 1, outputs)
        }
    }

    /// `[a][b][c]` as `[c][b][a]`.
    private func transposed(_ values: [Double], _ a: Int, _ b: Int, _ c: Int) -> [Double] {
        (0..<c).flatMap { k in (0..<b).flatMap { j in (0..<a).map { i in values[(i * b + j) * c + k] } } }
    }
}
