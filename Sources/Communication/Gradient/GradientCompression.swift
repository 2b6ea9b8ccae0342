/// How floats travel between workers.
public enum GradientCompression: String, Sendable, CaseIterable {
    case none
    /// Half the bytes, rounded on the way: partial sums once, the whole sum once more. Replicas stay equal; sums depend
    /// on how many workers there are.
    case bf16
}
