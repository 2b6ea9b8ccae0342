import Kernels
import TestSupport
import Testing

/// Winograd's convolutions on layers that are large enough for every way in which their work is cut. The direct engine is
/// what they are compared with: it agrees with the Double reference (`ConvolutionTests`), which would take too long here.
@Suite struct WinogradTests {
    /// Layers of which threads share out the tiles: at most 128·128 pairs of channels and at least 1,024 pixels.
    private static let byTiles: [ConvolutionShape] = [
        // 8 bands of rows of tiles, blocks of whole rows.
        .init(height: 45, width: 39, inputs: [13], outputs: 7, padding: 0),
        .init(height: 61, width: 34, inputs: [64], outputs: 63, padding: 1),
        // 8 bands, most of several blocks; one of two inputs is a crop, as a skip is.
        .init(height: 90, width: 94, inputs: [37, 26], outputs: 65, padding: 0, borders: [3, 0]),
        // Fewer rows of tiles than bands: some bands are a single row.
        .init(height: 11, width: 130, inputs: [5, 3], outputs: 9, padding: 1, borders: [0, 2]),
        // More tiles in a row than a block has room for: blocks are parts of rows.
        .init(height: 9, width: 133, inputs: [65, 60], outputs: 127, padding: 0, borders: [1, 0]),
        .init(height: 7, width: 138, inputs: [121], outputs: 126, padding: 1),
    ]

    /// Layers of which threads share out the channels.
    private static let byChannels: [ConvolutionShape] = [
        // More than 128·128 pairs of channels, in several chunks of panels whose last is not whole.
        .init(height: 13, width: 10, inputs: [131], outputs: 137, padding: 0),
        .init(height: 9, width: 14, inputs: [67, 70], outputs: 150, padding: 1, borders: [2, 0]),
        .init(height: 35, width: 37, inputs: [300], outputs: 61, padding: 0),
        // Fewer than 1,024 pixels.
        .init(height: 14, width: 9, inputs: [31, 17], outputs: 33, padding: 0, borders: [0, 1]),
        // A chunk of one panel: two would hold more rows than its share of the cache.
        .init(height: 6, width: 7, inputs: [1500], outputs: 90, padding: 1),
    ]

    /// Tiles of more than 50 MB in the Winograd domain: several blocks, forward and backward.
    private static let manyBlocks = ConvolutionShape(
        height: 74, width: 74, inputs: [1021, 3], outputs: 17, padding: 0, borders: [1, 0])

    static let both = [Engine.Convolution.winograd4, .winograd6]
    /// One of each way.
    static let few = [byTiles[2], byTiles[4], byChannels[1], byChannels[3]]
    /// Each layer by both sizes of tiles, but for what is too wide for the rounding of the larger.
    static let all = (byTiles + byChannels + [manyBlocks]).flatMap { shape in
        both.filter { $0 == .winograd4 || shape.inputs.reduce(0, +) <= 512 }.map { (shape, $0) }
    }

    private let direct = Engine(.native, threads: 1, convolution: .direct)

    private static func engine(_ convolution: Engine.Convolution, threads: Int = 1) -> Engine {
        Engine(.native, threads: threads, convolution: convolution)
    }

    /// Both engines take ReLU's mask from the same output, lest a sign that rounding decides differ.
    @Test("forward and backward agree with the direct engine", arguments: all)
    func direct(_ shape: ConvolutionShape, _ convolution: Engine.Convolution) {
        let winograd = Self.engine(convolution)
        let expected = ConvolutionProblem(shape)
        let run = ConvolutionProblem(shape)
        expected.forward(direct)
        run.forward(winograd)
        #expect(distance(run.output.values, expected.output.values) <= Tolerances.winograd)

        run.output.base.update(from: expected.output.base, count: run.output.count)
        expected.backward(direct)
        run.backward(winograd)
        let (gradients, expectedGradients) = (run.layer, expected.layer)
        #expect(
            distance(gradients.weightGradient.values, expectedGradients.weightGradient.values)
                <= Tolerances.winogradWeightGradient)
        #expect(
            distance(gradients.biasGradient.values, expectedGradients.biasGradient.values) <= Tolerances.float32Sum)
        for (gradient, other) in zip(run.inputGradients, expected.inputGradients) {
            #expect(relativeL2(gradient.view, ReferenceImage(other.view)) <= Tolerances.winograd)
            #expect(gradient.borderIsUntouched)
        }
    }

    /// Eight threads have a band each, or share out chunks; three and 64 share out positions.
    @Test("any number of threads gives the same bits", arguments: all)
    func threads(_ shape: ConvolutionShape, _ convolution: Engine.Convolution) {
        let problem = ConvolutionProblem(shape)
        func results(_ threads: Int) -> Results {
            let engine = Self.engine(convolution, threads: threads)
            problem.forward(engine)
            problem.backward(engine)
            return Results(problem)
        }
        let alone = results(1)
        for threads in [2, 3, 8, 64] { #expect(results(threads).isSame(as: alone), "\(threads) threads") }
    }

    @Test("without an input gradient the other results are the same", arguments: few, both)
    func withoutInputGradient(_ shape: ConvolutionShape, _ convolution: Engine.Convolution) {
        let winograd = Self.engine(convolution)
        let problem = ConvolutionProblem(shape)
        problem.forward(winograd)
        problem.backward(Self.engine(convolution, threads: 2), inputGradients: false)
        #expect(problem.inputGradients.allSatisfy { $0.whole.values.allSatisfy { $0.isNaN } })
        let without = Results(problem)
        problem.backward(winograd)
        #expect(without.hasSameGradients(as: Results(problem)))
    }

    /// Scratch memory is lent with whatever the last borrower left in it.
    @Test("what scratch memory holds does not matter", arguments: few, both)
    func scratch(_ shape: ConvolutionShape, _ convolution: Engine.Convolution) {
        let winograd = Self.engine(convolution)
        let problem = ConvolutionProblem(shape)
        problem.forward(winograd)
        problem.backward(winograd)
        let clean = Results(problem)
        // The same layer on values that are not numbers leaves nothing else in the workspace.
        let workspace = Workspace()
        let spoiled = ConvolutionProblem(shape)
        for input in spoiled.inputs { input.view.fill(.nan) }
        for tensor in [spoiled.layer.weights, spoiled.layer.bias, spoiled.outputGradient] { tensor.view.fill(.nan) }
        spoiled.forward(winograd, workspace: workspace)
        spoiled.output.view.fill(1)
        spoiled.backward(winograd, workspace: workspace)
        problem.forward(winograd, workspace: workspace)
        problem.backward(winograd, workspace: workspace)
        #expect(Results(problem).isSame(as: clean))
    }

    /// The transforms' factors cancel, the more the more channels are added up.
    @Test(
        "forward is accurate at few channels and at many",
        arguments: [(1, 20), (64, 20), (512, 14), (1024, 10), (2048, 10)], both)
    func forwardError(_ size: (channels: Int, side: Int), _ convolution: Engine.Convolution) {
        if convolution == .winograd6 && size.channels > 512 { return }
        let problem = ConvolutionProblem(
            ConvolutionShape(height: size.side, width: size.side, inputs: [size.channels], outputs: 17, padding: 0))
        problem.forward(Self.engine(convolution))
        #expect(relativeL2(problem.output.view, problem.referenceOutput) <= Tolerances.winograd)
    }

    @Test("the input gradient is accurate at few channels and at many", arguments: [1, 64, 512, 2048], both)
    func inputGradientError(_ channels: Int, _ convolution: Engine.Convolution) {
        if convolution == .winograd6 && channels > 512 { return }
        let problem = ConvolutionProblem(
            ConvolutionShape(height: 14, width: 14, inputs: [17], outputs: channels, padding: 0))
        problem.output.view.fill(1)
        problem.backward(Self.engine(convolution))
        #expect(
            relativeL2(problem.inputGradients[0].view, problem.referenceGradients.input) <= Tolerances.winograd)
    }

    /// Random signs cancel and positive values do not: the sums of the latter grow with the pixels, as rounding may.
    @Test(
        "the weight gradient's error grows no faster than the pixels' square root", arguments: [-1, 0] as [Float], both)
    func weightGradientError(lowest: Float, _ convolution: Engine.Convolution) {
        let errors = [10, 34, 130].map { side in
            let problem = ConvolutionProblem(
                ConvolutionShape(height: side, width: side, inputs: [6], outputs: 5, padding: 0))
            var stream = RandomStream.test(side)
            stream.fill(problem.inputs[0].view, in: lowest...1)
            stream.fill(problem.outputGradient.view, in: lowest...1)
            problem.output.view.fill(1)
            problem.backward(Self.engine(convolution))
            return relativeL2(problem.layer.weightGradient.values, problem.referenceGradients.weights)
        }
        for error in errors { #expect(error <= Tolerances.winogradWeightGradient) }
        // A side's ratio is the square root of its pixels'. The first error is a draw of luck: it may be half of what
        // such sums are off by.
        #expect(errors[1] <= 2 * errors[0] * 4)
        #expect(errors[2] <= 2 * errors[0] * 16)
    }

    private func distance(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
        relativeL2(a, b.map(Double.init))
    }
}

/// All that a forward and a backward pass have written.
private final class Results {
    private let output: [UInt32]
    private let gradients: [[UInt32]]
    private let inputGradients: [[UInt32]]

    init(_ problem: ConvolutionProblem) {
        func bits(_ tensor: Tensor) -> [UInt32] { tensor.values.map(\.bitPattern) }
        output = bits(problem.output)
        gradients = [problem.layer.weightGradient, problem.layer.biasGradient].map(bits)
        inputGradients = problem.inputGradients.map { bits($0.whole) }
    }

    // Not `==`: a failed expectation would look for the differences between millions of values, for a minute.

    /// Whether every bit is the same.
    func isSame(as other: Results) -> Bool {
        output == other.output && hasSameGradients(as: other) && inputGradients == other.inputGradients
    }

    /// Whether every bit of the parameters' gradients is the same.
    func hasSameGradients(as other: Results) -> Bool { gradients == other.gradients }
}
