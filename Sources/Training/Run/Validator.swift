import Configurations
import Datasets
import Foundation
import Images
import Inference
import Kernels
import Metrics
import Network
import Pictures
import Support

/// Scores a set of weights on the validation images, and draws previews of the predictions.
package final class Validator {
    private let pairs: [SamplePair]
    private let cache: SampleCache
    private let engine: Engine
    private let model: Configuration.Model
    private let colors: ClassColors
    private let families: MetricFamilies
    /// Of the images, as far as their headers can be read: an image that cannot be is refused when it is loaded.
    private lazy var sizes = pairs.map { pair in
        (try? pair.image.readHeader()).map { ImageShape($0.height, $0.width, $0.pictureChannels) }
    }

    /// Images that are drawn.
    private static let previews = 3

    package init(pairs: [SamplePair], cache: SampleCache, configuration: Configuration, engine: Engine) {
        self.pairs = pairs
        self.cache = cache
        self.engine = engine
        model = configuration.model
        colors = configuration.pictureColors
        families = configuration.validation.metric.family
    }

    /// What a validation gives.
    package struct Outcome: Sendable {
        package let scores: SegmentationScores
        /// Mean cross-entropy of the pixels that count.
        package let loss: Double?
        package let seconds: Double
    }

    /// What one image adds to a validation, as it travels between ranks.
    package struct Finding: Codable, Sendable {
        /// The image's place among the validation images.
        let position: Int
        let measurement: ImageMeasurement
        /// Sum of the cross-entropy over the pixels that count.
        let loss: Double
        /// The predicted classes, 16 bits a pixel, of an image that is drawn.
        let classes: Data?
    }

    /// What all images together add, and the seconds that it took to find.
    package struct Findings: Codable, Sendable {
        let images: [Finding]
        let seconds: Double
    }

    /// Predicts every image; `progress` and `counting` as in `measure`.
    package func validate(
        _ weights: ParameterBuffer, progress: @escaping () -> Void = {},
        counting: (_ number: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> Findings {
        let watch = StopWatch()
        return Findings(
            images: try measure(weights, progress: progress, counting: counting), seconds: watch.seconds)
    }

    /// Predicts the images whose position leaves `share.index` when divided by `share.of`.
    ///
    /// - Parameters:
    ///   - progress: called after every tile and image.
    ///   - counting: told which image is next, from 1, and of how many in all.
    func measure(
        _ weights: ParameterBuffer, share: (index: Int, of: Int) = (0, 1), progress: @escaping () -> Void = {},
        counting: (_ number: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> [Finding] {
        let prediction = AveragedPrediction(
            [TiledPrediction(model.architecture, parameters: weights)], engine: engine)
        let own = Array(stride(from: share.index, to: pairs.count, by: share.of))
        let (pairs, cache) = (pairs, cache)
        let images = prediction.stream(
            try plan(for: prediction, own), of: own.count, progress: progress
        ) { place in
            let sample = try cache.load(pairs[own[place]])
            return (sample, sample.image)
        }
        defer { images.stop() }
        return try own.map { position in
            defer { progress() }
            try counting(position + 1, pairs.count)
            guard let (sample, probabilities) = try images.nextImage() else {
                preconditionFailure("image \(position) is not what comes next")
            }
            let predicted = LabelMap(mostProbable: probabilities)
            let isOverThresholds = !families.isDisjoint(with: [.borders, .warping])
            let image = SegmentedImage(
                truth: sample.labels, truthObjects: sample.instances, prediction: predicted,
                probability: isOverThresholds ? SegmentedImage.probability(ofClass: 1, in: probabilities) : nil)
            return Finding(
                position: position,
                measurement: ImageMeasurement(image, classes: model.architecture.classes, families: families),
                loss: Self.crossEntropy(probabilities, sample.labels),
                classes: position < Self.previews ? Self.bytes(of: predicted) : nil)
        }
    }

    /// With one thread, nothing runs beside it: the coordinator's share of a machine is that thread.
    private func plan(for prediction: AveragedPrediction, _ own: [Int]) throws -> PredictionPlan {
        guard engine.team.threads > 1 else { return .inTurn(threads: 1) }
        return try PredictionPlan(prediction, images: own.compactMap { sizes[$0] })
    }

    private static func bytes(of classes: LabelMap) -> Data {
        classes.values.prefix(classes.height * classes.width).map(UInt16.init).withUnsafeBytes { Data($0) }
    }

    private static func crossEntropy(_ probabilities: Tensor, _ labels: LabelMap) -> Double {
        var loss = 0.0
        for pixel in 0..<labels.height * labels.width where labels.values[pixel] != LabelMap.ignored {
            let probability = probabilities.base[pixel * probabilities.channels + Int(labels.values[pixel])]
            loss -= Elementary.log(max(Double(probability), 1e-12))
        }
        return loss
    }

    /// The scores of all images, whoever predicted them: added up in the order of the images.
    package func outcome(of all: Findings) -> Outcome {
        let findings = all.images.sorted { $0.position < $1.position }
        let scores = SegmentationScores(findings.map(\.measurement), classes: model.architecture.classes)
        let loss = findings.reduce(0) { $0 + $1.loss }
        return Outcome(
            scores: scores, loss: scores.pixels > 0 ? loss / Double(scores.pixels) : nil, seconds: all.seconds)
    }

    /// A picture that was drawn.
    struct Picture {
        /// The image's.
        let stem: String
        let path: String
    }

    /// Draws the images whose classes are among the findings, as `PREFIX-STEM.png`; returns the pictures.
    func draw(_ findings: Findings, into folder: String, prefix: String) throws -> [Picture] {
        let panel = ValidationPanel(colors: colors, names: model.classNames)
        return try findings.images.compactMap { finding -> Picture? in
            guard let classes = finding.classes else { return nil }
            let sample = try cache.load(pairs[finding.position])
            let predicted = LabelMap(height: sample.labels.height, width: sample.labels.width)
            precondition(classes.count == 2 * predicted.height * predicted.width, "\(classes.count) bytes of classes")
            classes.withUnsafeBytes { bytes in
                for pixel in 0..<predicted.height * predicted.width {
                    predicted.values[pixel] = Int32(
                        bytes.loadUnaligned(fromByteOffset: 2 * pixel, as: UInt16.self))
                }
            }
            // As its file has it, in its own colours.
            let image = try ShownImage(try pairs[finding.position].image.rows(), atMost: ShownImage.mostOfPanel)
            let picture = panel.picture(image: image, truth: sample.labels, prediction: predicted)
            let path = "\(folder)/\(prefix)-\(sample.stem).png"
            try PNG.write(picture, to: path)
            return Picture(stem: sample.stem, path: path)
        }
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
