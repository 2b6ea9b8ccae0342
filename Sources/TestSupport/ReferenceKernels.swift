import Kernels

/// Every kernel once more, in Double and as the definition has it: direct loops, one sum an output, no scratch memory.
/// Slow, and meant to be read.
package enum ReferenceKernels {
    /// Gradients of a layer with weights, laid out as what they are gradients of.
    package struct LayerGradients: Sendable {
        package var input: ReferenceImage
        package var weights: [Double]
        package var bias: [Double]
    }

    /// 3×3 convolution with bias, without ReLU; weights `[3][3][in][out]`, `padding` zeros on each side.
    package static func convolution3x3(
        _ input: ReferenceImage, weights: [Double], bias: [Double], padding: Int
    ) -> ReferenceImage {
        let (inputs, outputs) = (input.channels, bias.count)
        var result = ReferenceImage(
            ImageShape(input.height + 2 * padding - 2, input.width + 2 * padding - 2, outputs))
        for y in 0..<result.height {
            for x in 0..<result.width {
                for o in 0..<outputs { result[y, x, o] = bias[o] }
                forEachTap(input, y, x, padding) { tap, inputY, inputX in
                    for i in 0..<inputs {
                        let value = input[inputY, inputX, i]
                        for o in 0..<outputs {
                            result[y, x, o] += value * weights[(tap * inputs + i) * outputs + o]
                        }
                    }
                }
            }
        }
        return result
    }

    /// The backward of `convolution3x3`.
    package static func convolution3x3Backward(
        _ input: ReferenceImage, weights: [Double], outputGradient: ReferenceImage, padding: Int
    ) -> LayerGradients {
        let (inputs, outputs) = (input.channels, outputGradient.channels)
        var result = LayerGradients(
            input: ReferenceImage(input.shape), weights: Array(repeating: 0, count: weights.count),
            bias: Array(repeating: 0, count: outputs))
        for y in 0..<outputGradient.height {
            for x in 0..<outputGradient.width {
                for o in 0..<outputs { result.bias[o] += outputGradient[y, x, o] }
                forEachTap(input, y, x, padding) { tap, inputY, inputX in
                    for i in 0..<inputs {
                        let value = input[inputY, inputX, i]
                        for o in 0..<outputs {
                            let gradient = outputGradient[y, x, o]
                            let weight = (tap * inputs + i) * outputs + o
                            result.weights[weight] += value * gradient
                            result.input[inputY, inputX, i] += weights[weight] * gradient
                        }
                    }
                }
            }
        }
        return result
    }

    /// Calls `body` for each of the 3×3 places of the input that output pixel (y, x) sees and that are not padding.
    private static func forEachTap(
        _ input: ReferenceImage, _ y: Int, _ x: Int, _ padding: Int, _ body: (Int, Int, Int) -> Void
    ) {
        for ky in 0..<3 {
            for kx in 0..<3 {
                let (inputY, inputX) = (y + ky - padding, x + kx - padding)
                guard inputY >= 0, inputX >= 0, inputY < input.height, inputX < input.width else { continue }
                body(3 * ky + kx, inputY, inputX)
            }
        }
    }

    /// max(0, x).
    package static func rectify(_ image: ReferenceImage) -> ReferenceImage {
        ReferenceImage(image.shape, values: image.values.map { max(0, $0) })
    }

    /// The backward of `rectify`: the gradient where the output is positive.
    package static func rectifyBackward(output: ReferenceImage, outputGradient: ReferenceImage) -> ReferenceImage {
        ReferenceImage(output.shape, values: zip(output.values, outputGradient.values).map { $0 > 0 ? $1 : 0 })
    }

    /// 2×2 up-convolution with stride 2 and bias; weights `[in][2][2][out]`.
    package static func upConvolution(_ input: ReferenceImage, weights: [Double], bias: [Double]) -> ReferenceImage {
        let outputs = bias.count
        var result = ReferenceImage(ImageShape(2 * input.height, 2 * input.width, outputs))
        for y in 0..<result.height {
            for x in 0..<result.width {
                let tap = 2 * (y % 2) + x % 2
                for o in 0..<outputs {
                    result[y, x, o] = (0..<input.channels).reduce(bias[o]) {
                        $0 + input[y / 2, x / 2, $1] * weights[($1 * 4 + tap) * outputs + o]
                    }
                }
            }
        }
        return result
    }

    /// The backward of `upConvolution`.
    package static func upConvolutionBackward(
        _ input: ReferenceImage, weights: [Double], outputGradient: ReferenceImage
    ) -> LayerGradients {
        let outputs = outputGradient.channels
        var result = LayerGradients(
            input: ReferenceImage(input.shape), weights: Array(repeating: 0, count: weights.count),
            bias: Array(repeating: 0, count: outputs))
        for y in 0..<outputGradient.height {
            for x in 0..<outputGradient.width {
                let tap = 2 * (y % 2) + x % 2
                for o in 0..<outputs {
                    let gradient = outputGradient[y, x, o]
                    result.bias[o] += gradient
                    for i in 0..<input.channels {
                        let weight = (i * 4 + tap) * outputs + o
                        result.weights[weight] += input[y / 2, x / 2, i] * gradient
                        result.input[y / 2, x / 2, i] += weights[weight] * gradient
                    }
                }
            }
        }
        return result
    }

    /// 1×1 convolution with bias; weights `[in][out]`.
    package static func pointwiseConvolution(
        _ input: ReferenceImage, weights: [Double], bias: [Double]
    ) -> ReferenceImage {
        let outputs = bias.count
        var result = ReferenceImage(ImageShape(input.height, input.width, outputs))
        for y in 0..<input.height {
            for x in 0..<input.width {
                for o in 0..<outputs {
                    result[y, x, o] = (0..<input.channels).reduce(bias[o]) {
                        $0 + input[y, x, $1] * weights[$1 * outputs + o]
                    }
                }
            }
        }
        return result
    }

    /// The backward of `pointwiseConvolution`.
    package static func pointwiseConvolutionBackward(
        _ input: ReferenceImage, weights: [Double], outputGradient: ReferenceImage
    ) -> LayerGradients {
        let outputs = outputGradient.channels
        var result = LayerGradients(
            input: ReferenceImage(input.shape), weights: Array(repeating: 0, count: weights.count),
            bias: Array(repeating: 0, count: outputs))
        for y in 0..<input.height {
            for x in 0..<input.width {
                for o in 0..<outputs {
                    let gradient = outputGradient[y, x, o]
                    result.bias[o] += gradient
                    for i in 0..<input.channels {
                        result.weights[i * outputs + o] += input[y, x, i] * gradient
                        result.input[y, x, i] += weights[i * outputs + o] * gradient
                    }
                }
            }
        }
        return result
    }
}
