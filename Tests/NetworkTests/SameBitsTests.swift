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
        .none: "bffd5e1af63efcd551d29d87c1f912cdc32dd81b32ac7fb38e7a31372f7054ff",
        .group: "1504c0ea49ff01109afee1348b3f01b698c3ddb0c21d76e6c7be7b476285b7ef",
    ]

    private let side = 108

    @Test(
        "five steps give the same weights on every CPU, with one thread and with two", arguments: [1, 2],
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
