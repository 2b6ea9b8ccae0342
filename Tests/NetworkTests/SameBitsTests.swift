import Kernels
import Network
import Optimization
import Support
import TestSupport
import Testing

/// The promise that bits depend neither on the CPU nor on the threads.
@Suite struct SameBitsTests {
    /// Weights after five steps, as the first machine computed them with AVX-512. Whoever changes the order of a sum on
    /// purpose takes the new hash from the failure, and checks it with a build for another `LOCKSTEP_MARCH`.
    private static let expected: [UNetArchitecture.Normalization: String] = [
        .none: "e5770980fd743cb1bba1a295fdd00f1bf7888d736f652b02f00560b6aa8144a1",
        .group: "072b03f86ce9e7ef4a888776afa574448c02d5148ce69642fbe78f43a5f62c6b",
    ]

    private let side = 108

    @Test(
        "five steps give the same weights on every CPU, with any number of threads",
        arguments: [1, 2, 3, 5, 8, 16, 64],
        UNetArchitecture.Normalization.allCases)
    func fiveSteps(threads: Int, normalization: UNetArchitecture.Normalization) {
        // Layers of every kind: Winograd by tiles and by channels, direct, with whole and partial panels.
        let architecture = UNetArchitecture(
            inputChannels: 2, classes: 3, baseChannels: 40, depth: 2, normalization: normalization)
        let engine = Engine(.native, threads: threads)
        let network = UNet(architecture, engine: engine)
        let weights = ParameterBuffer(network.layout)
        let momentum = ParameterBuffer(network.layout)
        let gradient = ParameterBuffer(network.layout)
        weights.initializeWeights(seed: 7)
        let optimizer = MomentumSGD(momentum: 0.9)
        let output = architecture.geometry.output(input: side)
        for step in 0..<5 {
            let image = Tensor.random(ImageShape(side, side, 2), key: 10 * step)
            let labels = LabelMap.random(height: output, width: output, classes: 3, key: 10 * step + 1)
            let logits = network.forward(
                image.view, parameters: weights.base,
                dropout: RandomStream(seed: 7, use: .dropout, step, 0))
            _ = SoftmaxCrossEntropy.loss(
                logits: logits, labels: labels, gradient: network.logitsGradient, team: engine.team)
            network.backward(image.view, parameters: weights.base, gradient: gradient.base)
            optimizer.step(
                weights: weights.base, velocity: momentum.base, gradient: gradient.base, count: weights.count,
                learningRate: 0.01, gradientScale: 1, team: engine.team)
        }
        let hash = SHA256()
        hash.update(UnsafeRawBufferPointer(weights.bytes))
        #expect(hash.finish().hexadecimal == Self.expected[normalization])
    }
}
