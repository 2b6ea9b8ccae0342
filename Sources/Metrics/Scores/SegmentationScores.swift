/// The scores of a segmentation: of pixel counts pooled over a set of images and, where they were measured, of objects
/// and borders.
///
/// With the counts TP (of the class in truth and prediction), FP (in the prediction alone) and FN (in the truth alone):
///
/// | score | is | where nothing is there to divide by |
/// |---|---|---|
/// | IoU of a class | TP / (TP + FP + FN) | nil: the class is in neither truth nor prediction |
/// | Dice of a class | 2·TP / (2·TP + FP + FN) | nil, likewise |
/// | `mean_iou`, `mean_dice` | mean over the classes in truth or prediction | nil: no pixel counts |
/// | `iou`, `dice` | class 1's with two classes, else the mean | nil, as above |
/// | `accuracy` | share of the pixels whose class is right | nil: no pixel counts |
/// | `pixel_error` | 1 − accuracy | nil: no pixel counts |
/// | `frequency_weighted_iou`, `…_dice` | mean over the classes, each by its share of the truth | nil: no pixel counts |
///
/// A class that is in the truth and never predicted, or the reverse, has IoU and Dice 0.
public struct SegmentationScores: Hashable, Sendable {
    /// One class's scores.
    public struct ClassScores: Hashable, Sendable {
        /// nil for a class in neither truth nor prediction.
        public let iou: Double?
        /// nil for a class in neither truth nor prediction.
        public let dice: Double?
        /// Share of the pixels that are of this class in the truth; nil where no pixel counts.
        public let truthShare: Double?
        /// Share of the pixels that are predicted to be of this class; nil where no pixel counts.
        public let predictionShare: Double?
    }

    /// Number of pixels that count.
    public let pixels: Int
    /// One entry a class, the background first.
    public let perClass: [ClassScores]
    public let accuracy: Double?
    public let pixelError: Double?
    public let meanIoU: Double?
    public let meanDice: Double?
    public let frequencyWeightedIoU: Double?
    public let frequencyWeightedDice: Double?
    /// The counts that all of these follow from.
    public let confusion: ConfusionMatrix
    /// nil where they were not measured.
    public let objects: ObjectScores?
    /// nil where they were not measured.
    public let partitions: PartitionScores?
    /// nil where they were not measured.
    public let borders: BorderScores?
    /// nil where it was not measured.
    public let warping: WarpingScore?

    /// The scores of these counts.
    public init(_ matrix: ConfusionMatrix) { self.init(matrix, []) }

    /// The scores of a set of images, of which the same was measured; none is the mean of no image.
    public init(_ images: [ImageMeasurement], classes: Int) {
        var pooled = ConfusionMatrix(classes: classes)
        for image in images { pooled.merge(image.confusion) }
        self.init(pooled, images)
    }

    private init(_ matrix: ConfusionMatrix, _ images: [ImageMeasurement]) {
        confusion = matrix
        objects = ObjectScores(images.compactMap(\.objects))
        partitions = PartitionScores(images.compactMap(\.partitions))
        let hasThresholds = images.first?.hasThresholds ?? false
        borders = BorderScores(images.compactMap(\.borders), hasThresholds: hasThresholds)
        warping = WarpingScore(images.compactMap(\.warping), hasThresholds: hasThresholds)
        let total = matrix.total
        pixels = total
        let share = { (count: Int) -> Double? in total == 0 ? nil : Double(count) / Double(total) }
        perClass = (0..<matrix.classes).map { index in
            let truth = matrix.truthCount(index)
            let prediction = matrix.predictionCount(index)
            let both = matrix.count(truth: index, prediction: index)
            let isPresent = truth + prediction > 0
            return ClassScores(
                iou: isPresent ? Double(both) / Double(truth + prediction - both) : nil,
                dice: isPresent ? Double(2 * both) / Double(truth + prediction) : nil,
                truthShare: share(truth), predictionShare: share(prediction))
        }
        let correct = (0..<matrix.classes).reduce(0) { $0 + matrix.count(truth: $1, prediction: $1) }
        accuracy = share(correct)
        pixelError = share(total - correct)
        meanIoU = Self.mean(perClass.compactMap(\.iou))
        meanDice = Self.mean(perClass.compactMap(\.dice))
        frequencyWeightedIoU = Self.frequencyWeighted(perClass, \.iou)
        frequencyWeightedDice = Self.frequencyWeighted(perClass, \.dice)
    }

    /// Class 1's IoU with two classes, else the mean.
    public var iou: Double? { perClass.count == 2 ? perClass[1].iou : meanIoU }

    /// Class 1's Dice with two classes, else the mean.
    public var dice: Double? { perClass.count == 2 ? perClass[1].dice : meanDice }

    /// The score of this name; nil where it is not defined, or was not measured.
    public func value(of metric: SegmentationMetric) -> Double? {
        switch metric {
        case .iou: iou
        case .dice: dice
        case .accuracy: accuracy
        case .pixelError: pixelError
        case .meanIoU: meanIoU
        case .meanDice: meanDice
        case .frequencyWeightedIoU: frequencyWeightedIoU
        case .frequencyWeightedDice: frequencyWeightedDice
        case .seg: objects?.pooled.seg
        case .ap: objects?.ap
        case .ap50: objects?.precision(at: 50)
        case .ap75: objects?.precision(at: 75)
        case .precision50: objects?.pooled.precision
        case .recall50: objects?.pooled.recall
        case .f1At50: objects?.pooled.f1
        case .adaptedRandError: partitions?.adaptedRandError
        case .voi: partitions?.variationOfInformation
        case .voiSplit: partitions?.split
        case .voiMerge: partitions?.merge
        case .vRand: borders?.vRand?.value
        case .vInfo: borders?.vInfo?.value
        case .randError: borders?.randError?.value
        case .challengePixelError: borders?.challengePixelError?.value
        case .warpingError: warping?.best?.value
        }
    }

    /// What was measured beside the pixels of each class.
    public var families: MetricFamilies {
        var families: MetricFamilies = []
        if objects != nil { families.insert(.objects) }
        if partitions != nil { families.insert(.partitions) }
        if borders != nil { families.insert(.borders) }
        if warping != nil { families.insert(.warping) }
        return families
    }

    /// A class that is not in the truth has no weight.
    private static func frequencyWeighted(_ classes: [ClassScores], _ score: (ClassScores) -> Double?) -> Double? {
        guard classes.contains(where: { $0.truthShare != nil }) else { return nil }
        return classes.reduce(0) { $0 + ($1.truthShare ?? 0) * (score($1) ?? 0) }
    }

    static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
}
