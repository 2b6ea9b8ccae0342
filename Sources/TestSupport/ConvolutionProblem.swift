import Kernels

/// The sizes of one 3×3 convolution.
public struct ConvolutionShape: Sendable, CustomStringConvertible {
    public let height: Int
    public let width: Int
    /// Channels of the maps that lie side by side in the input.
    public let inputs: [Int]
    public let outputs: Int
    public let padding: Int
    /// Pixels that each input has around what is read: those of a larger map, of which it is a crop.
    public let borders: [Int]

    public init(height: Int, width: Int, inputs: [Int], outputs: Int, padding: Int, borders: [Int] = []) {
        self.height = height
        self.width = width
        self.inputs = inputs
        self.outputs = outputs
        self.padding = padding
        self.borders = borders
    }

    public var description: String {
        "\(height)×\(width), \(inputs) → \(outputs) channels, padding \(padding), borders \(borders)"
    }

    /// The output's shape.
    public var output: ImageShape { ImageShape(height + 2 * padding - 2, width + 2 * padding - 2, outputs) }
}

/// Everything that one forward and one backward pass of a 3×3 convolution read and write.
public final class ConvolutionProblem {
    public let shape: ConvolutionShape
    public let inputs: [CroppedMap]
    public let inputGradients: [CroppedMap]
    public let layer: LayerProblem
    public let output: Tensor
    public let outputGradient: Tensor

    public init(_ shape: ConvolutionShape, key: Int = 100) {
        self.shape = shape
        let maps = shape.inputs.enumerated().map { index, channels in
            (
                ImageShape(shape.height, shape.width, channels),
                index < shape.borders.count ? shape.borders[index] : 0, key + 10 + index
            )
        }
        inputs = maps.map { CroppedMap.random($0.0, border: $0.1, key: $0.2) }
        inputGradients = maps.map { CroppedMap.unset($0.0, border: $0.1) }
        let channels = shape.inputs.reduce(0, +)
        layer = LayerProblem(weights: 9 * channels * shape.outputs, outputs: shape.outputs, key: key)
        output = .unset(shape.output)
        outputGradient = .random(shape.output, key: key + 3)
    }

    public func forward(_ engine: Engine, workspace: Workspace = Workspace()) {
        engine.convolution3x3(
            inputs.map(\.view), layer.parameters, padding: shape.padding, output: output.view, workspace: workspace)
    }

    /// After `forward`, whose output has the mask of ReLU.
    public func backward(
        _ engine: Engine, inputGradients wanted: Bool = true, workspace: Workspace = Workspace()
    ) {
        engine.convolution3x3Backward(
            inputs.map(\.view), layer.parameters, padding: shape.padding, output: output.view,
            outputGradient: outputGradient.view, inputGradients: wanted ? inputGradients.map(\.view) : nil,
            gradients: layer.gradients, workspace: workspace)
    }

    public var referenceInput: ReferenceImage {
        ReferenceKernels.concatenate(inputs.map { ReferenceImage($0.view) })
    }

    /// What the forward pass should give.
    public var referenceOutput: ReferenceImage {
        ReferenceKernels.rectify(
            ReferenceKernels.convolution3x3(
                referenceInput, weights: layer.referenceWeights, bias: layer.referenceBias, padding: shape.padding))
    }

    /// What the backward pass should give, from the output that is there.
    public var referenceGradients: ReferenceKernels.LayerGradients {
        ReferenceKernels.convolution3x3Backward(
            referenceInput, weights: layer.referenceWeights,
            outputGradient: ReferenceKernels.rectifyBackward(
                output: ReferenceImage(output.view), outputGradient: ReferenceImage(outputGradient.view)),
            padding: shape.padding)
    }
}
