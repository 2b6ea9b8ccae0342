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
        workspace.lend(output.shape.count) { masked in
            // The gradient through ReLU; kept, since both the weights' and the bias's gradients read it whole.
            team.forEach(output.height) { _, y in
                let gradient = outputGradient.row(y)
                let activation = output.row(y)
                let row = masked + y * output.width * n
                for i in 0..<output.width &* n { row[i] = activation[i] > 0 ? gradient[i] : 0 }
            }
            sumPixels(masked, height: output.height, width: output.width, channels: n, into: gradients.bias)
            weightGradient(
                Patches(inputs: inputs, padding: padding), masked: masked, channels: n, into: gradients.weights,
                workspace: workspace)
            if let inputGradients {
                let gradient = TensorView(base: masked, shape: output.shape, rowStride: output.width * n)
                inputGradient(
                    Patches(inputs: [gradient], padding: 2 - padding), parameters.weights, into: inputGradients,
                    workspace: workspace)
            }
        }
    }

    /// Patchesᵀ · gradient, summed over bands in order.
    private func weightGradient(
        _ patches: Patches, masked: UnsafePointer<Float>, channels n: Int, into weights: UnsafeMutablePointer<Float>,
        workspace: Workspace
    ) {
        workspace.lend(patches.bandCount) { matrix in
            for band in patches.bands {
                patches.layOut(band, into: matrix, team: team)
                product.multiply(
                    Matrix(matrix, rowStride: patches.length, transposed: true),
                    Matrix(masked + band.lowerBound * patches.width * n, rowStride: n), into: weights, rowStride: n,
                    rows: patches.length, columns: n, inner: band.count * patches.width,
                    accumulate: band.lowerBound > 0, team: team, workspace: workspace)
            }
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
