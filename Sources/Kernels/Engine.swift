/// Where a layer's weights and biases lie in the flat parameter buffer.
public struct LayerParameters {
    public let weights: UnsafePointer<Float>
    /// One value for each output channel.
    public let bias: UnsafePointer<Float>

    public init(weights: UnsafePointer<Float>, bias: UnsafePointer<Float>) {
        self.weights = weights
        self.bias = bias
    }
}

/// Where a layer's gradients go; laid out as its parameters, overwritten.
public struct LayerGradients {
    public let weights: UnsafeMutablePointer<Float>
    public let bias: UnsafeMutablePointer<Float>

    public init(weights: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>) {
        self.weights = weights
        self.bias = bias
    }
}

/// The layers that cost a network its time, forward and backward, on one image.
///
/// The network calls nothing else for its convolutions, so that another engine takes over by conforming to this
/// protocol. Every engine splits its work by the layer and the image size alone, never by the number of threads: the
/// bits of a result do not depend on it.
public protocol Engine: Sendable {
    /// Threads that share the work of one call.
    var team: ThreadTeam { get }

    /// 3×3 convolution, cross-correlation as the field has it, followed by bias and ReLU.
    ///
    /// - Parameters:
    ///   - inputs: one or more maps of the same height and width whose channels stand side by side in the input;
    ///     each is read where it lies.
    ///   - parameters: weights `[3][3][in][out]`, the channels of `inputs` in order.
    ///   - padding: zeros on each side of the input: 0 or 1.
    ///   - output: (H + 2·padding − 2)×(W + 2·padding − 2)×out.
    func convolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView, workspace: Workspace)

    /// The backward of `convolution3x3`, ReLU included: its mask is taken from the forward's `output`.
    ///
    /// - Parameters:
    ///   - inputGradients: one for each input, overwritten; nil where nothing lies below the layer.
    func convolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView,
        outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients, workspace: Workspace)

    /// 2×2 up-convolution with stride 2 (transposed convolution without overlap) and bias.
    ///
    /// - Parameters:
    ///   - parameters: weights `[in][2][2][out]`.
    ///   - output: 2H×2W×out, contiguous.
    func upConvolution(
        _ input: TensorView, _ parameters: LayerParameters, output: TensorView, workspace: Workspace)

    /// The backward of `upConvolution`; `inputGradient` is overwritten.
    func upConvolutionBackward(
        _ input: TensorView, _ parameters: LayerParameters, outputGradient: TensorView, inputGradient: TensorView,
        gradients: LayerGradients, workspace: Workspace)

    /// 1×1 convolution with bias: weights `[in][out]`; all maps contiguous.
    func pointwiseConvolution(_ input: TensorView, _ parameters: LayerParameters, output: TensorView)

    /// The backward of `pointwiseConvolution`; `inputGradient` is overwritten.
    func pointwiseConvolutionBackward(
        _ input: TensorView, _ parameters: LayerParameters, outputGradient: TensorView, inputGradient: TensorView,
        gradients: LayerGradients)
}

extension Engine {
    /// Refuses maps that do not belong together; every engine's door.
    func checkConvolution3x3(_ inputs: [TensorView], padding: Int, output: TensorView) {
        precondition(padding == 0 || padding == 1, "padding \(padding)")
        precondition(!inputs.isEmpty, "a convolution without an input")
        for input in inputs {
            precondition(
                output.height == input.height + 2 * padding - 2 && output.width == input.width + 2 * padding - 2
                    && output.height > 0 && output.width > 0,
                "3×3 convolution with padding \(padding) from \(input.shape) to \(output.shape)")
        }
    }

    /// Refuses maps that do not belong together; every engine's door.
    func checkUpConvolution(_ input: TensorView, output: TensorView) {
        precondition(
            output.height == 2 * input.height && output.width == 2 * input.width && output.isContiguous,
            "2×2 up-convolution from \(input.shape) to \(output.shape)")
        precondition(input.isContiguous, "up-convolution of a crop")
    }

    /// Refuses maps that do not belong together; every engine's door.
    func checkPointwise(_ input: TensorView, output: TensorView) {
        precondition(
            output.height == input.height && output.width == input.width && output.isContiguous && input.isContiguous,
            "1×1 convolution from \(input.shape) to \(output.shape)")
    }
}
