/// Whole-buffer arithmetic on parameters and gradients.
public enum FlatBuffers {
    /// `sum += other`.
    public static func add(
        _ other: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int, team: ThreadTeam
    ) {
        team.forRanges(of: count, moving: 12) { range in
            for i in range { sum[i] += other[i] }
        }
    }

    /// Whether no value is infinite or not a number.
    public static func areFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
        let whole = count & ~7
        var largest = SIMD8<UInt32>(repeating: 0)
        for i in stride(from: 0, to: whole, by: 8) {
            // Without their sign, the bits of infinities and NaNs are the largest.
            let bits = UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<UInt32>.self) & 0x7FFF_FFFF
            largest = pointwiseMax(largest, bits)
        }
        return largest.max() < 0x7F80_0000 && (whole..<count).allSatisfy { values[$0].isFinite }
    }
}
