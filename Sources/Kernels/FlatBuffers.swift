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

    /// Σ x², in Double over blocks of 4,096 values that are added in order: the same for any number of threads.
    public static func squaredNorm(_ values: UnsafePointer<Float>, count: Int, team: ThreadTeam) -> Double {
        let block = 4096
        let blocks = (count + block - 1) / block
        guard blocks > 0 else { return 0 }
        let sums = UnsafeMutablePointer<Double>.allocate(capacity: blocks)
        defer { sums.deallocate() }
        team.forRanges(of: blocks, atLeast: 8) { range in
            for b in range {
                var lanes = SIMD8<Double>.zero
                var i = b * block
                let end = min(i + block, count)
                while i + 8 <= end {
                    let x = SIMD8<Double>(UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<Float>.self))
                    lanes += x * x
                    i += 8
                }
                var sum = lanes.sum()
                while i < end {
                    sum += Double(values[i]) * Double(values[i])
                    i += 1
                }
                sums[b] = sum
            }
        }
        var total = 0.0
        for b in 0..<blocks { total += sums[b] }
        return total
    }
}
