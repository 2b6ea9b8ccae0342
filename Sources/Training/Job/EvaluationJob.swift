import Communication
import Diagnostics
import Foundation
import Images
import Kernels
import Segmentation

/// Scores predictions against labels; under `mpirun` the ranks share the images out.
public struct EvaluationJob {
    /// Scores of a set of images: one by one in the order of their names, and pooled.
    public struct Outcome: Encodable, Sendable {
        public struct Image: Encodable, Sendable {
            public let image: String
            public let scores: SegmentationScores
        }

        public let overall: SegmentationScores
        public let images: [Image]
    }

    private let world: any Communicator

    public init(world: any Communicator) { self.world = world }

    /// Segments the images and scores them; called by all ranks.
    public func run(
        _ ensemble: ModelEnsemble, images: String, labels: String, encoding: LabelEncoding, ignoreValue: Int?
    ) throws -> Outcome {
        let reader = SampleReader(
            inputChannels: ensemble.models[0].architecture.inputChannels, classes: ensemble.classes,
            encoding: encoding, ignoreValue: ignoreValue, normalization: ensemble.models[0].normalization)
        return try score(
            classes: ensemble.classes, pairs: { try SamplePair.inFolders(images: images, labels: labels) }
        ) { pair in
            (LabelMap(mostProbable: try ensemble.predict(pair.image).probabilities), try reader.loadLabels(pair.labels))
        }
    }

    /// Scores what `predict` wrote, or any program's class images: with two classes 0 and anything else, with more
    /// the class index; called by all ranks.
    public func run(
        predictions: String, labels: String, classes: Int, encoding: LabelEncoding, ignoreValue: Int?
    ) throws -> Outcome {
        func reader(_ encoding: LabelEncoding, _ ignoreValue: Int?) -> SampleReader {
            SampleReader(
                inputChannels: 1, classes: classes, encoding: encoding, ignoreValue: ignoreValue, normalization: .unit)
        }
        return try score(classes: classes, pairs: { try Self.predicted(predictions, labels: labels) }) { pair in
            (
                try reader(classes == 2 ? .binary : .index, nil).loadLabels(pair.image),
                try reader(encoding, ignoreValue).loadLabels(pair.labels)
            )
        }
    }

    private func score(
        classes: Int, pairs: () throws -> [SamplePair], _ load: (SamplePair) throws -> (LabelMap, LabelMap)
    ) throws -> Outcome {
        let pairs = try world.agreeOnRoot(pairs)
        var own: [[Int]] = []
        try world.shareOut(pairs.count) { index in
            let (prediction, truth) = try load(pairs[index])
            guard prediction.height == truth.height, prediction.width == truth.width else {
                throw Failure.request(
                    "\(pairs[index].image) is \(prediction.width)×\(prediction.height) and \(pairs[index].labels) \(truth.width)×\(truth.height): sizes must agree"
                )
            }
            var matrix = ConfusionMatrix(classes: classes)
            matrix.add(prediction: prediction, truth: truth)
            own.append(matrix.counts)
        }
        let shares = try world.agreeOnAll { own }
        var overall = ConfusionMatrix(classes: classes)
        let each = pairs.indices.map { index in
            let matrix = ConfusionMatrix(classes: classes, counts: shares[index % world.size][index / world.size])
            overall.merge(matrix)
            return Outcome.Image(image: pairs[index].stem, scores: matrix.scores)
        }
        return Outcome(overall: overall.scores, images: each)
    }

    /// A prediction for every label. Other files in the predictions' folder (probabilities, overlays) don't matter.
    private static func predicted(_ predictions: String, labels: String) throws -> [SamplePair] {
        try SamplePair.inFolders(images: labels, labels: labels).map { pair in
            let prediction = "\(predictions)/\(pair.stem).png"
            guard FileManager.default.fileExists(atPath: prediction) else {
                throw Failure.request("\(pair.labels) has no prediction \(prediction): predict that image first")
            }
            return SamplePair(stem: pair.stem, image: prediction, labels: pair.labels)
        }
    }
}
