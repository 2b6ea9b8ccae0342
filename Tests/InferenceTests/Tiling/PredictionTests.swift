import Inference
import Kernels
import Network
import Support
import Testing

/// Prediction by tiles against the whole image in one piece.
@Suite struct PredictionTests {
    private struct Example: Sendable {
        let depth: Int
        let padding: UNetArchitecture.Padding
        let height: Int
        let width: Int
        /// The largest legal tile that is tried.
        let largest: Int
    }

    private static let examples = [UNetArchitecture.Padding.valid, .same].flatMap { padding in
        [
            Example(depth: 0, padding: padding, height: 13, width: 6, largest: 25),
            Example(depth: 1, padding: padding, height: 27, width: 18, largest: 48),
            Example(depth: 2, padding: padding, height: 37, width: 51, largest: 100),
            Example(depth: 3, padding: padding, height: 61, width: 30, largest: 180),
            // Narrower than the margin, and a single pixel.
            Example(depth: 2, padding: padding, height: 5, width: 70, largest: 100),
            Example(depth: 2, padding: padding, height: 1, width: 1, largest: 60),
        ]
    }

    /// A network with random weights and biases, and an image of random greys.
    private func problem(_ example: Example) -> (network: UNet, weights: ParameterBuffer, image: Tensor) {
        let architecture = UNetArchitecture(
            inputChannels: 2, classes: 3, baseChannels: 2, depth: example.depth, padding: example.padding)
        let network = UNet(architecture, engine: Engine(.native, threads: 1))
        let weights = ParameterBuffer(network.layout)
        weights.initializeWeights(seed: 7)
        var random = RandomStream(seed: 3, use: .synthesis, example.height, example.width)
        for entry in network.layout.entries where entry.kind == .bias {
            for i in 0..<entry.count { weights.base[entry.offset + i] = Float(random.uniform() - 0.5) }
        }
        let image = Tensor(example.height, example.width, 2)
        for i in 0..<image.count { image.base[i] = Float(2 * random.uniform() - 1) }
        return (network, weights, image)
    }

    private func probabilities(_ network: UNet, _ weights: ParameterBuffer, _ image: Tensor, tile: Int?) throws
        -> [Float]
    {
        let member = TiledPrediction(network.architecture, parameters: weights, tile: tile)
        let result = try AveragedPrediction([member], engine: Engine(.native, threads: 1)).probabilities(of: image)
        #expect(result.shape == ImageShape(image.height, image.width, 3))
        return Array(result.values)
    }

    @Test("the default tile of a deep network leaves something beside its margins", arguments: 4...6)
    func deepNetworks(depth: Int) throws {
        let example = Example(depth: depth, padding: .same, height: 8, width: 1300, largest: 0)
        let (network, weights, image) = problem(example)
        let tiled = try probabilities(network, weights, image, tile: nil)
        let whole = try probabilities(network, weights, image, tile: 1344)
        // The two may go through Winograd convolutions of different sizes.
        #expect(distance(tiled, whole) < 3e-5)
    }

    @Test("every legal tile gives the whole image's probabilities", arguments: examples.indices)
    func everyTile(index: Int) throws {
        let example = Self.examples[index]
        let (network, weights, image) = problem(example)
        let geometry = network.architecture.geometry
        // The image in one piece, mirrored as the definition says, without TiledPrediction.
        let (height, width) = (
            geometry.legalInput(outputAtLeast: image.height), geometry.legalInput(outputAtLeast: image.width)
        )
        let canvas = Tensor(height, width, 2)
        MirroredBorder.copyMirrored(from: image, top: -geometry.margin, left: -geometry.margin, into: canvas.view)
        let logits = network.forward(canvas.view, parameters: weights.base)
        SoftmaxCrossEntropy.probabilities(logits, team: ThreadTeam(threads: 1))
        var whole: [Float] = []
        for y in 0..<image.height {
            for x in 0..<image.width { for c in 0..<3 { whole.append(logits.row(y)[3 * x + c]) } }
        }
        #expect(Set(whole).count > min(20, image.height * image.width))

        #expect(distance(try probabilities(network, weights, image, tile: nil), whole) <= 1e-5)
        var tried = 0
        var refused: [Int] = []
        for tile in 1...example.largest where geometry.isLegal(input: tile) {
            do {
                let tiled = try probabilities(network, weights, image, tile: tile)
                #expect(distance(tiled, whole) <= 1e-5, "tile \(tile)")
                tried += 1
            } catch let failure as Failure {
                #expect(failure.kind == .request)
                refused.append(tile)
            }
        }
        #expect(tried >= 3)
        // Only tiles that leave less than 2^depth, or are all margin, may be refused.
        for tile in refused {
            switch example.padding {
            case .valid: #expect(geometry.output(input: tile) < geometry.stride, "tile \(tile)")
            case .same:
                let margin = UNetGeometry(depth: example.depth, padding: .valid).margin
                #expect(tile < 2 * (margin + geometry.stride) + geometry.stride, "tile \(tile)")
            }
        }
    }

    private func distance(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).reduce(a.count == b.count ? 0 : .infinity) { max($0, abs($1.0 - $1.1)) }
    }
}
