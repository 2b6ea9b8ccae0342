/// How floats travel between workers.
public enum GradientCompression: String, Sendable, CaseIterable {
    case none
    /// Half the bytes, rounded on the way: partial sums once, the whole sum once more. Replicas stay equal; sums depend
    /// on how many workers there are, and on which of them share memory: what they add up there is not rounded.
    case bf16
}
