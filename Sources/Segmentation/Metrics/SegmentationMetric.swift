/// A score by the name that configurations give it (`validation.metric`, a sweep's `objective.metric`).
public enum SegmentationMetric: String, CaseIterable, Sendable, Codable {
    case iou
    case dice
    case accuracy
    case pixelError = "pixel_error"
    case meanIoU = "mean_iou"
    case meanDice = "mean_dice"

    /// Whether a larger value is a better one.
    public var largerIsBetter: Bool { self != .pixelError }

    /// Whether `value` is better than `other`. Any value is better than none; equal values are not.
    public func isBetter(_ value: Double?, than other: Double?) -> Bool {
        guard let value else { return false }
        guard let other else { return true }
        return largerIsBetter ? value > other : value < other
    }
}
