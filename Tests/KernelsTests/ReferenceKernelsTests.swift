import Kernels
import TestSupport
import Testing

/// The references themselves, against central differences: what the other tests rest on.
@Suite struct ReferenceKernelsTests {
    private struct Layer {
        let input: ReferenceImage
        let weights: [Double]
        let bias: [Double]
        let outputGradient: ReferenceImage

        init(_ height: Int, _ width: Int, _ inputs: Int, _ outputs: Int, taps: Int, out: (Int, Int)) {
            var stream = RandomStream.test(700)
            let shape = ImageShape(height, width, inputs)
            let output = ImageShape(out.0, out.1, outputs)
            input = ReferenceImage(shape, values: stream.direction(shape.count))
            weights = stream.direction(taps * inputs * outputs)
            bias = stream.direction(outputs)
            outputGradient = ReferenceImage(output, values: stream.direction(output.count))
        }

        /// Compares gradients with central differences of ⟨dy, forward⟩.
        func check(
            _ gradients: ReferenceKernels.LayerGradients,
            _ forward: (ReferenceImage, [Double], [Double]) -> ReferenceImage
        ) {
            let dy = outputGradient.values
            let byInput = GradientCheck.gradient(
                of: { innerProduct(dy, forward(ReferenceImage(input.shape, values: $0), weights, bias).values) },
                at: input.values)
            let byWeights = GradientCheck.gradient(
                of: { innerProduct(dy, forward(input, $0, bias).values) }, at: weights)
            let byBias = GradientCheck.gradient(
                of: { innerProduct(dy, forward(input, weights, $0).values) }, at: bias)
            #expect(relativeL2(gradients.input.values, byInput) <= Tolerances.centralDifference)
            #expect(relativeL2(gradients.weights, byWeights) <= Tolerances.centralDifference)
            #expect(relativeL2(gradients.bias, byBias) <= Tolerances.centralDifference)
        }
    }

    @Test("3×3 convolution", arguments: [0, 1])
    func convolution(padding: Int) {
        let layer = Layer(4, 5, 2, 3, taps: 9, out: (2 + 2 * padding, 3 + 2 * padding))
        layer.check(
            ReferenceKernels.convolution3x3Backward(
                layer.input, weights: layer.weights, outputGradient: layer.outputGradient, padding: padding)
        ) { ReferenceKernels.convolution3x3($0, weights: $1, bias: $2, padding: padding) }
    }

    @Test("up-convolution")
    func upConvolution() {
        let layer = Layer(2, 3, 3, 2, taps: 4, out: (4, 6))
        layer.check(
            ReferenceKernels.upConvolutionBackward(
                layer.input, weights: layer.weights, outputGradient: layer.outputGradient)
        ) { ReferenceKernels.upConvolution($0, weights: $1, bias: $2) }
    }

    @Test("1×1 convolution")
    func pointwise() {
        let layer = Layer(2, 3, 3, 2, taps: 1, out: (2, 3))
        layer.check(
            ReferenceKernels.pointwiseConvolutionBackward(
                layer.input, weights: layer.weights, outputGradient: layer.outputGradient)
        ) { ReferenceKernels.pointwiseConvolution($0, weights: $1, bias: $2) }
    }

    @Test("pooling, ReLU and crop")
    func pooling() {
        var stream = RandomStream.test(710)
        let shape = ImageShape(6, 8, 2)
        let input = ReferenceImage(shape, values: stream.direction(shape.count))
        let dy = ReferenceImage(ImageShape(1, 2, 2), values: stream.direction(4))
        func forward(_ values: [Double]) -> ReferenceImage {
            let image = ReferenceKernels.rectify(ReferenceImage(shape, values: values))
            return ReferenceKernels.maxPool(ReferenceKernels.centreCrop(image, height: 2, width: 4))
        }
        let rectified = ReferenceKernels.rectify(input)
        let cropped = ReferenceKernels.centreCrop(rectified, height: 2, width: 4)
        let gradient = ReferenceKernels.rectifyBackward(
            output: rectified,
            outputGradient: ReferenceKernels.centreCropBackward(
                ReferenceKernels.maxPoolBackward(cropped, outputGradient: dy), input: shape))
        let numeric = GradientCheck.gradient(
            of: { innerProduct(dy.values, forward($0).values) }, at: input.values)
        #expect(relativeL2(gradient.values, numeric) <= Tolerances.centralDifference)
    }
}
