extension Engine {
    func directConvolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView, workspace: Workspace
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
                    addBiasAndRectify(
                        output.row(band.lowerBound + index), pixels: output.width, bias: parameters.bias, channels: n)
                }
            }
        }
    }

    func directConvolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView,
        outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients, workspace: Workspace
    ) {
        let n = output.channels
        let patches = Patches(inputs: inputs, padding: padding)
        let bands = patches.bands
        // The gradient through ReLU. The input's gradient reads it whole; without one it is done with band by band.
        let whole = inputGradients != nil
        workspace.lend((whole ? output.height : bands[0].count) * output.width * n) { masked in
            workspace.lend(patches.bandCount + bands.count * n) { matrix in
                let biases = matrix + patches.bandCount
                for (index, band) in bands.enumerated() {
                    let own = masked + (whole ? band.lowerBound * output.width * n : 0)
                    maskBand(band, output: output, gradient: outputGradient, into: own)
                    sumPixels(
                        own, height: band.count, width: output.width, channels: n, into: biases + index * n)
                    patches.layOut(band, into: matrix, team: team)
                    product.multiply(
                        Matrix(matrix, rowStride: patches.length, transposed: true), Matrix(own, rowStride: n),
                        into: gradients.weights, rowStride: n, rows: patches.length, columns: n,
                        inner: band.count * output.width, accumulate: index > 0, team: team, workspace: workspace)
                }
                sumPixels(biases, height: 1, width: bands.count, channels: n, into: gradients.bias)
            }
            if let inputGradients {
                let gradient = TensorView(base: masked, shape: output.shape, rowStride: output.width * n)
                inputGradient(
                    Patches(inputs: [gradient], padding: 2 - padding), parameters.weights, into: inputGradients,
                    workspace: workspace)
            }
        }
    }

    /// The gradient of some rows where ReLU let the output through, else 0.
    private func maskBand(
        _ band: Range<Int>, output: TensorView, gradient: TensorView, into masked: UnsafeMutablePointer<Float>
    ) {
        let count = output.width &* output.channels
        team.forEach(band.count) { _, index in
            let slopes = gradient.row(band.lowerBound + index)
            let values = output.row(band.lowerBound + index)
            let row = masked + index * count
            for i in 0..<count { row[i] = values[i] > 0 ? slopes[i] : 0 }
        }
    }

    /// The full correlation of the output's gradient with the weights turned by 180°.
    private func inputGradient(
        _ patches: Patches, _ weights: UnsafePointer<Float>, into views: [TensorView], workspace: Workspace
    ) {
        let outputs = patches.channels
        let inputs = views.reduce(0) { $0 + $1.channels }
        let width = patches.width
        workspace.lend(patches.bandCount) { matrix in
            workspace.lend(patches.bands[0].count * width * inputs) { result in
                for band in patches.bands {
                    patches.layOut(band, into: matrix, team: team)
                    for tap in 0..<9 {
                        // The patch's tap meets the weights' opposite one.
                        product.multiply(
                            Matrix(matrix + tap * outputs, rowStride: patches.length),
                            Matrix(weights + (8 - tap) * inputs * outputs, rowStride: outputs, transposed: true),
                            into: result, rowStride: inputs, rows: band.count * width, columns: inputs, inner: outputs,
                            accumulate: tap > 0, team: team, workspace: workspace)
                    }
                    team.forEach(band.count) { _, index in
                        scatter(result + index * width * inputs, row: band.lowerBound + index, to: views)
                    }
                }
            }
        }
    }

    /// Hands a row of pixels out to the maps whose channels stand side by side in it.
    private func scatter(_ pixels: UnsafePointer<Float>, row y: Int, to views: [TensorView]) {
        let stride = views.reduce(0) { $0 + $1.channels }
        var offset = 0
        for view in views {
            let target = view.row(y)
            let n = view.channels
            for x in 0..<view.width {
                let from = pixels + (x &* stride &+ offset)
                let to = target + x &* n
                for c in 0..<n { to[c] = from[c] }
            }
            offset += n
        }
    }
}
