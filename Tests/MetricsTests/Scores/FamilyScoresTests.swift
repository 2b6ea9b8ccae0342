import Foundation
import Kernels
import Metrics
import TestTraits
import Testing

/// How the scores of images become those of a set.
@Suite struct FamilyScoresTests {
    private static func image(_ truth: [[Int32]], _ prediction: [[Int32]], _ probability: [Float]? = nil)
        -> SegmentedImage
    {
        SegmentedImage(
            truth: WatershedTests.map(truth), prediction: WatershedTests.map(prediction), probability: probability)
    }

    private static func measure(_ image: SegmentedImage, _ families: MetricFamilies) -> ImageMeasurement {
        ImageMeasurement(image, classes: 2, families: families)
    }

    @Test func objectsArePooledAndPrecisionsAveraged() throws {
        // Two objects, one found whole, one missed; then one found and one too many; then nothing at all.
        let images = [
            Self.image([[1, 1, 0, 1]], [[1, 1, 0, 0]]), Self.image([[1, 1, 0, 0]], [[1, 1, 0, 1]]),
            Self.image([[0, 0, 0, 0]], [[0, 0, 0, 0]]), Self.image([[1, 1, 0, 0]], [[1, 1, 0, 0]]),
        ].map { Self.measure($0, .objects) }
        let scores = SegmentationScores(images, classes: 2)
        #expect(scores.value(of: .seg) == 0.75)
        // An image without any object has no precision.
        #expect(scores.value(of: .ap50) == 2.0 / 3)
        let ap = try #require(scores.value(of: .ap))
        #expect(abs(ap - 2.0 / 3) < 1e-12)
        #expect(scores.value(of: .precision50) == 0.75)
        #expect(scores.value(of: .recall50) == 0.75)
        #expect(scores.value(of: .f1At50) == 0.75)
        #expect(SegmentationScores([images[2]], classes: 2).value(of: .ap) == nil)
        #expect(scores.value(of: .vRand) == nil)
    }

    @Test func instancesAreTakenAsTheyAre() {
        // Two cells that touch: components know one object.
        var image = Self.image([[1, 1, 1, 1]], [[1, 1, 1, 1]])
        #expect(SegmentationScores([Self.measure(image, .objects)], classes: 2).value(of: .seg) == 1)
        image.truthObjects = WatershedTests.map([[3, 3, 9, 9]])
        #expect(SegmentationScores([Self.measure(image, .objects)], classes: 2).value(of: .seg) == 0.5)
        image.predictedObjects = WatershedTests.map([[2, 2, 1, 1]])
        #expect(SegmentationScores([Self.measure(image, .objects)], classes: 2).value(of: .seg) == 1)
        // What is ignored belongs to no object.
        image.truth = WatershedTests.map([[1, 1, -1, -1]])
        let pooled = SegmentationScores([Self.measure(image, .objects)], classes: 2).objects?.pooled
        #expect(pooled?.truth == 1 && pooled?.prediction == 1 && pooled?.seg == 1)
    }

    @Test func onlyTheBestThresholdOfTheMeanCounts() throws {
        // Each image alone is right at one threshold, but not at the same one.
        let first = Self.measure(Self.image([[1, 0, 1]], [[1, 1, 1]], [0.95, 0.35, 0.95]), .borders)
        let second = Self.measure(Self.image([[1, 0, 1]], [[0, 0, 0]], [0.25, 0.05, 0.25]), .borders)
        let alone = SegmentationScores([first], classes: 2)
        #expect(alone.borders?.challengePixelError?.value == 0)
        #expect(alone.borders?.challengePixelError?.threshold == 0.4)
        let both = SegmentationScores([first, second], classes: 2)
        // At 0.1 and 0.2 pixels are right but one; from 0.3 on half of them are lost.
        let error = try #require(both.borders?.challengePixelError?.value)
        #expect(abs(error - 1.0 / 9) < 1e-12)
        #expect(both.borders?.challengePixelError?.threshold == 0.1)
        // Without probabilities there is no threshold to name.
        let classes = Self.measure(Self.image([[1, 0, 1]], [[1, 0, 1]]), .borders)
        #expect(SegmentationScores([classes], classes: 2).borders?.vRand?.threshold == nil)
        #expect(SegmentationScores([classes], classes: 2).value(of: .vRand) == 1)
    }

    @Test func whatIsNotFiniteIsBackground() {
        let image = Self.image([[1, 1]], [[0, 0]], [.nan, .nan])
        let scores = SegmentationScores([Self.measure(image, [.borders, .warping])], classes: 2)
        #expect(scores.value(of: .challengePixelError) == 1)
        #expect(scores.value(of: .warpingError) == 0.5)
    }

    @Test func travelsBetweenRanks() throws {
        let all: MetricFamilies = [.objects, .partitions, .borders, .warping]
        let image = Self.image([[1, 0, 1], [1, -1, 1]], [[1, 1, 1], [0, 0, 1]], [0.9, 0.6, 0.8, 0.2, 0.1, 0.7])
        let measured = Self.measure(image, all)
        let copy = try JSONDecoder().decode(ImageMeasurement.self, from: JSONEncoder().encode(measured))
        #expect(copy == measured)
        #expect(SegmentationScores([copy], classes: 2).families == all)
    }

    @Test func encodesWhatWasMeasured() throws {
        let image = Self.image([[1, 0, 1]], [[1, 0, 1]], [0.9, 0.1, 0.8])
        let scores = SegmentationScores([Self.measure(image, [.objects, .borders])], classes: 2)
        let object = try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(scores)) as? [String: Any])
        #expect(object["seg"] as? Double == 1)
        #expect(object["v_rand"] as? Double == 1)
        #expect(object["voi"] == nil)
        #expect((object["thresholds"] as? [String: Double])?["v_rand"] == 0.1)
        #expect((object["ap_by_iou"] as? [String: Double])?["95"] == 1)
        #expect((object["objects"] as? [String: Int]) == ["truth": 2, "prediction": 2])
        #expect(object["confusion_matrix"] as? [[Int]] == [[1, 0], [0, 2]])
        let text = scores.table()
        #expect(text.contains("SEG 1.000") && text.contains("V_rand 1.0000 (0.1)"))
        #expect(scores.summary.hasSuffix("SEG 1.000, AP 1.000, V_rand 1.0000, V_info 1.0000"))
        #expect(!text.contains("partition") && !text.contains("warping"))
    }

    @Suite(.tags(.timing), .onlyWhereTimeIsMeasured) struct Timing {
        /// 512×512 with some 400 objects: each score is far below 0.2 s.
        @Test func isFastEnough() {
            let size = 512
            let truth = LabelMap(height: size, width: size, filledWith: 0)
            var probability = [Float](repeating: 0, count: size * size)
            var stream = RandomStream(seed: 3, use: .trials, 512)
            for y in 0..<size {
                for x in 0..<size {
                    let inside = y % 25 > 3 && x % 25 > 3
                    truth.values[y * size + x] = inside ? 1 : 0
                    probability[y * size + x] = Float((inside ? 0.7 : 0.3) + 0.4 * (stream.uniform() - 0.5))
                }
            }
            let classes = LabelMap(height: size, width: size, filledWith: 0)
            for (pixel, value) in probability.enumerated() where value > 0.5 { classes.values[pixel] = 1 }
            let image = SegmentedImage(truth: truth, prediction: classes, probability: probability)
            for (family, shares) in [(MetricFamilies.objects, 1), (.partitions, 1), (.borders, 11), (.warping, 11)] {
                let start = ContinuousClock.now
                _ = ImageMeasurement(image, classes: 2, families: family)
                let each = (ContinuousClock.now - start) / shares
                // Five times what it may take, for a machine that others use too.
                #expect(each < .seconds(1))
            }
        }
    }
}
