extension Engine {
    /// 1×1 convolution with bias: the same matrix product for every pixel.
    ///
    /// - Parameters:
    ///   - input: H×W×in, contiguous.
    ///   - parameters: weights `[in][out]`.
    ///   - output: H×W×out, contiguous, overwritten.
    public func pointwiseConvolution(
        _ input: TensorView, _ parameters: LayerParameters, output: TensorView, workspace: Workspace
    ) {
        checkPointwise(input, output: output)
        noteProduct(input, columns: output.channels, passes: 1)
        product.multiply(
            Matrix(input.base, rowStride: input.channels), Matrix(parameters.weights, rowStride: output.channels),
            into: output.base, rowStride: output.channels, rows: input.shape.pixels, columns: output.channels,
            inner: input.channels, accumulate: false, team: team, workspace: workspace)
        team.forEach(output.height, moving: 4 * 2 * output.shape.count) { _, y in
            addBias(output.row(y), pixels: output.width, bias: parameters.bias, channels: output.channels)
        }
    }

    /// The backward of `pointwiseConvolution`.
    ///
    /// - Parameters:
    ///   - inputGradient: of the input's shape, contiguous, overwritten.
    public func pointwiseConvolutionBackward(
        _ input: TensorView, _ parameters: LayerParameters, outputGradient: TensorView, inputGradient: TensorView,
        gradients: LayerGradients, workspace: Workspace
    ) {
        checkPointwise(input, output: outputGradient)
        noteProduct(input, columns: outputGradient.channels, passes: 2)
        precondition(input.shape == inputGradient.shape && inputGradient.isContiguous, "\(inputGradient.shape)")
        let n = outputGradient.channels
        sumAllPixels(of: outputGradient, into: gradients.bias, workspace: workspace)
        if kind == .native && n <= PointwiseGradients.mostOutputs {
            PointwiseGradients(input: input, outputGradient: outputGradient, inputGradient: inputGradient).run(
                weights: parameters.weights, into: gradients.weights, workspace: workspace, team: team)
            return
        }
        product.multiply(
            Matrix(outputGradient.base, rowStride: n), Matrix(parameters.weights, rowStride: n, transposed: true),
            into: inputGradient.base, rowStride: input.channels, rows: input.shape.pixels, columns: input.channels,
            inner: n, accumulate: false, team: team, workspace: workspace)
        product.multiply(
            Matrix(input.base, rowStride: input.channels, transposed: true), Matrix(outputGradient.base, rowStride: n),
            into: gradients.weights, rowStride: n, rows: input.channels, columns: n, inner: input.shape.pixels,
            accumulate: false, team: team, workspace: workspace)
    }
}
