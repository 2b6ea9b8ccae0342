extension Engine {
    func directConvolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        output: TensorView, workspace: Workspace
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
                    addBias(
                        output.row(band.lowerBound + index), pixels: output.width, bias: parameters.bias, channels: n,
                        activation: activation)
                }
            }
        }
    }

    /// - Parameter gradients: nil where only those by the inputs are asked for.
    func directConvolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        output: TensorView?, outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients?,
        workspace: Workspace
    ) {
        let (n, width) = (outputGradient.channels, outputGradient.width)
        let patches = Patches(inputs: inputs, padding: padding)
        let bands = patches.bands
        for gradient in inputGradients ?? [] { gradient.fill(0) }
        workspace.lend(bands[0].count * width * n + bands.count * n) { beforeActivation in
            let biases = beforeActivation + bands[0].count * width * n
            workspace.lend(patches.bandCount) { matrix in
                for (index, band) in bands.enumerated() {
                    let pixels = band.count * width
                    applyActivationGradient(band, activation, output: output, outputGradient, into: beforeActivation)
                    if let gradients {
                        sumPixels(
                            beforeActivation, height: band.count, width: width, channels: n, into: biases + index * n)
                        patches.layOut(band, into: matrix, team: team)
                        product.multiply(
                            Matrix(matrix, rowStride: patches.length, transposed: true),
                            Matrix(beforeActivation, rowStride: n),
                            into: gradients.weights, rowStride: n, rows: patches.length, columns: n, inner: pixels,
                            accumulate: index > 0, team: team, workspace: workspace)
                    }
                    guard let inputGradients else { continue }
                    product.multiply(
                        Matrix(beforeActivation, rowStride: n),
                        Matrix(parameters.weights, rowStride: n, transposed: true),
                        into: matrix, rowStride: patches.length, rows: pixels, columns: patches.length, inner: n,
                        accumulate: false, team: team, workspace: workspace)
                    patches.add(band, matrix, to: inputGradients, team: team)
                }
            }
            if let gradients {
                sumPixels(biases, height: 1, width: bands.count, channels: n, into: gradients.bias)
            }
        }
    }

    /// The gradient of some rows before the activation function; `output` is nil where that does not need it.
    private func applyActivationGradient(
        _ band: Range<Int>, _ activation: Activation, output: TensorView?, _ gradient: TensorView,
        into result: UnsafeMutablePointer<Float>
    ) {
        let count = gradient.width &* gradient.channels
        team.forEach(band.count) { _, index in
            let gradients = gradient.row(band.lowerBound + index)
            let row = result + index * count
            guard let output else { return row.update(from: gradients, count: count) }
            let values = output.row(band.lowerBound + index)
            for i in 0..<count { row[i] = activation.gradient(gradients[i], output: values[i]) }
        }
    }
}
