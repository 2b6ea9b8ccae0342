/// What a network's logits are scored by in training.
public struct SegmentationLoss: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Weighted cross-entropy, as in the paper.
        case crossEntropy = "cross_entropy"
    }
}
