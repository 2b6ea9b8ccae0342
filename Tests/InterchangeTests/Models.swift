import Checkpoints
import Inference
import Kernels
import Network
import TestSupport

/// Networks of every kind that can be exported.
let architectures = [
    UNetArchitecture(baseChannels: 3, depth: 2),
    UNetArchitecture(inputChannels: 3, classes: 3, baseChannels: 4, depth: 2, padding: .same, normalization: .group),
    UNetArchitecture(classes: 2, baseChannels: 5, depth: 2, skip: .add, normalization: .group),
    UNetArchitecture(inputChannels: 2, classes: 4, baseChannels: 2, depth: 3, padding: .same, skip: .none, dropout: 0),
    UNetArchitecture(baseChannels: 3, depth: 0), UNetArchitecture(baseChannels: 1, depth: 4, padding: .same),
]

/// A network of random weights, biases and factors too, read from a file with weights alone.
func model(_ architecture: UNetArchitecture, in folder: TemporaryFolder, key: Int = 1) throws -> TrainedModel {
    let layout = ParameterLayout(architecture)
    let path = folder.path("random-\(key).safetensors")
    var stream = RandomStream.test(key)
    let sources = layout.entries.map { entry in
        let deviation = entry.kind == .scale || entry.kind == .bias ? 0.5 : (6 / Float(entry.incoming)).squareRoot()
        let values = stream.floats(entry.count, in: -deviation...deviation)
        return SafetensorsFile.Source(name: entry.name, shape: entry.shape) { target in
            for index in values.indices { target[index] = values[index] + (entry.kind == .scale ? 1 : 0) }
        }
    }
    let hints = TrainedModel.Hints(padding: architecture.padding, skip: architecture.skip, normalization: .standardize)
    try SafetensorsFile.write(sources, metadata: hints.metadata, to: path)
    return try TrainedModel(reading: path)
}

/// An image with each value uniform in [−1, 1], as ours and as others'.
func image(_ height: Int, _ width: Int, channels: Int, key: Int = 2) -> (tensor: Tensor, array: Array4) {
    let tensor = Tensor.random(ImageShape(height, width, channels), key: key)
    var array = Array4([1, channels, height, width])
    for y in 0..<height {
        for x in 0..<width {
            for c in 0..<channels { array[0, c, y, x] = Double(tensor[y, x, c]) }
        }
    }
    return (tensor, array)
}

/// The largest difference of our network's probabilities from others'.
func difference(_ model: TrainedModel, _ tensor: Tensor, from others: Array4) -> Double {
    let engine = Engine(.native, threads: 1)
    let network = UNet(model.architecture, engine: engine, purpose: .inference)
    let logits = network.forward(tensor.view, parameters: model.parameters.base)
    SoftmaxCrossEntropy.probabilities(logits, team: engine.team)
    guard others.shape == [1, logits.channels, logits.height, logits.width] else { return .infinity }
    var largest = 0.0
    for y in 0..<logits.height {
        for x in 0..<logits.width {
            for c in 0..<logits.channels {
                let own = Double(logits.row(y)[x * logits.channels + c])
                largest = max(largest, abs(own - others[0, c, y, x]))
            }
        }
    }
    return largest
}
