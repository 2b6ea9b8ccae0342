import Kernels
import TestSupport
import Testing

extension ConvolutionShape: CustomTestStringConvertible {
    public var testDescription: String { description }

    static let all: [ConvolutionShape] = [
        // One pixel out, and one pixel in.
        .init(height: 3, width: 3, inputs: [1], outputs: 1, padding: 0),
        .init(height: 1, width: 1, inputs: [1], outputs: 1, padding: 1),
        .init(height: 1, width: 1, inputs: [3], outputs: 2, padding: 1),
        .init(height: 3, width: 3, inputs: [70], outputs: 7, padding: 0),
        // Single rows and columns.
        .init(height: 1, width: 9, inputs: [2], outputs: 3, padding: 1),
        .init(height: 9, width: 1, inputs: [2], outputs: 3, padding: 1),
        .init(height: 3, width: 11, inputs: [2], outputs: 5, padding: 0),
        .init(height: 2, width: 2, inputs: [4], outputs: 4, padding: 1),
        // Widths that no vector divides, odd channels.
        .init(height: 7, width: 5, inputs: [3], outputs: 10, padding: 0),
        .init(height: 10, width: 13, inputs: [6], outputs: 6, padding: 1),
        .init(height: 6, width: 17, inputs: [17], outputs: 33, padding: 0),
        .init(height: 5, width: 6, inputs: [64], outputs: 64, padding: 1),
        .init(height: 5, width: 7, inputs: [1], outputs: 70, padding: 0),
        .init(height: 4, width: 5, inputs: [70], outputs: 1, padding: 1),
        // Few channels, whole registers of outputs and a rest, rows that groups of pixels divide and that they do not.
        .init(height: 40, width: 18, inputs: [1], outputs: 16, padding: 0),
        .init(height: 9, width: 16, inputs: [3], outputs: 64, padding: 1),
        .init(height: 8, width: 21, inputs: [5], outputs: 48, padding: 0),
        .init(height: 35, width: 23, inputs: [7], outputs: 17, padding: 1),
        // Several inputs side by side, some of them crops, as skips are.
        .init(height: 6, width: 8, inputs: [3, 5], outputs: 4, padding: 0, borders: [2, 0]),
        .init(height: 5, width: 9, inputs: [8, 8], outputs: 8, padding: 1, borders: [1, 3]),
        .init(height: 4, width: 4, inputs: [1, 2, 7], outputs: 3, padding: 0, borders: [0, 4, 1]),
        .init(height: 3, width: 5, inputs: [33, 32], outputs: 6, padding: 1, borders: [0, 2]),
        // So large that the work is cut into bands and parts.
        .init(height: 47, width: 49, inputs: [40, 20], outputs: 3, padding: 0, borders: [3, 0]),
        .init(height: 43, width: 61, inputs: [2], outputs: 70, padding: 1),
    ]
}

@Suite struct ConvolutionTests {
    private typealias Run = ConvolutionProblem

    private let engine = Engine(.native, threads: 1)

    static let engines = [
        Engine(.openblas, threads: 1), Engine(.native, threads: 1, convolution: .direct),
        Engine(.native, threads: 1, convolution: .winograd4), Engine(.native, threads: 1, convolution: .winograd6),
    ]

    @Test("forward agrees with the reference", arguments: ConvolutionShape.all, engines)
    func forward(_ shape: ConvolutionShape, engine: Engine) {
        let run = Run(shape)
        run.forward(engine)
        #expect(relativeL2(run.output.view, run.referenceOutput) <= engine.tolerance)
    }

    @Test("backward agrees with the reference", arguments: ConvolutionShape.all, engines)
    func backward(_ shape: ConvolutionShape, engine: Engine) {
        let run = Run(shape)
        run.forward(engine)
        run.backward(engine)
        let expected = run.referenceGradients
        let weightTolerance = engine.convolution.isWinograd ? Tolerances.winogradWeightGradient : engine.tolerance
        #expect(relativeL2(run.layer.weightGradient.values, expected.weights) <= weightTolerance)
        #expect(relativeL2(run.layer.biasGradient.values, expected.bias) <= Tolerances.float32Sum)
        let parts = ReferenceKernels.split(expected.input, channels: shape.inputs)
        for (gradient, part) in zip(run.inputGradients, parts) {
            #expect(relativeL2(gradient.view, part) <= engine.tolerance)
            #expect(gradient.borderIsUntouched)
        }
    }

    /// Where every output is positive the convolution less its bias is linear, and its backward is the adjoint.
    @Test("backward is the adjoint of forward", arguments: ConvolutionShape.all, engines)
    func adjoint(_ shape: ConvolutionShape, engine: Engine) {
        let run = Run(shape)
        run.layer.bias.view.fill(1000)
        run.forward(engine)
        run.layer.bias.view.fill(0)
        // A mask that lets everything through; the forward's values only settle the mask.
        run.backward(engine)
        let linear = ReferenceKernels.convolution3x3(
            run.referenceInput, weights: run.layer.referenceWeights, bias: run.layer.noBias, padding: shape.padding)
        let dy = run.outputGradient.values.map(Double.init)
        let dx = ReferenceKernels.concatenate(run.inputGradients.map { ReferenceImage($0.view) })
        let byInput = GradientCheck.adjointError(
            outputGradient: dy, output: linear.values, inputGradient: dx.values, input: run.referenceInput.values)
        let byWeights = GradientCheck.adjointError(
            outputGradient: dy, output: linear.values,
            inputGradient: run.layer.weightGradient.values.map(Double.init), input: run.layer.referenceWeights)
        #expect(byInput <= engine.tolerance)
        #expect(byWeights <= engine.tolerance)
    }

    @Test("leaving out the input's gradient leaves the others as they are")
    func withoutInputGradient() {
        let shape = ConvolutionShape(height: 8, width: 7, inputs: [3], outputs: 5, padding: 0)
        let with = Run(shape)
        let without = Run(shape)
        for run in [with, without] { run.forward(engine) }
        with.backward(engine)
        without.backward(engine, inputGradients: false)
        #expect(sameBits(with.layer.weightGradient.values, without.layer.weightGradient.values))
        #expect(sameBits(with.layer.biasGradient.values, without.layer.biasGradient.values))
        #expect(without.inputGradients[0].view.row(0)[0].isNaN)
    }

    @Test("one thread, two and three give the same bits", arguments: ConvolutionShape.all.suffix(6), engines)
    func threads(_ shape: ConvolutionShape, engine: Engine) {
        let runs = [1, 2, 3, 64].map { threads in
            let run = Run(shape)
            let engine = Engine(engine.kind, threads: threads, convolution: engine.convolution)
            run.forward(engine)
            run.backward(engine)
            return run
        }
        for run in runs.dropFirst() {
            #expect(sameBits(run.output.values, runs[0].output.values))
            #expect(sameBits(run.layer.weightGradient.values, runs[0].layer.weightGradient.values))
            #expect(sameBits(run.layer.biasGradient.values, runs[0].layer.biasGradient.values))
            for (gradient, other) in zip(run.inputGradients, runs[0].inputGradients) {
                #expect(ReferenceImage(gradient.view) == ReferenceImage(other.view))
            }
        }
    }

    @Test("a workspace that has served another shape serves this one")
    func reusedWorkspace() {
        let workspace = Workspace()
        for shape in ConvolutionShape.all.reversed() {
            let run = Run(shape)
            engine.convolution3x3(
                run.inputs.map(\.view), run.layer.parameters, padding: shape.padding, output: run.output.view,
                workspace: workspace)
            let fresh = Run(shape)
            fresh.forward(engine)
            #expect(sameBits(run.output.values, fresh.output.values))
        }
    }

    @Test("a pre-activation that is not a number stays one")
    func notANumber() {
        let run = Run(ConvolutionShape(height: 5, width: 5, inputs: [1], outputs: 2, padding: 0))
        run.inputs[0].view.row(2)[2] = .nan
        run.forward(engine)
        let values = Array(run.output.values)
        #expect(values.allSatisfy { $0.isNaN })
    }
}

extension Engine {
    /// What this engine's convolutions may be off by.
    var tolerance: Double { convolution.isWinograd ? Tolerances.winograd : Tolerances.float32Sum }
}
