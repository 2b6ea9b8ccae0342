import Kernels
import TestSupport
import Testing

/// Convolutions that normalise what they read, forward and backward, and take the sums of what they write, against the same
/// in passes of their own.
@Suite struct NormalizedConvolutionTests {
    /// By tiles, with whole and partial tiles and registers; by channels; by the kernel for few channels; direct.
    static let shapes: [ConvolutionShape] = [
        .init(height: 42, width: 131, inputs: [16], outputs: 16, padding: 0),
        .init(height: 45, width: 46, inputs: [17], outputs: 40, padding: 1),
        .init(height: 36, width: 36, inputs: [24], outputs: 8, padding: 1),
        .init(height: 18, width: 19, inputs: [130], outputs: 140, padding: 1),
        .init(height: 41, width: 23, inputs: [1], outputs: 16, padding: 0),
        .init(height: 9, width: 40, inputs: [7], outputs: 19, padding: 1),
        .init(height: 7, width: 6, inputs: [24], outputs: 8, padding: 0),
    ]

    /// One block's convolution with normalisations before and behind it.
    private final class Run {
        let problem: ConvolutionProblem
        let before: GroupNormalization
        let behind: GroupNormalization
        let beforeLayer: LayerProblem
        let behindLayer: LayerProblem
        let beforeStatistics: Tensor
        let behindStatistics: Tensor
        let sums = ChannelSums()
        let engine: Engine
        let workspace = Workspace()

        init(_ shape: ConvolutionShape, threads: Int = 1) {
            problem = ConvolutionProblem(shape)
            let input = shape.inputs[0]
            before = GroupNormalization(channels: input)
            behind = GroupNormalization(channels: shape.outputs)
            beforeLayer = LayerProblem(weights: input, outputs: input, key: 800)
            behindLayer = LayerProblem(weights: shape.outputs, outputs: shape.outputs, key: 810)
            beforeStatistics = .unset(ImageShape(1, 1, before.statisticsCount))
            behindStatistics = .unset(ImageShape(1, 1, behind.statisticsCount))
            engine = Engine(.native, threads: threads)
            sums.takeMoments(problem.inputs[0].view, team: engine.team)
            before.prepare(
                sums, pixels: shape.height * shape.width, beforeLayer.parameters, statistics: beforeStatistics.base)
        }

        private var input: TensorView { problem.inputs[0].view }

        /// With everything fused.
        func fused(inputGradients: Bool = true) -> [Float] {
            let normalization = NormalizedInput(before, statistics: beforeStatistics.base)
            engine.convolution3x3(
                [input], problem.layer.parameters, padding: problem.shape.padding, activation: .identity,
                normalization: normalization, output: problem.output.view, moments: sums, workspace: workspace)
            prepare()
            engine.convolution3x3Backward(
                [input], problem.layer.parameters, padding: problem.shape.padding, activation: .identity, output: nil,
                outputGradient: problem.outputGradient.view,
                inputGradients: inputGradients ? problem.inputGradients.map(\.view) : nil,
                gradients: problem.layer.gradients, normalization: normalization, gradientNormalization: gradient,
                workspace: workspace)
            return results(inputGradients)
        }

        /// Each pass for itself.
        func apart(inputGradients: Bool = true) -> [Float] {
            let normal = Tensor.unset(input.shape)
            before.apply(input, statistics: beforeStatistics.base, output: normal.view, team: engine.team)
            engine.convolution3x3(
                [normal.view], problem.layer.parameters, padding: problem.shape.padding, activation: .identity,
                output: problem.output.view, workspace: workspace)
            // Of the same parts as those of the convolution, so that the statistics have the same bits.
            let other = Run(problem.shape)
            _ = other.forward()
            behindStatistics.base.update(from: other.behindStatistics.base, count: behind.statisticsCount)
            prepareBackward()
            gradient.apply(problem.outputGradient.view, team: engine.team)
            engine.convolution3x3Backward(
                [normal.view], problem.layer.parameters, padding: problem.shape.padding, activation: .identity,
                output: nil, outputGradient: problem.outputGradient.view,
                inputGradients: inputGradients ? problem.inputGradients.map(\.view) : nil,
                gradients: problem.layer.gradients, workspace: workspace)
            return results(inputGradients)
        }

        /// The fused forward pass; returns the statistics behind it.
        func forward() -> [Float] {
            engine.convolution3x3(
                [input], problem.layer.parameters, padding: problem.shape.padding, activation: .identity,
                normalization: NormalizedInput(before, statistics: beforeStatistics.base),
                output: problem.output.view, moments: sums, workspace: workspace)
            prepareForward()
            return Array(behindStatistics.values.prefix(4 * behind.statisticsCount / 7))
        }

        /// The statistics from a pass over the whole output.
        func forwardApart() -> [Float] {
            _ = forward()
            sums.takeMoments(problem.output.view, team: engine.team)
            prepareForward()
            return Array(behindStatistics.values.prefix(4 * behind.statisticsCount / 7))
        }

        private var gradient: NormalizedGradient {
            NormalizedGradient(behind, statistics: behindStatistics.base, values: problem.output.view)
        }

        private func prepare() {
            prepareForward()
            prepareBackward()
        }

        private func prepareForward() {
            behind.prepare(
                sums, pixels: problem.output.shape.pixels, behindLayer.parameters, statistics: behindStatistics.base)
        }

        private func prepareBackward() {
            behind.prepareBackward(
                problem.output.view, behindLayer.parameters, statistics: behindStatistics.base,
                gradient: problem.outputGradient.view, gradients: behindLayer.gradients, sums: sums, team: engine.team)
        }

        private func results(_ inputGradients: Bool) -> [Float] {
            var results = Array(problem.output.values) + Array(problem.layer.weightGradient.values)
            results += Array(problem.layer.biasGradient.values)
            if inputGradients { results += Array(problem.inputGradients[0].whole.values) }
            return results
        }
    }

    @Test("fused and apart give the same bits", arguments: shapes, [true, false])
    func apart(_ shape: ConvolutionShape, inputGradients: Bool) {
        let fused = Run(shape).fused(inputGradients: inputGradients)
        #expect(sameBits(fused, Run(shape).apart(inputGradients: inputGradients)))
        let isFinite = fused.allSatisfy { $0.isFinite }
        #expect(isFinite)
    }

    @Test("one thread, two and three give the same bits", arguments: shapes)
    func threads(_ shape: ConvolutionShape) {
        let results = [1, 2, 3, 8, 64].map { Run(shape, threads: $0).fused() }
        #expect(sameBits(results[0], results[1]))
        #expect(sameBits(results[0], results[2]))
    }

    @Test("sums taken on the way agree with those of a pass over the whole", arguments: shapes)
    func moments(_ shape: ConvolutionShape) {
        #expect(relativeL2(Run(shape).forward(), Run(shape).forwardApart().map(Double.init)) <= Tolerances.float32Sum)
    }
}
