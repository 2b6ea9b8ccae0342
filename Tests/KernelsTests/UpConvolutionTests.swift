import Kernels
import TestSupport
import Testing

/// Height and width of the input, and its and the output's channels.
struct LayerShape: Sendable, CustomTestStringConvertible {
    let height: Int
    let width: Int
    let inputs: Int
    let outputs: Int

    init(_ height: Int, _ width: Int, _ inputs: Int, _ outputs: Int) {
        self.height = height
        self.width = width
        self.inputs = inputs
        self.outputs = outputs
    }

    var testDescription: String { "\(height)×\(width), \(inputs) → \(outputs) channels" }

    static let all = [
        LayerShape(1, 1, 1, 1), LayerShape(1, 1, 2, 70), LayerShape(1, 7, 3, 2), LayerShape(5, 1, 70, 3),
        LayerShape(3, 5, 6, 3), LayerShape(4, 6, 10, 5), LayerShape(7, 9, 16, 8), LayerShape(6, 5, 33, 17),
        LayerShape(3, 3, 64, 32), LayerShape(23, 19, 12, 6),
        // So large that the products are cut into parts.
        LayerShape(18, 19, 68, 5),
        // Panels that are packed once: of one row of the output's pixels and of both, widths without a partner for the last.
        LayerShape(9, 11, 16, 8), LayerShape(67, 1, 16, 4), LayerShape(1, 69, 32, 12), LayerShape(70, 17, 48, 20),
        // Few outputs over more rows than bands, with a whole register of inputs, and with a rest.
        LayerShape(40, 9, 5, 1), LayerShape(37, 11, 16, 2), LayerShape(70, 6, 40, 4),
    ]
}

/// Everything that one pass of a layer with one contiguous input reads and writes.
final class LayerRun {
    let input: Tensor
    let inputGradient: Tensor
    let output: Tensor
    let outputGradient: Tensor
    let layer: LayerProblem

    /// - Parameters:
    ///   - taps: weights for each pair of channels.
    ///   - scale: the output's side for each of the input's.
    ///   - key: of the random values; one for which the few terms of the smallest shapes do not cancel.
    init(_ shape: LayerShape, taps: Int, scale: Int, key: Int = 210) {
        input = .random(ImageShape(shape.height, shape.width, shape.inputs), key: key)
        inputGradient = .unset(input.shape)
        let out = ImageShape(scale * shape.height, scale * shape.width, shape.outputs)
        output = .unset(out)
        outputGradient = .random(out, key: key + 3)
        layer = LayerProblem(weights: taps * shape.inputs * shape.outputs, outputs: shape.outputs, key: key)
    }

    /// Compares what is there with the reference's output and gradients.
    func expectAgreement(_ expected: ReferenceImage, _ gradients: ReferenceKernels.LayerGradients) {
        #expect(relativeL2(output.view, expected) <= Tolerances.float32Sum)
        #expect(relativeL2(layer.weightGradient.values, gradients.weights) <= Tolerances.float32Sum)
        #expect(relativeL2(layer.biasGradient.values, gradients.bias) <= Tolerances.float32Sum)
        #expect(relativeL2(inputGradient.view, gradients.input) <= Tolerances.float32Sum)
    }

    /// Compares ⟨dy, A x⟩ with ⟨Aᵀ dy, x⟩ for input and weights; the bias must have been 0.
    func expectAdjoint() {
        let dy = outputGradient.values.map(Double.init)
        let y = output.values.map(Double.init)
        for (gradient, value) in [(inputGradient, input), (layer.weightGradient, layer.weights)] {
            let error = GradientCheck.adjointError(
                outputGradient: dy, output: y, inputGradient: gradient.values.map(Double.init),
                input: value.values.map(Double.init))
            #expect(error <= Tolerances.adjoint)
        }
    }

    func expectSameBits(as other: LayerRun) {
        for (mine, its) in [
            (output, other.output), (inputGradient, other.inputGradient),
            (layer.weightGradient, other.layer.weightGradient), (layer.biasGradient, other.layer.biasGradient),
        ] {
            #expect(sameBits(mine.values, its.values))
        }
    }
}

@Suite struct UpConvolutionTests {
    private func run(_ shape: LayerShape, _ kind: Engine.Kind, threads: Int = 1, bias: Bool = true) -> LayerRun {
        let run = LayerRun(shape, taps: 4, scale: 2)
        if !bias { run.layer.bias.view.fill(0) }
        let engine = Engine(kind, threads: threads)
        engine.upConvolution(run.input.view, run.layer.parameters, output: run.output.view, workspace: Workspace())
        engine.upConvolutionBackward(
            run.input.view, run.layer.parameters, outputGradient: run.outputGradient.view,
            inputGradient: run.inputGradient.view, gradients: run.layer.gradients, workspace: Workspace())
        return run
    }

    @Test("forward and backward agree with the reference", arguments: LayerShape.all, Engine.Kind.allCases)
    func reference(_ shape: LayerShape, _ kind: Engine.Kind) {
        let run = run(shape, kind)
        let input = ReferenceImage(run.input.view)
        run.expectAgreement(
            ReferenceKernels.upConvolution(
                input, weights: run.layer.referenceWeights, bias: run.layer.referenceBias),
            ReferenceKernels.upConvolutionBackward(
                input, weights: run.layer.referenceWeights, outputGradient: ReferenceImage(run.outputGradient.view)))
    }

    @Test("backward is the adjoint of forward", arguments: LayerShape.all, Engine.Kind.allCases)
    func adjoint(_ shape: LayerShape, _ kind: Engine.Kind) { run(shape, kind, bias: false).expectAdjoint() }

    @Test("one thread, two and three give the same bits", arguments: LayerShape.all.suffix(4), Engine.Kind.allCases)
    func threads(_ shape: LayerShape, _ kind: Engine.Kind) {
        for threads in [2, 3] { run(shape, kind, threads: threads).expectSameBits(as: run(shape, kind)) }
    }
}

@Suite struct PointwiseConvolutionTests {
    private func run(_ shape: LayerShape, _ kind: Engine.Kind, threads: Int = 1, bias: Bool = true) -> LayerRun {
        let run = LayerRun(shape, taps: 1, scale: 1)
        if !bias { run.layer.bias.view.fill(0) }
        let engine = Engine(kind, threads: threads)
        engine.pointwiseConvolution(
            run.input.view, run.layer.parameters, output: run.output.view, workspace: Workspace())
        engine.pointwiseConvolutionBackward(
            run.input.view, run.layer.parameters, outputGradient: run.outputGradient.view,
            inputGradient: run.inputGradient.view, gradients: run.layer.gradients, workspace: Workspace())
        return run
    }

    @Test("forward and backward agree with the reference", arguments: LayerShape.all, Engine.Kind.allCases)
    func reference(_ shape: LayerShape, _ kind: Engine.Kind) {
        let run = run(shape, kind)
        let input = ReferenceImage(run.input.view)
        run.expectAgreement(
            ReferenceKernels.pointwiseConvolution(
                input, weights: run.layer.referenceWeights, bias: run.layer.referenceBias),
            ReferenceKernels.pointwiseConvolutionBackward(
                input, weights: run.layer.referenceWeights, outputGradient: ReferenceImage(run.outputGradient.view)))
    }

    @Test("backward is the adjoint of forward", arguments: LayerShape.all, Engine.Kind.allCases)
    func adjoint(_ shape: LayerShape, _ kind: Engine.Kind) { run(shape, kind, bias: false).expectAdjoint() }

    @Test("one thread, two and three give the same bits", arguments: LayerShape.all.suffix(4), Engine.Kind.allCases)
    func threads(_ shape: LayerShape, _ kind: Engine.Kind) {
        for threads in [2, 3] { run(shape, kind, threads: threads).expectSameBits(as: run(shape, kind)) }
    }
}
