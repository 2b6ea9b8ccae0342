import Foundation
import Kernels
import Metrics
import Testing

@Suite struct MetricsTests {
    /// A map of random classes, some pixels ignored.
    static func randomMap(_ height: Int, _ width: Int, classes: Int, ignoring share: Double, _ key: Int) -> LabelMap {
        var stream = RandomStream(seed: 5, use: .trials, key)
        let map = LabelMap(height: height, width: width)
        for i in 0..<(height * width) {
            map.values[i] = stream.uniform() < share ? LabelMap.ignored : Int32(stream.integer(below: classes))
        }
        return map
    }

    /// IoU and Dice as sets of pixels, without a confusion matrix.
    static func bruteForce(_ prediction: LabelMap, _ truth: LabelMap, _ index: Int32) -> (iou: Double?, dice: Double?) {
        let counted = Set((0..<truth.height * truth.width).filter { truth.values[$0] >= 0 })
        let a = counted.filter { truth.values[$0] == index }
        let b = counted.filter { prediction.values[$0] == index }
        guard !a.union(b).isEmpty else { return (nil, nil) }
        let both = Double(a.intersection(b).count)
        return (both / Double(a.union(b).count), 2 * both / Double(a.count + b.count))
    }

    @Test(arguments: [1, 2, 3, 7], [0, 0.3])
    func agreesWithSetsOfPixels(classes: Int, ignoring: Double) throws {
        for (round, (height, width)) in [(1, 1), (1, 9), (7, 5), (23, 31)].enumerated() {
            let truth = Self.randomMap(height, width, classes: classes, ignoring: ignoring, round)
            let prediction = Self.randomMap(height, width, classes: classes, ignoring: 0, 100 + round)
            var matrix = ConfusionMatrix(classes: classes)
            matrix.add(prediction: prediction, truth: truth)
            let scores = matrix.scores
            let expected = (0..<classes).map { Self.bruteForce(prediction, truth, Int32($0)) }
            #expect(scores.perClass.map(\.iou) == expected.map(\.iou))
            #expect(scores.perClass.map(\.dice) == expected.map(\.dice))

            let counted = (0..<height * width).filter { truth.values[$0] >= 0 }
            #expect(scores.pixels == counted.count)
            guard !counted.isEmpty else { continue }
            let right = counted.filter { truth.values[$0] == prediction.values[$0] }.count
            #expect(scores.accuracy == Double(right) / Double(counted.count))
            #expect(abs(try #require(scores.pixelError) + Double(right) / Double(counted.count) - 1) < 1e-12)
            let present = expected.compactMap(\.iou)
            #expect(scores.meanIoU == present.reduce(0, +) / Double(present.count))
            #expect(scores.iou == (classes == 2 ? expected[1].iou : scores.meanIoU))
            #expect(scores.dice == (classes == 2 ? expected[1].dice : scores.meanDice))
        }
    }

    @Test func mergesLikeOneSet() {
        var whole = ConfusionMatrix(classes: 3)
        var parts = ConfusionMatrix(classes: 3)
        for key in 0..<4 {
            let truth = Self.randomMap(6, 8, classes: 3, ignoring: 0.1, key)
            let prediction = Self.randomMap(6, 8, classes: 3, ignoring: 0, 50 + key)
            whole.add(prediction: prediction, truth: truth)
            var part = ConfusionMatrix(classes: 3)
            part.add(prediction: prediction, truth: truth)
            parts.merge(ConfusionMatrix(classes: 3, counts: part.counts))
        }
        #expect(whole == parts)
        #expect(whole.total == (0..<3).reduce(0) { $0 + whole.truthCount($1) })
        #expect(whole.total == (0..<3).reduce(0) { $0 + whole.predictionCount($1) })
    }

    @Test func countsGoToTruthsRow() {
        var matrix = ConfusionMatrix(classes: 2)
        matrix.add(
            prediction: LabelMap(height: 1, width: 3, filledWith: 1),
            truth: LabelMap(height: 1, width: 3, filledWith: 0))
        #expect(matrix.count(truth: 0, prediction: 1) == 3)
        #expect(matrix.counts == [0, 3, 0, 0])
    }

    @Test func nothingCounted() {
        var matrix = ConfusionMatrix(classes: 2)
        matrix.add(prediction: LabelMap(height: 0, width: 0), truth: LabelMap(height: 0, width: 0))
        matrix.add(
            prediction: LabelMap(height: 4, width: 4, filledWith: 1), truth: LabelMap(height: 4, width: 4))
        #expect(matrix.total == 0)
        for metric in SegmentationMetric.allCases { #expect(matrix.scores.value(of: metric) == nil) }
        for family: MetricFamilies in [.objects, .partitions, .borders, .warping] {
            let image = SegmentedImage(
                truth: LabelMap(height: 4, width: 4), prediction: LabelMap(height: 4, width: 4, filledWith: 1))
            let scores = SegmentationScores([ImageMeasurement(image, classes: 2, families: family)], classes: 2)
            #expect(scores.families == family)
            for metric in SegmentationMetric.allCases { #expect(scores.value(of: metric) == nil, "\(metric)") }
        }
        #expect(matrix.scores.table().contains("–"))
    }

    @Test func onlyBackground() {
        var matrix = ConfusionMatrix(classes: 2)
        let empty = LabelMap(height: 3, width: 3, filledWith: 0)
        matrix.add(prediction: empty, truth: empty)
        // No cell anywhere: class 1 has no score, and the mean is the background's alone.
        #expect(matrix.scores.iou == nil)
        #expect(matrix.scores.meanIoU == 1)
        #expect(matrix.scores.pixelError == 0)
        // One that is found all the same counts as wholly wrong.
        matrix.add(
            prediction: LabelMap(height: 1, width: 1, filledWith: 1),
            truth: LabelMap(height: 1, width: 1, filledWith: 0))
        #expect(matrix.scores.iou == 0)
        #expect(matrix.scores.meanIoU == 0.45)
    }

    @Test func namesAndDirections() {
        #expect(
            SegmentationMetric.allCases.map(\.rawValue) == [
                "iou", "dice", "accuracy", "pixel_error", "mean_iou", "mean_dice", "frequency_weighted_iou",
                "frequency_weighted_dice", "seg", "ap", "ap_50", "ap_75", "precision_50", "recall_50", "f1_50",
                "adapted_rand_error", "voi", "voi_split", "voi_merge", "v_rand", "v_info", "rand_error",
                "challenge_pixel_error", "warping_error",
            ])
        #expect(
            SegmentationMetric.allCases.filter { !$0.largerIsBetter }
                == [
                    .pixelError, .adaptedRandError, .voi, .voiSplit, .voiMerge, .randError, .challengePixelError,
                    .warpingError,
                ])
        let scores = ConfusionMatrix(classes: 2, counts: [5, 1, 2, 8]).scores
        #expect(scores.value(of: "iou") == 8.0 / 11)
        #expect(scores.value(of: "dice") == 16.0 / 19)
        #expect(scores.value(of: "accuracy") == 13.0 / 16)
        #expect(scores.value(of: "pixel_error") == 3.0 / 16)
        #expect(scores.value(of: "mean_iou") == (8.0 / 11 + 5.0 / 8) / 2)
        #expect(scores.value(of: "mean_dice") == (16.0 / 19 + 10.0 / 13) / 2)
        #expect(scores.value(of: "f1") == nil)
        #expect(SegmentationMetric.pixelError.isBetter(0.1, than: 0.2))
        #expect(SegmentationMetric.iou.isBetter(0.2, than: 0.1))
        #expect(SegmentationMetric.iou.isBetter(0, than: nil))
        #expect(!SegmentationMetric.iou.isBetter(0.1, than: 0.1))
        #expect(!SegmentationMetric.iou.isBetter(nil, than: nil))
    }

    @Test func encodesNamesOfConfigurations() throws {
        let data = try JSONEncoder().encode(ConfusionMatrix(classes: 2, counts: [4, 0, 0, 0]).scores)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            Set(object.keys)
                == [
                    "iou", "dice", "accuracy", "pixel_error", "mean_iou", "mean_dice", "frequency_weighted_iou",
                    "frequency_weighted_dice", "pixels", "classes", "confusion_matrix",
                ])
        #expect(object["iou"] is NSNull)
        #expect(object["mean_iou"] as? Double == 1)
        let classes = try #require(object["classes"] as? [[String: Any]])
        #expect(classes.map { $0["truth_share"] as? Double } == [1, 0])
    }

    @Test func tableLinesUp() {
        let table = ConfusionMatrix(classes: 2, counts: [50, 10, 10, 30]).scores.table(names: ["background", "cell"])
        #expect(
            table == """
                class         IoU   Dice   truth  predicted
                background  0.714  0.833  60.0 %     60.0 %
                cell        0.600  0.750  40.0 %     40.0 %
                mean        0.657  0.792

                pixel error 0.2000, accuracy 0.8000 of 100 pixels
                """)
    }
}

extension SegmentationScores {
    /// The score that configurations call `name`; nil for another name, and where the score is not defined.
    fileprivate func value(of name: String) -> Double? { SegmentationMetric(rawValue: name).flatMap(value(of:)) }
}
