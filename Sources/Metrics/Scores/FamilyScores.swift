/// Scores of the objects of a set of images.
public struct ObjectScores: Hashable, Sendable {
    /// Objects and matches of all images together: SEG, and precision, recall and F1 at an intersection over union of
    /// 0.5.
    public let pooled: ObjectMatches
    /// Average precision at each of `ObjectMatches.limits`: the mean over the images that have an object on either
    /// side, as the Data Science Bowl 2018 has it; nil where none has.
    public let precisions: [Double]?

    /// nil of no image.
    init?(_ images: [ObjectMatches]) {
        guard !images.isEmpty else { return nil }
        pooled = images.reduce(ObjectMatches(), +)
        let each = images.compactMap(\.precisions)
        precisions =
            each.isEmpty
            ? nil : ObjectMatches.limits.indices.map { place in each.reduce(0) { $0 + $1[place] } / Double(each.count) }
    }

    /// The mean of `precisions`.
    public var ap: Double? { precisions.flatMap(SegmentationScores.mean) }

    /// Average precision at an intersection over union of so many hundredths.
    public func precision(at limit: Int) -> Double? {
        ObjectMatches.limits.firstIndex(of: limit).flatMap { precisions?[$0] }
    }
}

/// `PartitionDistance`, the mean over the images of a set where each is defined.
public struct PartitionScores: Hashable, Sendable {
    public let adaptedRandError: Double?
    public let split: Double?
    public let merge: Double?

    /// nil of no image.
    init?(_ images: [PartitionDistance]) {
        guard !images.isEmpty else { return nil }
        adaptedRandError = SegmentationScores.mean(images.compactMap(\.adaptedRandError))
        split = SegmentationScores.mean(images.compactMap(\.split))
        merge = SegmentationScores.mean(images.compactMap(\.merge))
    }

    /// The sum of what is split and merged, in bits.
    public var variationOfInformation: Double? { split.flatMap { split in merge.map { split + $0 } } }
}

/// A score at the threshold where it is best.
public struct BestScoreOverThresholds: Hashable, Sendable {
    public let value: Double
    /// The probability above which a pixel is taken for foreground; nil where there were classes alone.
    public let threshold: Double?

    /// The best of one value a threshold, the lowest threshold of equals; nil where none is defined.
    init?(_ values: [Double?], largest: Bool, hasThresholds: Bool) {
        var best: (value: Double, place: Int)?
        for (place, value) in values.enumerated() {
            guard let value else { continue }
            if best.map({ largest ? value > $0.value : value < $0.value }) ?? true { best = (value, place) }
        }
        guard let best else { return nil }
        value = best.value
        threshold = hasThresholds ? Double(best.place) / 10 : nil
    }
}

/// The ISBI 2012 challenge's scores of a set of images, each at its best threshold.
public struct BorderScores: Hashable, Sendable {
    /// The mean over the images whose truth has an object, with thinned borders; nil where none has.
    public let vRand: BestScoreOverThresholds?
    /// Likewise.
    public let vInfo: BestScoreOverThresholds?
    /// 1 − the F-score of pairs of pixels of all images, without thinning: the rand error of the U-Net paper. nil where
    /// the truth has no two pixels together.
    public let randError: BestScoreOverThresholds?
    /// 1 − the F-score of foreground pixels of all images: what the challenge's page calls pixel error, which is not
    /// the share of wrong pixels. nil where the truth has no foreground.
    public let challengePixelError: BestScoreOverThresholds?

    /// nil of no image.
    init?(_ images: [[ImageMeasurement.Borders]], hasThresholds: Bool) {
        guard let first = images.first else { return nil }
        func best(_ largest: Bool, _ value: (Int) -> Double?) -> BestScoreOverThresholds? {
            BestScoreOverThresholds(first.indices.map(value), largest: largest, hasThresholds: hasThresholds)
        }
        vRand = best(true) { place in SegmentationScores.mean(images.compactMap { $0[place].vRand }) }
        vInfo = best(true) { place in SegmentationScores.mean(images.compactMap { $0[place].vInfo }) }
        // Where the truth has nothing, a threshold without any prediction would be right, but say nothing.
        func error(_ counts: PairCounts) -> Double? { counts.truth > 0 ? counts.fScore.map { 1 - $0 } : nil }
        randError = best(false) { place in error(images.reduce(PairCounts()) { $0 + $1[place].pairs }) }
        challengePixelError = best(false) { place in error(images.reduce(PairCounts()) { $0 + $1[place].pixels }) }
    }
}

/// The warping error of a set of images.
public struct WarpingScore: Hashable, Sendable {
    /// The mean over the images where a pixel counts, at the best threshold; nil where there is none.
    public let best: BestScoreOverThresholds?

    /// nil of no image.
    init?(_ images: [[Double?]], hasThresholds: Bool) {
        guard let first = images.first else { return nil }
        best = BestScoreOverThresholds(
            first.indices.map { place in SegmentationScores.mean(images.compactMap { $0[place] }) }, largest: false,
            hasThresholds: hasThresholds)
    }
}
