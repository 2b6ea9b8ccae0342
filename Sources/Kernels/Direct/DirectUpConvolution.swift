extension Engine {
    public func upConvolution(
        _ input: TensorView, _ parameters: LayerParameters, output: TensorView, workspace: Workspace
    ) {
        checkUpConvolution(input, output: output)
        noteProduct(input, columns: 4 * output.channels, passes: 1)
        let n = output.channels
        let blocks = UpConvolutionBlocks(output: output)
        workspace.lend(input.shape.pixels * 4 * n) { result in
            product.multiply(
                Matrix(input.base, rowStride: input.channels), Matrix(parameters.weights, rowStride: 4 * n),
                into: result, rowStride: 4 * n, rows: input.shape.pixels, columns: 4 * n, inner: input.channels,
                accumulate: false, team: team, workspace: workspace)
            team.forEach(input.height) { _, y in
                blocks.write(result, row: y)
                for row in 2 * y..<2 * y + 2 {
                    addBias(output.row(row), pixels: output.width, bias: parameters.bias, channels: n)
                }
            }
        }
    }

    public func upConvolutionBackward(
        _ input: TensorView, _ parameters: LayerParameters, outputGradient: TensorView, inputGradient: TensorView,
        gradients: LayerGradients, workspace: Workspace
    ) {
        checkUpConvolution(input, output: outputGradient)
        noteProduct(input, columns: 4 * outputGradient.channels, passes: 2)
        precondition(input.shape == inputGradient.shape && inputGradient.isContiguous, "\(inputGradient.shape)")
        let n = outputGradient.channels
        let blocks = UpConvolutionBlocks(output: outputGradient)
        sumPixels(
            outputGradient.base, height: outputGradient.height, width: outputGradient.width, channels: n,
            into: gradients.bias)
        workspace.lend(input.shape.pixels * 4 * n) { gathered in
            team.forEach(input.height) { _, y in blocks.read(into: gathered, row: y) }
            product.multiply(
                Matrix(gathered, rowStride: 4 * n), Matrix(parameters.weights, rowStride: 4 * n, transposed: true),
                into: inputGradient.base, rowStride: input.channels, rows: input.shape.pixels, columns: input.channels,
                inner: 4 * n, accumulate: false, team: team, workspace: workspace)
            product.multiply(
                Matrix(input.base, rowStride: input.channels, transposed: true), Matrix(gathered, rowStride: 4 * n),
                into: gradients.weights, rowStride: 4 * n, rows: input.channels, columns: 4 * n,
                inner: input.shape.pixels, accumulate: false, team: team, workspace: workspace)
        }
    }
}

/// Moves an up-convolution's output between its image and a matrix with one row `[2][2][channels]` an input pixel.
private struct UpConvolutionBlocks {
    let output: TensorView

    /// Copies the blocks of one input row from the matrix into the two output rows below it.
    func write(_ matrix: UnsafePointer<Float>, row y: Int) {
        forEachPair(row: y) { image, offset, count in
            for i in 0..<count { image[i] = matrix[offset &+ i] }
        }
    }

    /// Copies two output rows into the blocks of the input row above them.
    func read(into matrix: UnsafeMutablePointer<Float>, row y: Int) {
        forEachPair(row: y) { image, offset, count in
            for i in 0..<count { matrix[offset &+ i] = image[i] }
        }
    }

    /// Visits each pair of neighbouring output pixels that comes from one input pixel of row `y`.
    @inline(__always)
    private func forEachPair(row y: Int, _ body: (UnsafeMutablePointer<Float>, Int, Int) -> Void) {
        let width = output.width / 2
        let pair = 2 * output.channels
        for dy in 0..<2 {
            let image = output.row(2 * y + dy)
            for x in 0..<width {
                body(image + x &* pair, ((y &* width &+ x) &* 2 &+ dy) &* pair, pair)
            }
        }
    }
}
