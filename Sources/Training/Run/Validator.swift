import Foundation
import Images
import Kernels
import Network
import Segmentation

/// Scores a set of weights on the validation images and draws what they see.
public final class Validator {
    private let pairs: [SamplePair]
    private let cache: SampleCache
    private let network: UNet
    private let engine: Engine
    private let model: Configuration.Model
    private let tile: Int

    /// Images that are drawn.
    private static let previews = 3

    public init(pairs: [SamplePair], cache: SampleCache, configuration: Configuration, engine: Engine) {
        self.pairs = pairs
        self.cache = cache
        self.engine = engine
        model = configuration.model
        tile = configuration.data.tile
        network = UNet(configuration.model.architecture, engine: engine, purpose: .inference)
    }

    /// What a validation gives.
    public struct Outcome: Sendable {
        public let scores: SegmentationScores
        /// Mean cross-entropy of the pixels that count.
        public let loss: Double?
        public let seconds: Double
    }

    /// Predicts every image; draws the first few into `previews` as `PREFIX-STEM.png`.
    public func validate(_ weights: ParameterBuffer, previews: (folder: String, prefix: String)?) throws -> Outcome {
        let start = Date()
        let classes = model.architecture.classes
        let prediction = TiledPrediction(network, parameters: weights, engine: engine)
        let panel = ValidationPanel(colors: model.pictureColors)
        var matrix = ConfusionMatrix(classes: classes)
        var loss = 0.0
        var counted = 0
        for (index, pair) in pairs.enumerated() {
            let sample = try cache.load(pair)
            let probabilities = try prediction.probabilities(of: sample.image)
            let predicted = LabelMap(mostProbable: probabilities)
            matrix.add(prediction: predicted, truth: sample.labels)
            for (pixel, label) in sample.labels.values.enumerated() where label != LabelMap.ignored {
                loss -= log(max(Double(probabilities.base[pixel * classes + Int(label)]), 1e-12))
                counted += 1
            }
            if let previews, index < Self.previews {
                let picture = panel.picture(image: sample.image, truth: sample.labels, prediction: predicted)
                try PNG.write(picture, to: "\(previews.folder)/\(previews.prefix)-\(sample.stem).png")
            }
        }
        return Outcome(
            scores: matrix.scores, loss: counted > 0 ? loss / Double(counted) : nil,
            seconds: Date().timeIntervalSince(start))
    }
}

/// What a validation leaves in the log.
struct ValidationEvent: Encodable {
    let step: Int
    /// Whether the weights' moving average was scored.
    let isAveraged: Bool
    let outcome: Validator.Outcome

    private enum CodingKeys: String, CodingKey { case event, step, weights, loss, seconds }

    func encode(to encoder: any Encoder) throws {
        try outcome.scores.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("validation", forKey: .event)
        try container.encode(step, forKey: .step)
        try container.encode(isAveraged ? "ema" : "raw", forKey: .weights)
        // JSON has no word for a loss that is not finite; the next step ends such a run, or skips.
        try container.encode(outcome.loss.flatMap { $0.isFinite ? $0 : nil }, forKey: .loss)
        try container.encode(outcome.seconds, forKey: .seconds)
    }
}
