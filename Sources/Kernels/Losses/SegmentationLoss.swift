/// The training loss of one image's logits, and its gradient.
public struct SegmentationLoss: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Σ w·CE / n, `SoftmaxCrossEntropy`: the paper's.
        case crossEntropy = "cross_entropy"
        /// `SoftDice`; pixel weights mean nothing to it.
        case dice
        /// The sum of the two.
        case crossEntropyAndDice = "cross_entropy+dice"

        /// Whether the cross-entropy is a part of it: pixel weights and label smoothing are that one's.
        public var hasCrossEntropy: Bool {
            switch self {
            case .crossEntropy, .crossEntropyAndDice: true
            case .dice: false
            }
        }
    }

    public var kind: Kind
    /// The cross-entropy's, 0 ≤ s < 1.
    public var labelSmoothing: Double

    public init(_ kind: Kind = .crossEntropy, labelSmoothing: Double = 0) {
        self.kind = kind
        self.labelSmoothing = labelSmoothing
    }

    /// The loss of one image; its gradient by the logits overwrites `gradient`. Both are 0 where every pixel is
    /// ignored.
    ///
    /// - Parameters:
    ///   - logits: H×W×classes.
    ///   - labels: H×W classes, or `LabelMap.ignored`.
    ///   - weights: w of the cross-entropy, H×W, or nil for 1.
    public func value(
        logits: TensorView, labels: LabelMap, weights: UnsafePointer<Float>? = nil, gradient: TensorView,
        team: ThreadTeam
    ) -> Float {
        func crossEntropy() -> Float {
            SoftmaxCrossEntropy.loss(
                logits: logits, labels: labels, weights: weights, smoothing: Float(labelSmoothing), gradient: gradient,
                team: team)
        }
        func dice(adds: Bool) -> Float {
            SoftDice.loss(logits: logits, labels: labels, gradient: gradient, adds: adds, team: team)
        }
        return switch kind {
        case .crossEntropy: crossEntropy()
        case .dice: dice(adds: false)
        case .crossEntropyAndDice: crossEntropy() + dice(adds: true)
        }
    }
}
