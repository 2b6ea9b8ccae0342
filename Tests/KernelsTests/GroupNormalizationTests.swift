import Kernels
import TestSupport
import Testing

@Suite struct GroupNormalizationTests {
    /// One channel and many, whole vectors and none, one block of pixels and several with a rest.
    static let shapes = [
        ImageShape(3, 2, 1), ImageShape(5, 7, 3), ImageShape(1, 9, 7), ImageShape(13, 11, 8), ImageShape(33, 40, 16),
        ImageShape(6, 5, 17), ImageShape(70, 31, 24), ImageShape(9, 9, 40), ImageShape(30, 31, 64),
        ImageShape(12, 11, 130), ImageShape(100, 101, 1), ImageShape(90, 95, 2),
    ]

    /// What one pass forward and one back reads and writes.
    private final class Run {
        let kernel: GroupNormalization
        let layer: LayerProblem
        let input: Tensor
        let output: Tensor
        let gradient: Tensor
        let statistics: Tensor

        init(_ shape: ImageShape, range: ClosedRange<Float> = -1...1) {
            kernel = GroupNormalization(channels: shape.channels)
            statistics = .unset(ImageShape(1, 1, kernel.statisticsCount))
            layer = LayerProblem(weights: shape.channels, outputs: shape.channels, key: 700)
            input = .random(shape, key: 710, in: range)
            output = .unset(shape)
            gradient = .random(shape, key: 711)
        }

        @discardableResult
        func pass(threads: Int = 1) -> Run {
            let team = ThreadTeam(threads: threads)
            let sums = ChannelSums()
            sums.takeMoments(input.view, team: team)
            kernel.prepare(sums, pixels: input.shape.pixels, layer.parameters, statistics: statistics.base)
            kernel.apply(input.view, statistics: statistics.base, output: output.view, team: team)
            kernel.prepareBackward(
                input.view, layer.parameters, statistics: statistics.base, gradient: gradient.view,
                gradients: layer.gradients, sums: sums, team: team)
            NormalizedGradient(kernel, statistics: statistics.base, values: input.view)
                .apply(gradient.view, team: team)
            return self
        }

        /// Every value that a pass writes.
        var results: [Float] {
            [output, gradient, layer.weightGradient, layer.biasGradient].flatMap { Array($0.values) }
        }
    }

    @Test("as many groups as divide the channels, up to eight")
    func groups() {
        let expected = [1: 1, 2: 2, 3: 3, 7: 7, 8: 8, 9: 3, 10: 5, 11: 1, 12: 6, 16: 8, 17: 1, 18: 6, 22: 2, 64: 8]
        for (channels, groups) in expected { #expect(GroupNormalization(channels: channels).groups == groups) }
    }

    @Test("forward and backward agree with the definition", arguments: shapes)
    func reference(_ shape: ImageShape) {
        let run = Run(shape)
        let gradient = ReferenceImage(run.gradient.view)
        run.pass()
        let input = ReferenceImage(run.input.view)
        let linear = ReferenceKernels.groupNormalization(
            input, groups: run.kernel.groups, weights: run.layer.referenceWeights, bias: run.layer.referenceBias)
        #expect(relativeL2(run.output.view, ReferenceKernels.rectify(linear)) <= Tolerances.float32Sum)
        let expected = ReferenceKernels.groupNormalizationBackward(
            input, groups: run.kernel.groups, weights: run.layer.referenceWeights,
            outputGradient: ReferenceKernels.rectifyBackward(
                output: ReferenceImage(run.output.view), outputGradient: gradient))
        #expect(relativeL2(run.layer.weightGradient.values, expected.weights) <= Tolerances.float32Sum)
        #expect(relativeL2(run.layer.biasGradient.values, expected.bias) <= Tolerances.float32Sum)
        #expect(relativeL2(run.gradient.view, expected.input) <= 4 * Tolerances.float32Sum)
    }

    @Test("one thread, two and three give the same bits", arguments: shapes)
    func threads(_ shape: ImageShape) {
        let results = [1, 2, 3].map { Run(shape).pass(threads: $0).results }
        #expect(sameBits(results[0], results[1]))
        #expect(sameBits(results[0], results[2]))
    }

    @Test("an activation may be normalised in its place")
    func inPlace() {
        let run = Run(ImageShape(21, 19, 24)).pass()
        run.kernel.apply(run.input.view, statistics: run.statistics.base, output: run.input.view, team: .solo)
        #expect(sameBits(run.input.values, run.output.values))
    }

    /// A mean a thousand deviations from 0 costs what the values themselves have lost, and not what squares would.
    @Test("a large activation far from 0 keeps its deviation")
    func farFromZero() {
        let run = Run(ImageShape(300, 310, 16), range: 999...1001)
        run.pass()
        let linear = ReferenceKernels.groupNormalization(
            ReferenceImage(run.input.view), groups: run.kernel.groups, weights: run.layer.referenceWeights,
            bias: run.layer.referenceBias)
        #expect(relativeL2(run.output.view, ReferenceKernels.rectify(linear)) <= 1e-4)
    }

    @Test("a constant activation becomes its biases, and has no gradient of its own")
    func constant() {
        let run = Run(ImageShape(6, 6, 8))
        run.input.view.fill(3)
        run.pass()
        for i in run.output.values.indices {
            #expect(abs(run.output.values[i] - max(0, run.layer.bias.values[i % 8])) <= 1e-3)
        }
        let isFinite = run.gradient.values.allSatisfy { $0.isFinite }
        #expect(isFinite)
    }

    @Test("a value that is not a number stays one", arguments: [3, 16])
    func notANumber(channels: Int) {
        let run = Run(ImageShape(9, 8, channels))
        run.input.values[5] = .nan
        run.pass()
        let isNoticed = run.output.values.contains { $0.isNaN }
        #expect(isNoticed)
    }

    @Test(
        "a convolution without activation function is the sum alone, and its backward reads no output",
        arguments: [3, 16], [0, 1])
    func convolution(channels: Int, padding: Int) {
        let shape = ConvolutionShape(height: 25, width: 26, inputs: [channels], outputs: channels, padding: padding)
        for engine in [Engine(.native, threads: 1), Engine(.native, threads: 2, convolution: .direct)] {
            let problem = ConvolutionProblem(shape)
            engine.convolution3x3(
                problem.inputs.map(\.view), problem.layer.parameters, padding: padding, activation: .identity,
                output: problem.output.view, workspace: Workspace())
            let expected = ReferenceKernels.convolution3x3(
                problem.referenceInput, weights: problem.layer.referenceWeights, bias: problem.layer.referenceBias,
                padding: padding)
            let hasNegative = problem.output.values.contains { $0 < 0 }
            #expect(hasNegative)
            #expect(relativeL2(problem.output.view, expected) <= Tolerances.winograd)
            engine.convolution3x3Backward(
                problem.inputs.map(\.view), problem.layer.parameters, padding: padding, activation: .identity,
                output: nil, outputGradient: problem.outputGradient.view,
                inputGradients: problem.inputGradients.map(\.view),
                gradients: problem.layer.gradients, workspace: Workspace())
            let gradients = ReferenceKernels.convolution3x3Backward(
                problem.referenceInput, weights: problem.layer.referenceWeights,
                outputGradient: ReferenceImage(problem.outputGradient.view), padding: padding)
            #expect(relativeL2(problem.inputGradients[0].view, gradients.input) <= Tolerances.winograd)
            #expect(
                relativeL2(problem.layer.weightGradient.values, gradients.weights)
                    <= Tolerances.winogradWeightGradient)
            #expect(relativeL2(problem.layer.biasGradient.values, gradients.bias) <= Tolerances.float32Sum)
        }
    }
}
