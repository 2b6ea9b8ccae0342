import Datasets
import Foundation
import Inference
import Kernels
import Network
import Testing

/// A file with weights alone, written by Python's `safetensors`, predicts what PyTorch predicts with it;
/// `Vectors/README.md` says how both are made.
@Suite struct ForeignWeightsTests {
    private struct Prediction: Decodable {
        let height: Int
        let width: Int
        /// Of class 1, H·W float32.
        let probability: Data
    }

    private let weights = vectorsFolder.appending(path: "foreign.safetensors").path

    @Test("the network's shape is read off the tensors")
    func architecture() throws {
        let model = try TrainedModel(reading: weights)
        let found = model.architecture
        #expect(found.inputChannels == 1 && found.classes == 2 && found.baseChannels == 4 && found.depth == 2)
        #expect(found.padding == .valid)
    }

    /// Whole, and in tiles of the smallest legal input and of one between: what predict promises is 1e-5 in each pixel.
    @Test("probabilities are PyTorch's, whatever the tile", arguments: [nil, 44, 56])
    func probabilities(tile: Int?) throws {
        let expected = try JSONDecoder().decode(
            [String: Prediction].self, from: Data(contentsOf: vectorsFolder.appending(path: "foreign.json")))
        #expect(expected.count == 2)
        let ensemble = try ModelEnsemble(
            [TrainedModel(reading: weights)], tile: tile, engine: Engine(.native, threads: 1))
        for (name, prediction) in expected {
            let found = try ensemble.predict(ImagePage(vectorsFolder.appending(path: "\(name).png").path))
            #expect(found.shape == ImageShape(prediction.height, prediction.width, 2), "\(name)")
            let ofClass1 = (0..<found.shape.pixels).map { Double(found.values[2 * $0 + 1]) }
            let distances = zip(ofClass1, floats(prediction.probability)).map { abs($0 - Double($1)) }
            #expect(distances.allSatisfy { $0 <= 1e-5 }, "\(name)")
        }
    }
}
