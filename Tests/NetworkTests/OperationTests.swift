import Kernels
import Network
import TestSupport
import Testing

/// What is derived from the list of operations, against what is written out or computed another way.
@Suite struct OperationTests {
    /// The rows of a step's profile: what ran, in order.
    private func rows(_ architecture: UNetArchitecture, side: Int) -> [String] {
        let profile = StepProfile()
        let network = UNet(architecture, engine: Engine(.native, threads: 1, profile: profile))
        let parameters = ParameterBuffer(network.layout)
        let gradient = ParameterBuffer(network.layout)
        let image = Tensor.random(ImageShape(side, side, architecture.inputChannels), key: 1)
        _ = network.forward(image.view, parameters: parameters.base)
        network.logitsGradient.fill(1)
        network.backward(image.view, parameters: parameters.base, gradient: gradient.base)
        return profile.rows.map { "\($0.layer) \($0.pass)" }
    }

    @Test("the paper's operations, and what is computed again")
    func paperRows() {
        let expected = """
            encoder.0.conv1 forward, encoder.0.conv2 forward, encoder.0.pool forward, encoder.1.conv1 forward, \
            encoder.1.conv2 forward, encoder.1.pool forward, encoder.2.conv1 forward, encoder.2.conv2 forward, \
            dropout forward, decoder.1.up forward, decoder.1.conv1 forward, decoder.1.conv2 forward, \
            decoder.0.up forward, decoder.0.conv1 forward, decoder.0.conv2 forward, head forward, \
            head backward, decoder.0.conv2 backward, decoder.0.conv1 backward, decoder.0.up backward, \
            decoder.1.conv2 backward, decoder.1.conv1 backward, decoder.1.up backward, dropout backward, \
            encoder.1.pool again, encoder.2.conv2 backward, encoder.2.conv1 backward, encoder.1.pool backward, \
            encoder.0.pool again, encoder.1.conv2 backward, encoder.1.conv1 backward, encoder.0.pool backward, \
            encoder.0.conv1 again, encoder.0.conv2 backward, encoder.0.conv1 backward
            """
        let rows = rows(UNetArchitecture(baseChannels: 2, depth: 2), side: 44)
        #expect(rows.joined(separator: ", ") == expected)
        let plain = UNetArchitecture(baseChannels: 2, depth: 2, skip: .none)
        #expect(self.rows(plain, side: 44) == rows)
    }

    @Test("operations with normalisation and added skips, and what is computed again")
    func normalizedRows() {
        let expected = """
            encoder.0.conv1 forward, encoder.0.norm1 forward, encoder.0.conv2 forward, encoder.0.norm2 forward, \
            encoder.0.pool forward, encoder.1.conv1 forward, encoder.1.norm1 forward, encoder.1.conv2 forward, \
            encoder.1.norm2 forward, dropout forward, decoder.0.up forward, decoder.0.skip forward, \
            decoder.0.conv1 forward, decoder.0.norm1 forward, decoder.0.conv2 forward, decoder.0.norm2 forward, \
            head forward, head backward, decoder.0.norm2 backward, decoder.0.conv2 backward, \
            decoder.0.norm1 backward, decoder.0.conv1 backward, decoder.0.up backward, dropout backward, \
            encoder.0.pool again, encoder.1.norm2 backward, encoder.1.conv2 backward, \
            encoder.1.norm1 backward, encoder.1.conv1 backward, encoder.0.pool backward, encoder.0.conv1 again, \
            encoder.0.norm2 backward, encoder.0.conv2 backward, encoder.0.norm1 backward, encoder.0.conv1 backward
            """
        let architecture = UNetArchitecture(baseChannels: 2, depth: 1, skip: .add, normalization: .group)
        #expect(rows(architecture, side: 20).joined(separator: ", ") == expected)
    }

    @Test("the paper's layers are named as in its checkpoints")
    func paperNames() {
        let layers = [
            "encoder.0.conv1", "encoder.0.conv2", "encoder.1.conv1", "encoder.1.conv2", "encoder.2.conv1",
            "encoder.2.conv2", "encoder.3.conv1", "encoder.3.conv2", "encoder.4.conv1", "encoder.4.conv2",
            "decoder.3.up", "decoder.3.conv1", "decoder.3.conv2", "decoder.2.up", "decoder.2.conv1",
            "decoder.2.conv2", "decoder.1.up", "decoder.1.conv1", "decoder.1.conv2", "decoder.0.up",
            "decoder.0.conv1", "decoder.0.conv2", "head",
        ]
        #expect(
            ParameterLayout(UNetArchitecture()).entries.map(\.name)
                == layers.flatMap { ["\($0).weight", "\($0).bias"] })
    }

    @Test("a step of the paper's network takes 902 GFLOP")
    func paperCount() {
        #expect(UNetArchitecture().operationsPerStep(height: 572, width: 572) == 902_196_261_888)
    }

    /// Level by level, in closed form: with `same` padding level `i` has `pixels/4^i` pixels.
    @Test("floating-point operations are those of the formula", arguments: 0...4)
    func count(depth: Int) {
        for skip in UNetArchitecture.Skip.allCases {
            let architecture = UNetArchitecture(
                inputChannels: 3, classes: 5, baseChannels: 6, depth: depth, padding: .same, skip: skip)
            let pixels = 64 * 96
            var products = 3 * 6 * 5 * pixels
            for level in 0...depth {
                let (own, area) = (6 << level, pixels >> (2 * level))
                products += 9 * area * (level == 0 ? 2 * 3 * own : 3 * own * own / 2) + 3 * 9 * area * own * own
                guard level < depth else { continue }
                let inputs = skip == .concatenate ? 2 * own : own
                products += 3 * area * 2 * own * own + 3 * 9 * area * (inputs + own) * own
            }
            #expect(architecture.operationsPerStep(height: 64, width: 96) == Double(2 * products))
        }
    }

    /// Activations and gradients of 134,989,104 floats; weights, momentum and gradient of 31,030,658 each; scratch memory.
    @Test("the paper's network trains in no more memory than it needs")
    func paperMemory() {
        let bytes = UNetArchitecture().trainingBytes(height: 572, width: 572, slots: 1)
        #expect(bytes <= 4 * (134_989_104 + 3 * 31_030_658) + 100e6)
    }
}
