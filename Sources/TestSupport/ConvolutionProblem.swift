import Kernels

/// The sizes of one 3×3 convolution.
package struct ConvolutionShape: Sendable, CustomStringConvertible {
    package let height: Int
    package let width: Int
    /// Channels of the activations that lie side by side in the input.
    package let inputs: [Int]
    package let outputs: Int
    package let padding: Int
    /// Pixels that each input has around what is read: those of a larger activation, of which it is a crop.
    package let borders: [Int]

    package init(height: Int, width: Int, inputs: [Int], outputs: Int, padding: Int, borders: [Int] = []) {
        self.height = height
        self.width = width
        self.inputs = inputs
        self.outputs = outputs
        self.padding = padding
        self.borders = borders
    }

    package var description: String {
        "\(height)×\(width), \(inputs) → \(outputs) channels, padding \(padding), borders \(borders)"
    }

    /// The output's shape.
    package var output: ImageShape { ImageShape(height + 2 * padding - 2, width + 2 * padding - 2, outputs) }
}

/// Everything that one forward and one backward pass of a 3×3 convolution read and write.
package final class ConvolutionProblem {
    package let shape: ConvolutionShape
    package let inputs: [CroppedTensor]
    package let inputGradients: [CroppedTensor]
    package let layer: LayerProblem
    package let output: Tensor
    package let outputGradient: Tensor

    package init(_ shape: ConvolutionShape, key: Int = 100) {
        self.shape = shape
        let shapes = shape.inputs.enumerated().map { index, channels in
            (
                ImageShape(shape.height, shape.width, channels),
                index < shape.borders.count ? shape.borders[index] : 0, key + 10 + index
            )
        }
        inputs = shapes.map { CroppedTensor.random($0.0, border: $0.1, key: $0.2) }
        inputGradients = shapes.map { CroppedTensor.unset($0.0, border: $0.1) }
        let channels = shape.inputs.reduce(0, +)
        layer = LayerProblem(weights: 9 * channels * shape.outputs, outputs: shape.outputs, key: key)
        output = .unset(shape.output)
        outputGradient = .random(shape.output, key: key + 3)
    }

    package func forward(_ engine: Engine, workspace: Workspace = Workspace()) {
        engine.convolution3x3(
            inputs.map(\.view), layer.parameters, padding: shape.padding, output: output.view, workspace: workspace)
    }

    /// After `forward`, whose output has the mask of ReLU.
    package func backward(
        _ engine: Engine, inputGradients wanted: Bool = true, workspace: Workspace = Workspace()
    ) {
        engine.convolution3x3Backward(
            inputs.map(\.view), layer.parameters, padding: shape.padding, output: output.view,
            outputGradient: outputGradient.view, inputGradients: wanted ? inputGradients.map(\.view) : nil,
            gradients: layer.gradients, workspace: workspace)
    }

    package var referenceInput: ReferenceImage {
        ReferenceKernels.concatenate(inputs.map { ReferenceImage($0.view) })
    }

    /// The reference of the forward pass.
    package var referenceOutput: ReferenceImage {
        ReferenceKernels.rectify(
            ReferenceKernels.convolution3x3(
                referenceInput, weights: layer.referenceWeights, bias: layer.referenceBias, padding: shape.padding))
    }

    /// The reference of the backward pass, from the output that is there.
    package var referenceGradients: ReferenceKernels.LayerGradients {
        ReferenceKernels.convolution3x3Backward(
            referenceInput, weights: layer.referenceWeights,
            outputGradient: ReferenceKernels.rectifyBackward(
                output: ReferenceImage(output.view), outputGradient: ReferenceImage(outputGradient.view)),
            padding: shape.padding)
    }
}
