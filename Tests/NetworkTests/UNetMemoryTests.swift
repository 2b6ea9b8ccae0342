import Kernels
import Network
import TestSupport
import Testing

/// The one block of memory that a network's activations and gradients share. An activation that made room too early shows as other
/// bits.
@Suite struct UNetMemoryTests {
    /// Everything random about a network and its images.
    private final class Setting {
        let architecture: UNetArchitecture
        let parameters: ParameterBuffer
        /// Images of different sizes.
        let images: [Tensor]

        init(key: Int) {
            var stream = RandomStream.test(key)
            let depth = stream.integer(below: 4)
            let padding = UNetArchitecture.Padding.allCases[stream.integer(below: 2)]
            let architecture = UNetArchitecture(
                inputChannels: 1 + stream.integer(below: 3), classes: 2 + stream.integer(below: 3),
                baseChannels: 1 + stream.integer(below: 5), depth: depth, padding: padding,
                skip: UNetArchitecture.Skip.allCases[key % 3],
                normalization: UNetArchitecture.Normalization.allCases[key % 2], dropout: 0)
            self.architecture = architecture
            parameters = ParameterBuffer(ParameterLayout(architecture))
            parameters.initializeWeights(seed: UInt64(key))
            for entry in parameters.layout.entries where entry.kind == .bias {
                for i in 0..<entry.count { parameters.base[entry.offset + i] = Float(0.2 + 0.5 * stream.uniform()) }
            }
            let geometry = architecture.geometry
            images = (0..<3).map { _ in
                let sides = (0..<2).map { _ in geometry.smallestInput + geometry.stride * stream.integer(below: 4) }
                return .random(ImageShape(sides[0], sides[1], architecture.inputChannels), key: key)
            }
        }

        func network(_ purpose: UNet.Purpose = .training) -> UNet {
            UNet(architecture, engine: Engine(.native, threads: 1), purpose: purpose)
        }

        func logits(_ network: UNet, _ image: Tensor) -> [Float] {
            let logits = network.forward(image.view, parameters: parameters.base)
            return (0..<logits.shape.count).map { logits.base[$0] }
        }

        /// Logits and gradient of one pass.
        func pass(_ network: UNet, _ image: Tensor, key: Int) -> (logits: [Float], gradient: [Float]) {
            let logits = logits(network, image)
            var stream = RandomStream.test(key)
            stream.fill(network.logitsGradient)
            let gradient = ParameterBuffer(network.layout)
            network.backward(image.view, parameters: parameters.base, gradient: gradient.base)
            return (logits, (0..<gradient.count).map { gradient.base[$0] })
        }
    }

    @Test("a network that has seen other sizes gives the bits of a new one", arguments: 0..<12)
    func otherSizes(key: Int) {
        let setting = Setting(key: 970 + key)
        let used = setting.network()
        for (index, image) in (setting.images + [setting.images[0]]).enumerated() {
            let again = setting.pass(used, image, key: index)
            let fresh = setting.pass(setting.network(), image, key: index)
            #expect(sameBits(again.logits, fresh.logits))
            #expect(sameBits(again.gradient, fresh.gradient))
        }
    }

    @Test("a network that only predicts gives the logits of one that learns", arguments: 0..<12)
    func inference(key: Int) {
        let setting = Setting(key: 970 + key)
        let predicting = setting.network(.inference)
        for image in setting.images {
            let expected = setting.logits(setting.network(), image)
            #expect(sameBits(setting.logits(predicting, image), expected))
            #expect(sameBits(setting.logits(predicting, image), expected), "the second time")
        }
    }

    @Test("logits stay as they are until the next pass: the loss writes beside them")
    func logitsAndTheirGradient() {
        let setting = Setting(key: 990)
        let network = setting.network()
        let logits = network.forward(setting.images[0].view, parameters: setting.parameters.base)
        let before = (0..<logits.shape.count).map { logits.base[$0] }
        network.logitsGradient.fill(.nan)
        #expect(sameBits((0..<logits.shape.count).map { logits.base[$0] }, before))
    }
}
