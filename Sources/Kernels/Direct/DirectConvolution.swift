extension Engine {
    func directConvolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView, isRectified: Bool,
        workspace: Workspace
    ) {
        let patches = Patches(inputs: inputs, padding: padding)
        let n = output.channels
        workspace.lend(patches.bandCount) { matrix in
            for band in patches.bands {
                patches.layOut(band, into: matrix, team: team)
                product.multiply(
                    Matrix(matrix, rowStride: patches.length), Matrix(parameters.weights, rowStride: n),
                    into: output.row(band.lowerBound), rowStride: n, rows: band.count * output.width, columns: n,
                    inner: patches.length, accumulate: false, team: team, workspace: workspace)
                team.forEach(band.count) { _, index in
                    let row = output.row(band.lowerBound + index)
                    if isRectified {
                        addBiasAndRectify(row, pixels: output.width, bias: parameters.bias, channels: n)
                    } else {
                        addBias(row, pixels: output.width, bias: parameters.bias, channels: n)
                    }
                }
            }
        }
    }

    func directConvolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView?,
        outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients, workspace: Workspace
    ) {
        let (n, width) = (outputGradient.channels, outputGradient.width)
        let patches = Patches(inputs: inputs, padding: padding)
        let bands = patches.bands
        for gradient in inputGradients ?? [] { gradient.fill(0) }
        workspace.lend(bands[0].count * width * n + bands.count * n) { masked in
            let biases = masked + bands[0].count * width * n
            workspace.lend(patches.bandCount) { matrix in
                for (index, band) in bands.enumerated() {
                    let pixels = band.count * width
                    maskBand(band, output: output, gradient: outputGradient, into: masked)
                    sumPixels(masked, height: band.count, width: width, channels: n, into: biases + index * n)
                    patches.layOut(band, into: matrix, team: team)
                    product.multiply(
                        Matrix(matrix, rowStride: patches.length, transposed: true), Matrix(masked, rowStride: n),
                        into: gradients.weights, rowStride: n, rows: patches.length, columns: n, inner: pixels,
                        accumulate: index > 0, team: team, workspace: workspace)
                    guard let inputGradients else { continue }
                    product.multiply(
                        Matrix(masked, rowStride: n), Matrix(parameters.weights, rowStride: n, transposed: true),
                        into: matrix, rowStride: patches.length, rows: pixels, columns: patches.length, inner: n,
                        accumulate: false, team: team, workspace: workspace)
                    patches.add(band, matrix, to: inputGradients, team: team)
                }
            }
            sumPixels(biases, height: 1, width: bands.count, channels: n, into: gradients.bias)
        }
    }

    /// The gradient of some rows where ReLU let the output through, else 0; all of it where no ReLU followed.
    private func maskBand(
        _ band: Range<Int>, output: TensorView?, gradient: TensorView, into masked: UnsafeMutablePointer<Float>
    ) {
        let count = gradient.width &* gradient.channels
        team.forEach(band.count) { _, index in
            let slopes = gradient.row(band.lowerBound + index)
            let row = masked + index * count
            guard let output else { return row.update(from: slopes, count: count) }
            let values = output.row(band.lowerBound + index)
            for i in 0..<count { row[i] = values[i] > 0 ? slopes[i] : 0 }
        }
    }
}
