/// A score by the name that configurations give it (`validation.metric`, a sweep's `objective.metric`).
public enum SegmentationMetric: String, CaseIterable, Sendable, Codable {
    case iou
    case dice
    case accuracy
    case pixelError = "pixel_error"
    case meanIoU = "mean_iou"
    case meanDice = "mean_dice"
    case frequencyWeightedIoU = "frequency_weighted_iou"
    case frequencyWeightedDice = "frequency_weighted_dice"
    case seg
    case ap
    case ap50 = "ap_50"
    case ap75 = "ap_75"
    case precision50 = "precision_50"
    case recall50 = "recall_50"
    case f1At50 = "f1_50"
    case adaptedRandError = "adapted_rand_error"
    case voi
    case voiSplit = "voi_split"
    case voiMerge = "voi_merge"
    case vRand = "v_rand"
    case vInfo = "v_info"
    case randError = "rand_error"
    case challengePixelError = "challenge_pixel_error"
    case warpingError = "warping_error"

    /// Whether a larger value is a better one.
    public var largerIsBetter: Bool {
        switch self {
        case .pixelError, .adaptedRandError, .voi, .voiSplit, .voiMerge, .randError, .challengePixelError,
            .warpingError:
            false
        default: true
        }
    }

    /// Whether the score stays where it is, whatever is predicted, while no image has an object (of two classes, a pixel of
    /// class 1).
    public func needsObjects(classes: Int) -> Bool {
        switch self {
        case .iou, .dice: classes == 2
        case .accuracy, .pixelError, .meanIoU, .meanDice, .frequencyWeightedIoU, .frequencyWeightedDice,
            .challengePixelError, .warpingError:
            false
        default: true
        }
    }

    /// What must be measured on each image for this score, beside the pixels of each class.
    public var family: MetricFamilies {
        switch self {
        case .iou, .dice, .accuracy, .pixelError, .meanIoU, .meanDice, .frequencyWeightedIoU, .frequencyWeightedDice:
            []
        case .seg, .ap, .ap50, .ap75, .precision50, .recall50, .f1At50: .objects
        case .adaptedRandError, .voi, .voiSplit, .voiMerge: .partitions
        case .vRand, .vInfo, .randError, .challengePixelError: .borders
        case .warpingError: .warping
        }
    }

    /// Whether `value` is better than `other`. Any value is better than none; equal values are not.
    public func isBetter(_ value: Double?, than other: Double?) -> Bool {
        guard let value else { return false }
        guard let other else { return true }
        return largerIsBetter ? value > other : value < other
    }
}

/// Scores of two classes that are measured together, and cost more than counting pixels.
public struct MetricFamilies: OptionSet, Hashable, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// SEG and average precision: objects that are found.
    public static let objects = MetricFamilies(rawValue: 1)
    /// Adapted rand error and variation of information: objects as a partition of the image.
    public static let partitions = MetricFamilies(rawValue: 2)
    /// The ISBI 2012 challenge's scores over thresholds of the probability: V_rand, V_info, rand and pixel error.
    public static let borders = MetricFamilies(rawValue: 4)
    /// The warping error over thresholds of the probability, the slowest.
    public static let warping = MetricFamilies(rawValue: 8)
}
