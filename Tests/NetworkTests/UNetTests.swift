import Kernels
import Network
import TestSupport
import Testing

/// A network and an image to try it on.
struct UNetProblem: Sendable, CustomTestStringConvertible {
    let architecture: UNetArchitecture
    let height: Int
    let width: Int

    init(
        _ padding: UNetArchitecture.Padding, depth: Int, base: Int, inputs: Int = 1, classes: Int = 2, _ height: Int,
        _ width: Int, dropout: Double = 0, skip: UNetArchitecture.Skip = .concatenate,
        normalization: UNetArchitecture.Normalization = .none
    ) {
        architecture = UNetArchitecture(
            inputChannels: inputs, classes: classes, baseChannels: base, depth: depth, padding: padding,
            skip: skip, normalization: normalization, dropout: dropout)
        self.height = height
        self.width = width
    }

    var testDescription: String {
        "\(architecture.padding), depth \(architecture.depth), base \(architecture.baseChannels), "
            + "\(architecture.inputChannels) channels, \(architecture.classes) classes, \(height)×\(width), "
            + "skip \(architecture.skip), normalization \(architecture.normalization)"
    }

    static let all = [
        UNetProblem(.valid, depth: 0, base: 1, 5, 5),
        UNetProblem(.valid, depth: 0, base: 7, inputs: 5, classes: 4, 9, 6),
        UNetProblem(.valid, depth: 1, base: 1, 18, 20),
        UNetProblem(.valid, depth: 1, base: 5, inputs: 3, classes: 3, 22, 18),
        UNetProblem(.valid, depth: 2, base: 3, inputs: 2, 44, 48),
        UNetProblem(.valid, depth: 3, base: 1, inputs: 4, classes: 5, 92, 92),
        UNetProblem(.same, depth: 0, base: 2, 1, 1),
        UNetProblem(.same, depth: 1, base: 1, inputs: 5, 2, 4),
        UNetProblem(.same, depth: 2, base: 6, inputs: 3, classes: 5, 8, 12),
        UNetProblem(.same, depth: 3, base: 3, classes: 3, 8, 16),
        UNetProblem(.same, depth: 4, base: 1, inputs: 2, 32, 16),
        UNetProblem(.same, depth: 2, base: 4, 8, 8, dropout: 0.5),
        UNetProblem(.valid, depth: 1, base: 6, inputs: 2, 24, 20, dropout: 0.3),
        UNetProblem(.valid, depth: 0, base: 5, inputs: 2, 9, 8, normalization: .group),
        UNetProblem(.valid, depth: 2, base: 4, inputs: 2, classes: 3, 44, 48, normalization: .group),
        UNetProblem(.same, depth: 2, base: 6, inputs: 3, 12, 16, dropout: 0.5, normalization: .group),
        UNetProblem(.same, depth: 1, base: 17, 20, 18, normalization: .group),
        UNetProblem(.valid, depth: 2, base: 4, inputs: 2, classes: 3, 44, 48, skip: .add),
        UNetProblem(.same, depth: 3, base: 3, classes: 3, 8, 16, dropout: 0.5, skip: .add, normalization: .group),
        UNetProblem(.valid, depth: 2, base: 3, inputs: 2, 44, 48, skip: .none),
        UNetProblem(.same, depth: 2, base: 6, inputs: 3, 8, 12, skip: .none, normalization: .group),
    ]
}

@Suite struct UNetTests {
    /// A problem with parameters, image and labels, and what a pass over it computes.
    private final class Run {
        let problem: UNetProblem
        let network: UNet
        let parameters: ParameterBuffer
        let gradient: ParameterBuffer
        let image: Tensor
        let labels: LabelMap
        let team: ThreadTeam
        var dropout: RandomStream?
        private(set) var logits: [Float] = []
        private(set) var loss: Float = 0

        init(_ problem: UNetProblem, threads: Int = 1, key: Int = 900) {
            self.problem = problem
            team = ThreadTeam(threads: threads)
            network = UNet(problem.architecture, engine: Engine(.native, threads: threads))
            parameters = ParameterBuffer(network.layout)
            parameters.initializeWeights(seed: UInt64(key))
            // Biases above 0 keep even a network of one channel alive.
            var stream = RandomStream.test(key)
            for entry in network.layout.entries where entry.kind == .bias || entry.kind == .scale {
                for i in 0..<entry.count {
                    parameters.base[entry.offset + i] = Float(0.2 + 0.5 * stream.uniform())
                }
            }
            gradient = ParameterBuffer(network.layout)
            let geometry = problem.architecture.geometry
            image = .random(
                ImageShape(problem.height, problem.width, problem.architecture.inputChannels), key: key + 1)
            labels = .random(
                height: geometry.output(input: problem.height), width: geometry.output(input: problem.width),
                classes: problem.architecture.classes, key: key + 2)
            labels.values[0] = 1
            if problem.architecture.dropout > 0 { dropout = RandomStream(seed: 3, use: .dropout, key) }
        }

        /// Forward, loss and backward; every value of the gradient has to be overwritten.
        @discardableResult
        func pass() -> Run {
            for i in 0..<gradient.count { gradient.base[i] = .nan }
            let logits = forward()
            loss = SoftmaxCrossEntropy.loss(
                logits: logits, labels: labels, gradient: network.logitsGradient, team: team)
            network.backward(image.view, parameters: parameters.base, gradient: gradient.base)
            return self
        }

        @discardableResult
        func forward() -> TensorView {
            let view = network.forward(image.view, parameters: parameters.base, dropout: dropout)
            logits = (0..<view.shape.count).map { view.base[$0] }
            return view
        }

        /// A flat buffer by names, in PyTorch's order.
        func tensors(of buffer: ParameterBuffer) -> ReferenceUNet.Parameters {
            Dictionary(
                uniqueKeysWithValues: network.layout.entries.map { entry in
                    var values = [Float](repeating: 0, count: entry.count)
                    network.layout.exportTensor(entry, from: buffer.base, to: &values)
                    return (entry.name, values.map(Double.init))
                })
        }

        /// What dropout multiplies each value of the bottom by.
        var dropoutFactors: [Double]? {
            guard let dropout else { return nil }
            let architecture = problem.architecture
            let reference = ReferenceUNet(architecture).forward(
                ReferenceImage(image.view), tensors(of: parameters))
            let ones = Tensor(reference.bottomShape)
            ones.view.fill(1)
            Dropout.apply(ones.view, rate: architecture.dropout, stream: dropout, team: .solo)
            return ones.values.map(Double.init)
        }

        /// The reference's loss for these parameters, and its gradient by the logits.
        func reference(
            _ parameters: ReferenceUNet.Parameters, _ factors: [Double]?
        ) -> (trace: ReferenceUNet.Trace, loss: Double, logitsGradient: ReferenceImage) {
            let trace = ReferenceUNet(problem.architecture).forward(
                ReferenceImage(image.view), parameters, dropout: factors)
            let (loss, gradient) = ReferenceKernels.softmaxCrossEntropy(
                trace.logits, labels: labels.values.map(Int.init), weights: labels.values.map { _ in 1 })
            return (trace, loss, gradient)
        }

        var gradientValues: [Float] { (0..<gradient.count).map { gradient.base[$0] } }
    }

    @Test("logits, loss and gradients agree with the network of reference kernels", arguments: UNetProblem.all)
    func reference(_ problem: UNetProblem) {
        let run = Run(problem).pass()
        let parameters = run.tensors(of: run.parameters)
        let (trace, loss, logitsGradient) = run.reference(parameters, run.dropoutFactors)
        #expect(relativeL2(run.logits, trace.logits.values) <= Tolerances.networkOutput)
        #expect(relativeL2([run.loss], [loss]) <= Tolerances.networkOutput)
        let expected = ReferenceUNet(problem.architecture).backward(
            trace, parameters, logitsGradient: logitsGradient)
        let gradients = run.tensors(of: run.gradient)
        for entry in run.network.layout.entries {
            let (gradient, expected) = (gradients[entry.name] ?? [], expected[entry.name] ?? [])
            let weights = gradients[entry.name.replacing(".bias", with: ".weight")] ?? []
            if norm(expected) <= 1e-10 * norm(weights) {
                // A channel that is normalised by itself has no mean: its bias's gradient is 0 but for rounding.
                #expect(norm(gradient) <= Tolerances.networkGradient * norm(weights), "\(entry.name)")
            } else {
                #expect(relativeL2(gradient, expected) <= Tolerances.networkGradient, "\(entry.name)")
            }
        }
    }

    /// Knows nothing of how either backward pass is written: differences of the reference's loss along random
    /// directions in the space of all parameters.
    @Test(
        "the gradient is the loss's derivative", arguments: [4, 8, 11, 12, 14, 15, 17, 19].map { UNetProblem.all[$0] })
    func centralDifferences(_ problem: UNetProblem) {
        let run = Run(problem).pass()
        let factors = run.dropoutFactors
        let start = run.tensors(of: run.parameters)
        let gradients = run.tensors(of: run.gradient)
        var stream = RandomStream.test(950)
        var (numeric, analytic): ([Double], [Double]) = ([], [])
        for _ in 0..<4 {
            let directions = start.mapValues { stream.direction($0.count) }
            let derivative = GradientCheck.derivative(
                of: { distance in
                    let moved = start.merging(directions) { value, direction in
                        zip(value, direction).map { $0 + distance[0] * $1 }
                    }
                    return run.reference(moved, factors).loss
                }, at: [0], along: [1], step: 1e-6)
            numeric.append(derivative)
            analytic.append(gradients.reduce(0) { $0 + innerProduct($1.value, directions[$1.key] ?? []) })
        }
        #expect(relativeL2(analytic, numeric) <= Tolerances.networkGradient)
    }

    @Test("with parts frozen the rest's gradient keeps its bits, and each part is final once, from the end")
    func frozen() {
        for problem in [2, 4, 10, 12, 14, 17, 19].map({ UNetProblem.all[$0] }) {
            let run = Run(problem).pass()
            let whole = run.gradientValues
            let depth = problem.architecture.depth
            for prefixes in [
                [], ["encoder"], ["encoder.0"], ["encoder.0.conv1"], ["encoder.0.conv1.weight"], ["encoder.1.conv1"],
                ["encoder", "decoder"], ["encoder", "decoder.\(depth - 1).up"], ["head"], ["decoder", "head"],
                ["encoder.0", "encoder.1.conv1.weight", "decoder.0.conv2"],
                ["encoder", "decoder.\(depth - 1).up", "decoder.\(depth - 1).conv1"],
            ] {
                let trained = TrainedParameters(run.network.layout, freezing: prefixes)
                run.forward()
                _ = SoftmaxCrossEntropy.loss(
                    logits: run.forward(), labels: run.labels, gradient: run.network.logitsGradient, team: run.team)
                for i in 0..<run.gradient.count { run.gradient.base[i] = .nan }
                var places: [Int] = []
                var final: [Float] = []
                for offset in run.network.backwardPass(
                    run.image.view, parameters: run.parameters.base, gradient: run.gradient.base, trained: trained)
                {
                    let end = places.last ?? run.gradient.count
                    final = (offset..<end).map { run.gradient.base[$0] } + final
                    places.append(offset)
                }
                var expected = whole
                for range in trained.frozen { for i in range { expected[i] = 0 } }
                #expect(sameBits(run.gradientValues, expected), "\(prefixes)")
                #expect(sameBits(final, expected), "\(prefixes)")
                #expect(places.last == 0 && zip(places, places.dropFirst()).allSatisfy { $0 > $1 })
                if prefixes == ["encoder", "decoder"] { #expect(places.count == 1) }
            }
        }
    }

    @Test("one thread, two and three give the same bits")
    func threads() {
        let problem = UNetProblem(.valid, depth: 2, base: 16, 92, 100, dropout: 0.5)
        let runs = [1, 2, 3].map { Run(problem, threads: $0).pass() }
        for run in runs.dropFirst() {
            #expect(sameBits(run.logits, runs[0].logits))
            #expect(sameBits([run.loss], [runs[0].loss]))
            #expect(sameBits(run.gradientValues, runs[0].gradientValues))
        }
    }

    @Test("an image of another size in between changes nothing")
    func sizes() {
        let small = UNetProblem(.valid, depth: 1, base: 3, 18, 22)
        let large = UNetProblem(.valid, depth: 1, base: 3, 30, 26)
        let run = Run(small)
        let other = Run(large)
        let expected = (Run(small).pass(), Run(large).pass())
        // The network of `run` sees the small image, the large one, and the small one again.
        run.pass()
        let logits = run.network.forward(other.image.view, parameters: run.parameters.base)
        #expect(sameBits((0..<logits.shape.count).map { logits.base[$0] }, expected.1.logits))
        _ = SoftmaxCrossEntropy.loss(
            logits: logits, labels: other.labels, gradient: run.network.logitsGradient, team: run.team)
        run.network.backward(other.image.view, parameters: run.parameters.base, gradient: other.gradient.base)
        #expect(sameBits(other.gradientValues, expected.1.gradientValues))
        run.pass()
        #expect(sameBits(run.logits, expected.0.logits))
        #expect(sameBits(run.gradientValues, expected.0.gradientValues))
    }

    @Test("a second pass gives the bits of the first")
    func again() {
        for problem in UNetProblem.all {
            let run = Run(problem)
            let first = run.pass().gradientValues
            #expect(sameBits(run.pass().gradientValues, first), "\(problem.testDescription)")
        }
    }

    @Test("dropout is a pure function of its key, and off without one")
    func dropout() {
        let problem = UNetProblem(.same, depth: 1, base: 4, 8, 8, dropout: 0.5)
        func logits(_ key: Int?) -> [Float] {
            let run = Run(problem)
            run.dropout = key.map { RandomStream(seed: 1, use: .dropout, $0) }
            run.forward()
            return run.logits
        }
        #expect(sameBits(logits(1), logits(1)))
        #expect(!sameBits(logits(1), logits(2)))
        #expect(!sameBits(logits(1), logits(nil)))
        let without = UNetProblem(.same, depth: 1, base: 4, 8, 8, dropout: 0)
        let run = Run(without)
        run.forward()
        #expect(sameBits(logits(nil), run.logits))
    }

    @Test("the backward pass leaves parameters and image alone")
    func untouched() {
        let run = Run(UNetProblem.all[4])
        let before = (Array(run.image.values), (0..<run.parameters.count).map { run.parameters.base[$0] })
        run.pass()
        #expect(sameBits(run.image.values, before.0))
        #expect(sameBits((0..<run.parameters.count).map { run.parameters.base[$0] }, before.1))
    }
}
