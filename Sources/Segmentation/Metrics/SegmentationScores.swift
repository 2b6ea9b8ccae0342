import Foundation

/// The scores of a segmentation, from pixel counts pooled over a set of images.
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

    /// The scores of these counts.
    public init(_ matrix: ConfusionMatrix) {
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
    }

    /// The scores of most interest in a few words: "IoU 0.912, Dice 0.954, pixel error 0.031".
    public var summary: String {
        let parts = [("IoU", iou, 3), ("Dice", dice, 3), ("pixel error", pixelError, 4)]
        return parts.compactMap { name, value, digits in value.map { "\(name) \(String(format: "%.\(digits)f", $0))" } }
            .joined(separator: ", ")
    }

    /// Class 1's IoU with two classes, else the mean.
    public var iou: Double? { perClass.count == 2 ? perClass[1].iou : meanIoU }

    /// Class 1's Dice with two classes, else the mean.
    public var dice: Double? { perClass.count == 2 ? perClass[1].dice : meanDice }

    /// The score of this name; nil where it is not defined.
    public func value(of metric: SegmentationMetric) -> Double? {
        switch metric {
        case .iou: iou
        case .dice: dice
        case .accuracy: accuracy
        case .pixelError: pixelError
        case .meanIoU: meanIoU
        case .meanDice: meanDice
        }
    }

    /// The score that configurations call `name`; nil for another name, and where the score is not defined.
    public func value(of name: String) -> Double? { SegmentationMetric(rawValue: name).flatMap(value(of:)) }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
}

extension SegmentationScores: Encodable {
    /// `{"iou": …, "dice": …, "accuracy": …, "pixel_error": …, "mean_iou": …, "mean_dice": …, "pixels": …,
    /// "classes": [{"iou": …, "dice": …, "truth_share": …, "prediction_share": …}, …]}`; scores that are not defined
    /// are null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for metric in SegmentationMetric.allCases {
            try container.encode(value(of: metric), forKey: Key(metric.rawValue))
        }
        try container.encode(pixels, forKey: Key("pixels"))
        try container.encode(perClass, forKey: Key("classes"))
    }
}

extension SegmentationScores.ClassScores: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(iou, forKey: Key("iou"))
        try container.encode(dice, forKey: Key("dice"))
        try container.encode(truthShare, forKey: Key("truth_share"))
        try container.encode(predictionShare, forKey: Key("prediction_share"))
    }
}

/// A JSON object's key, as it is written.
private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
