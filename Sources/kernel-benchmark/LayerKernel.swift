import Kernels
import TestSupport

/// One pass of a layer that is a single matrix product: up-convolution or 1×1 convolution, native engine.
struct LayerKernel: Benchmarked {
    private enum Layer: String {
        case upConvolution = "up-convolution"
        case pointwise

        /// Weights for each pair of channels, and the output's side for each pixel of the input's.
        var taps: Int { self == .upConvolution ? 4 : 1 }
        var scale: Int { self == .upConvolution ? 2 : 1 }
    }

    private let layer: Layer
    private let pass: Pass
    private let engine = Engine(.native, threads: 1)

    static let all: [any Benchmarked] = [Layer.upConvolution, .pointwise].flatMap { layer in
        Pass.allCases.map { LayerKernel(layer: layer, pass: $0) }
    }

    var name: String { "\(layer.rawValue) \(pass)" }

    func deviations() -> [Deviation] {
        [(5, 7, 33, 17), (19, 11, 12, 6), (1, 1, 3, 70)].flatMap { height, width, inputs, outputs in
            let problem = Problem(layer, height: height, width: width, inputs: inputs, outputs: outputs)
            let input = ReferenceImage(problem.input.view)
            let weights = problem.layer.referenceWeights
            let bias = problem.layer.referenceBias
            let outputGradient = ReferenceImage(problem.outputGradient.view)
            func deviation(_ what: String, _ distance: Double) -> Deviation {
                Deviation(
                    what: "\(what) of \(problem.description)", distance: distance, tolerance: Tolerances.float32Sum)
            }
            switch pass {
            case .forward:
                problem.forward(engine)
                let expected =
                    layer == .upConvolution
                    ? ReferenceKernels.upConvolution(input, weights: weights, bias: bias)
                    : ReferenceKernels.pointwiseConvolution(input, weights: weights, bias: bias)
                return [deviation("output", relativeL2(problem.output.view, expected))]
            case .backward:
                problem.backward(engine)
                let expected =
                    layer == .upConvolution
                    ? ReferenceKernels.upConvolutionBackward(input, weights: weights, outputGradient: outputGradient)
                    : ReferenceKernels.pointwiseConvolutionBackward(
                        input, weights: weights, outputGradient: outputGradient)
                return [
                    deviation("input gradient", relativeL2(problem.inputGradient.view, expected.input)),
                    deviation("weight gradient", relativeL2(problem.layer.weightGradient.values, expected.weights)),
                    deviation("bias gradient", relativeL2(problem.layer.biasGradient.values, expected.bias)),
                ]
            }
        }
    }

    var cases: [Case] {
        let sizes = layer == .upConvolution ? [(1024, 512, 28), (128, 64, 196)] : [(64, 2, 388)]
        return sizes.map { inputs, outputs, side in
            Case(shape: "\(inputs)→\(outputs) at \(side)×\(side)") {
                let problem = Problem(layer, height: side, width: side, inputs: inputs, outputs: outputs)
                func run(_ engine: Engine) {
                    switch pass {
                    case .forward: problem.forward(engine)
                    case .backward: problem.backward(engine)
                    }
                }
                return Trial(work: engine.work(of: run)) { run(engine) }
            }
        }
    }

    /// Everything that both passes read and write.
    private final class Problem {
        let kind: Layer
        let description: String
        let input: Tensor
        let inputGradient: Tensor
        let output: Tensor
        let outputGradient: Tensor
        let layer: LayerProblem
        private let workspace = Workspace()

        init(_ kind: Layer, height: Int, width: Int, inputs: Int, outputs: Int) {
            self.kind = kind
            description = "\(inputs)→\(outputs) at \(height)×\(width)"
            input = .random(ImageShape(height, width, inputs), key: 20)
            inputGradient = .unset(input.shape)
            let shape = ImageShape(kind.scale * height, kind.scale * width, outputs)
            output = .unset(shape)
            outputGradient = .random(shape, key: 23)
            layer = LayerProblem(weights: kind.taps * inputs * outputs, outputs: outputs, key: 20)
        }

        func forward(_ engine: Engine) {
            switch kind {
            case .upConvolution:
                engine.upConvolution(input.view, layer.parameters, output: output.view, workspace: workspace)
            case .pointwise:
                engine.pointwiseConvolution(input.view, layer.parameters, output: output.view, workspace: workspace)
            }
        }

        func backward(_ engine: Engine) {
            switch kind {
            case .upConvolution:
                engine.upConvolutionBackward(
                    input.view, layer.parameters, outputGradient: outputGradient.view,
                    inputGradient: inputGradient.view, gradients: layer.gradients, workspace: workspace)
            case .pointwise:
                engine.pointwiseConvolutionBackward(
                    input.view, layer.parameters, outputGradient: outputGradient.view,
                    inputGradient: inputGradient.view, gradients: layer.gradients, workspace: workspace)
            }
        }
    }
}
