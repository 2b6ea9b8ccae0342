extension Engine {
    /// 2×2 up-convolution with stride 2 (transposed convolution) and bias.
    ///
    /// - Parameters:
    ///   - input: H×W×in, contiguous.
    ///   - parameters: weights `[in][2][2][out]`.
    ///   - output: 2H×2W×out, contiguous, overwritten.
    public func upConvolution(
        _ input: TensorView, _ parameters: LayerParameters, output: TensorView, workspace: Workspace
    ) {
        checkUpConvolution(input, output: output)
        noteProduct(input, columns: 4 * output.channels, passes: 1)
        if kind == .native, UpConvolution.serves(small: input, large: output) {
            return UpConvolution(small: input, large: output, team: team).forward(parameters, workspace: workspace)
        }
        let n = output.channels
        let blocks = UpConvolutionBlocks(output: output)
        workspace.lend(blocks.bandCount) { result in
            for band in blocks.bands {
                product.multiply(
                    Matrix(input.row(band.lowerBound), rowStride: input.channels),
                    Matrix(parameters.weights, rowStride: 4 * n), into: result, rowStride: 4 * n,
                    rows: band.count * input.width, columns: 4 * n, inner: input.channels, accumulate: false,
                    team: team, workspace: workspace)
                team.forEach(band.count) { _, index in
                    blocks.write(
                        result + index * input.width * 4 * n, row: band.lowerBound + index, bias: parameters.bias)
                }
            }
        }
    }

    /// The backward of `upConvolution`.
    ///
    /// - Parameters:
    ///   - inputGradient: of the input's shape, contiguous, overwritten.
    public func upConvolutionBackward(
        _ input: TensorView, _ parameters: LayerParameters, outputGradient: TensorView, inputGradient: TensorView,
        gradients: LayerGradients, workspace: Workspace
    ) {
        checkUpConvolution(input, output: outputGradient)
        noteProduct(input, columns: 4 * outputGradient.channels, passes: 2)
        precondition(input.shape == inputGradient.shape && inputGradient.isContiguous, "\(inputGradient.shape)")
        if kind == .native, UpConvolution.serves(small: input, large: outputGradient) {
            return UpConvolution(small: inputGradient, large: outputGradient, team: team).backward(
                input, parameters, gradients: gradients, workspace: workspace)
        }
        let n = outputGradient.channels
        let blocks = UpConvolutionBlocks(output: outputGradient)
        sumAllPixels(of: outputGradient, into: gradients.bias, workspace: workspace)
        workspace.lend(blocks.bandCount) { gathered in
            for band in blocks.bands {
                team.forEach(band.count) { _, index in
                    blocks.read(into: gathered + index * input.width * 4 * n, row: band.lowerBound + index)
                }
                let pixels = band.count * input.width
                product.multiply(
                    Matrix(gathered, rowStride: 4 * n), Matrix(parameters.weights, rowStride: 4 * n, transposed: true),
                    into: inputGradient.row(band.lowerBound), rowStride: input.channels, rows: pixels,
                    columns: input.channels, inner: 4 * n, accumulate: false, team: team, workspace: workspace)
                product.multiply(
                    Matrix(input.row(band.lowerBound), rowStride: input.channels, transposed: true),
                    Matrix(gathered, rowStride: 4 * n), into: gradients.weights, rowStride: 4 * n,
                    rows: input.channels, columns: 4 * n, inner: pixels, accumulate: band.lowerBound > 0, team: team,
                    workspace: workspace)
            }
        }
    }
}

/// Moves an up-convolution's output between its image and a matrix with one row `[2][2][channels]` an input pixel.
private struct UpConvolutionBlocks {
    let output: TensorView

    /// The input rows that are worked on at once: pixels enough for efficient products, few enough for the caches.
    var bands: [Range<Int>] {
        let (height, width) = (output.height / 2, output.width / 2)
        let parts = max(1, height * width / 1024)
        return (0..<parts).map { height * $0 / parts..<height * ($0 + 1) / parts }.filter { !$0.isEmpty }
    }

    /// Floats of the largest band's matrix.
    var bandCount: Int { (bands.map(\.count).max() ?? 0) * output.width * 2 * output.channels }

    /// Copies the blocks of one input row, plus the bias, from its matrix into the two output rows below it.
    func write(_ matrix: UnsafePointer<Float>, row y: Int, bias: UnsafePointer<Float>) {
        let n = output.channels
        for dy in 0..<2 {
            var image = output.row(2 * y + dy)
            var block = matrix + dy * 2 * n
            for _ in 0..<output.width / 2 {
                for c in 0..<n { image[c] = block[c] + bias[c] }
                for c in 0..<n { image[n &+ c] = block[n &+ c] + bias[c] }
                image += 2 &* n
                block += 4 &* n
            }
        }
    }

    /// Copies two output rows into the blocks of the input row above them.
    func read(into matrix: UnsafeMutablePointer<Float>, row y: Int) {
        let n = output.channels
        for dy in 0..<2 {
            var image = output.row(2 * y + dy)
            var block = matrix + dy * 2 * n
            for _ in 0..<output.width / 2 {
                block.update(from: image, count: 2 &* n)
                image += 2 &* n
                block += 4 &* n
            }
        }
    }
}
