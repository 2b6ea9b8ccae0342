/// Whole-buffer arithmetic on parameters and gradients.
public enum FlatBuffers {
    /// `sum += other`.
    public static func add(
        _ other: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int, team: ThreadTeam
    ) {
        team.forRanges(of: count) { range in
            for i in range { sum[i] += other[i] }
        }
    }
}
