import Diagnostics
import Kernels
import Network
import Segmentation

/// One model or several whose probabilities are averaged.
public final class ModelEnsemble {
    public let models: [TrainedModel]
    private let predictions: [TiledPrediction]
    /// Several models may want the image normalised in ways of their own.
    private let readers: [SampleReader]

    /// - Parameters:
    ///   - tile: side of the network's input; nil for one that suits.
    public init(_ models: [TrainedModel], tile: Int?, engine: Engine) throws {
        guard let first = models.first else { throw Failure.request("no checkpoint was named") }
        for model in models {
            let (a, b) = (first.architecture, model.architecture)
            guard a.classes == b.classes, a.inputChannels == b.inputChannels else {
                throw Failure.request(
                    "\(first.path) has \(a.inputChannels) channels and \(a.classes) classes, \(model.path) \(b.inputChannels) and \(b.classes): models that are averaged must agree"
                )
            }
            if let tile { try TiledPrediction.check(tile: tile, geometry: model.architecture.geometry) }
        }
        self.models = models
        predictions = models.map {
            TiledPrediction(
                UNet($0.architecture, engine: engine, purpose: .inference), parameters: $0.parameters, tile: tile,
                engine: engine)
        }
        readers = models.map {
            SampleReader(
                inputChannels: $0.architecture.inputChannels, classes: $0.architecture.classes, encoding: .index,
                ignoreValue: nil, normalization: $0.normalization)
        }
    }

    public var classes: Int { models[0].architecture.classes }
    public var classNames: [String]? { models[0].classNames }
    public var classColors: ClassColors {
        models[0].classColors.map { ClassColors($0) } ?? ClassColors(classes: classes)
    }

    /// The image of a file as the first model sees it, and its class probabilities.
    public func predict(_ path: String) throws -> (image: Tensor, probabilities: Tensor) {
        let image = try readers[0].loadImage(path)
        let sum = try predictions[0].probabilities(of: image)
        for (reader, prediction) in zip(readers, predictions).dropFirst() {
            let other = try prediction.probabilities(of: reader.loadImage(path))
            for i in 0..<sum.count { sum.base[i] += other.base[i] }
        }
        if predictions.count > 1 {
            let share = 1 / Float(predictions.count)
            for i in 0..<sum.count { sum.base[i] *= share }
        }
        return (image, sum)
    }
}
