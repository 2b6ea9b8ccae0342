import Kernels
import Network
import TestSupport
import Testing

/// What a network tells the stopwatch of its engine.
@Suite struct UNetProfileTests {
    @Test(
        "the rows of a step name their kernels, and their operations add up to the architecture's",
        arguments: [
            UNetProblem(.valid, depth: 2, base: 8, inputs: 3, classes: 3, 76, 92),
            UNetProblem(.same, depth: 0, base: 2, 6, 5),
            UNetProblem(.same, depth: 3, base: 9, classes: 4, 40, 32),
        ],
        [
            (Engine.Kind.native, Engine.Convolution.automatic), (.native, .direct), (.native, .winograd4),
            (.native, .winograd6), (.openblas, .automatic),
        ])
    func operations(_ problem: UNetProblem, _ kernels: (kind: Engine.Kind, convolution: Engine.Convolution)) {
        let architecture = problem.architecture
        let profile = StepProfile()
        let network = UNet(
            architecture,
            engine: Engine(kernels.kind, threads: 1, convolution: kernels.convolution, profile: profile))
        let parameters = ParameterBuffer(network.layout)
        parameters.initializeWeights(seed: 1)
        let gradient = ParameterBuffer(network.layout)
        let image = Tensor.random(ImageShape(problem.height, problem.width, architecture.inputChannels), key: 1)
        _ = network.forward(image.view, parameters: parameters.base)
        network.logitsGradient.fill(1)
        network.backward(image.view, parameters: parameters.base, gradient: gradient.base)

        let layers = network.layout.entries.filter { $0.kind == .bias }.map { $0.name.dropLast(".bias".count) }
        for layer in layers {
            for pass in ["forward", "backward"] {
                let rows = profile.rows.filter { $0.layer == layer && $0.pass == pass }
                #expect(rows.count == 1, "\(layer) \(pass)")
                let is3x3 = layer.contains("conv")
                let convolutions =
                    kernels.convolution == .automatic && kernels.kind == .native
                    ? ["winograd4", "winograd6", "direct"]
                    : [kernels.convolution.isWinograd ? kernels.convolution.rawValue : "direct"]
                for row in rows {
                    #expect((is3x3 ? convolutions : ["product"]).contains(row.kernel), "\(layer) \(pass)")
                    #expect(row.operations > 0 && row.seconds > 0)
                    // Winograd multiplies less than the sum it stands for, unless its tiles are mostly edge.
                    if !row.kernel.hasPrefix("winograd") { #expect(row.operations == row.directOperations) }
                }
            }
        }
        // Poolings and dropout have no products.
        for row in profile.rows where !layers.contains(where: { $0 == row.layer }) {
            #expect(row.kernel.isEmpty && row.operations == 0)
        }
        // What the backward pass makes again is work that the sum does not count.
        let total = profile.rows.filter { $0.pass != "again" }.reduce(0) { $0 + $1.directOperations }
        #expect(total == architecture.operationsPerStep(height: problem.height, width: problem.width))
    }
}
