import Kernels
import Metrics
import TestSupport
import Testing

/// Scores against scikit-image, scikit-learn and the definitions taken word for word.
@Suite struct MetricVectorTests {
    let vectors: MetricVectors

    init() throws { vectors = try MetricVectors.shared.get() }

    /// Both defined and within 1e-6, or both not defined.
    static func agree(_ value: Double?, _ expected: Double?) -> Bool {
        guard let value, let expected else { return value == nil && expected == nil }
        return abs(value - expected) <= 1e-6
    }

    static func expect(
        _ value: Double?, _ expected: Double?, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            agree(value, expected), "\(what): \(String(describing: value)), not \(String(describing: expected))",
            sourceLocation: sourceLocation)
    }

    @Test func pairsOfLabellings() {
        #expect(vectors.labels.count >= 60)
        for vector in vectors.labels {
            let table = OverlapTable(
                truth: MetricVectors.map(vector.truth, vector.height, vector.width),
                prediction: MetricVectors.map(vector.prediction, vector.height, vector.width))
            let distance = PartitionDistance(table)
            Self.expect(distance.adaptedRandError, vector.adaptedRandError, "\(vector.name), adapted rand error")
            Self.expect(distance.split, vector.voiSplit, "\(vector.name), split")
            Self.expect(distance.merge, vector.voiMerge, "\(vector.name), merge")
            Self.expect(table.vRand, vector.vRand, "\(vector.name), V_rand")
            Self.expect(table.vInfo, vector.vInfo, "\(vector.name), V_info")
            let objects = ObjectMatches(table)
            Self.expect(objects.seg, vector.seg, "\(vector.name), SEG")
            #expect((objects.precisions == nil) == (vector.ap == nil), "\(vector.name)")
            for (place, (value, expected)) in zip(objects.precisions ?? [], vector.ap ?? []).enumerated() {
                Self.expect(value, expected, "\(vector.name), AP at \(ObjectMatches.limits[place]) %")
            }
        }
    }

    @Test func classes() {
        #expect(vectors.classes.count >= 50)
        for vector in vectors.classes {
            var matrix = ConfusionMatrix(classes: vector.classes)
            matrix.add(
                prediction: MetricVectors.map(vector.prediction, vector.height, vector.width),
                truth: MetricVectors.map(vector.truth, vector.height, vector.width))
            let scores = matrix.scores
            #expect(matrix.counts == vector.confusion)
            for index in 0..<vector.classes {
                Self.expect(scores.perClass[index].iou, vector.iou[index], "\(vector.name), IoU of \(index)")
                Self.expect(scores.perClass[index].dice, vector.dice[index], "\(vector.name), Dice of \(index)")
            }
            Self.expect(scores.accuracy, vector.accuracy, "\(vector.name), accuracy")
            Self.expect(scores.frequencyWeightedIoU, vector.weightedIou, "\(vector.name), weighted IoU")
            Self.expect(scores.frequencyWeightedDice, vector.weightedDice, "\(vector.name), weighted Dice")
            let present = vector.iou.compactMap { $0 }
            Self.expect(
                scores.meanIoU, present.isEmpty ? nil : present.reduce(0, +) / Double(present.count),
                "\(vector.name), mean IoU")
        }
    }

    @Test func thresholds() {
        #expect(vectors.probabilities.count >= 50)
        for vector in vectors.probabilities {
            let values = MetricVectors.map(vector.probability, vector.height, vector.width)
            let truth = MetricVectors.map(vector.truth, vector.height, vector.width)
            let probability = values.values.prefix(vector.height * vector.width).map { Float(2 * $0 + 1) / 64 }
            let classes = LabelMap(height: vector.height, width: vector.width, filledWith: 0)
            for (pixel, value) in probability.enumerated() where value > 0.5 { classes.values[pixel] = 1 }
            let measured = ImageMeasurement(
                SegmentedImage(truth: truth, prediction: classes, probability: probability), classes: 2,
                families: [.borders, .warping])
            let single = ImageMeasurement(
                SegmentedImage(truth: truth, prediction: classes), classes: 2, families: [.borders, .warping])
            guard let borders = measured.borders, let warping = measured.warping, borders.count == 11,
                warping.count == 11
            else {
                Issue.record("\(vector.name) was not measured at 11 thresholds")
                continue
            }
            for (step, border) in borders.enumerated() {
                let what = "\(vector.name) at \(Double(step) / 10)"
                Self.expect(border.vRand, vector.vRand[step], "\(what), V_rand")
                Self.expect(border.vInfo, vector.vInfo[step], "\(what), V_info")
                Self.expect(border.pairs.fScore, vector.randF[step], "\(what), pairs")
                Self.expect(border.pixels.fScore, vector.pixelF[step], "\(what), pixels")
                Self.expect(warping[step], vector.warpingError[step], "\(what), warping error")
            }
            // The classes alone are what the threshold of one half gives.
            #expect(single.borders == [borders[5]], "\(vector.name)")

            let scores = SegmentationScores([measured], classes: 2)
            Self.expect(scores.value(of: .vRand), vector.vRand.compactMap { $0 }.max(), "\(vector.name), V_rand")
            Self.expect(scores.value(of: .vInfo), vector.vInfo.compactMap { $0 }.max(), "\(vector.name), V_info")
            let pixels = borders[0].pixels
            Self.expect(
                scores.value(of: .challengePixelError),
                pixels.truth > 0 ? vector.pixelF.compactMap { $0 }.max().map { 1 - $0 } : nil,
                "\(vector.name), the challenge's pixel error")
            let pairs = borders[0].pairs
            Self.expect(
                scores.value(of: .randError),
                pairs.truth > 0 ? vector.randF.compactMap { $0 }.max().map { 1 - $0 } : nil,
                "\(vector.name), rand error")
            Self.expect(
                scores.value(of: .warpingError), vector.warpingError.compactMap { $0 }.min(),
                "\(vector.name), warping error")
        }
    }

    @Test func watersheds() {
        #expect(!vectors.watersheds.isEmpty)
        for vector in vectors.watersheds {
            let markers = MetricVectors.map(vector.markers, vector.height, vector.width)
            let found = Watershed.flood(
                vector.heights, markers: markers, within: vector.mask.map { $0 == "1" }, keepsLines: false)
            let regions = MetricVectors.map(vector.regions, vector.height, vector.width)
            #expect(WatershedTests.values(found) == WatershedTests.values(regions))
        }
    }
}
