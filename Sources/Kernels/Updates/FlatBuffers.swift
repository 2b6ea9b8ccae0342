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

    /// A hash of the values' bits, the same for any number of threads: it finds faults of machines and is no defence
    /// against intent.
    ///
    /// Over blocks of `hashBlock` values, whose hashes are hashed in turn. Each step can be undone, so that two buffers of
    /// one length that differ in one place differ in their hashes; of others two agree by chance, once in 2⁶⁴.
    public static func hash(_ values: UnsafePointer<Float>, count: Int, team: ThreadTeam) -> UInt64 {
        let blocks = (count + hashBlock - 1) / hashBlock
        let hashes = [UInt64](unsafeUninitializedCapacity: blocks) { hashes, initialized in
            initialized = blocks
            guard let base = hashes.baseAddress else { return }
            team.forRanges(of: blocks, atLeast: 1, moving: 4 * hashBlock) { range in
                for block in range {
                    let begin = block * hashBlock
                    base[block] = hash(values + begin, count: min(hashBlock, count - begin))
                }
            }
        }
        return hash(hashes)
    }

    /// A hash of words that are hashes themselves.
    public static func hash(_ words: [UInt64]) -> UInt64 {
        words.reduce(UInt64(words.count)) { takeIn(SIMD2($1, 0), SIMD2($0, 0))[0] }
    }

    /// Values that are hashed in one go: 64 KiB.
    private static let hashBlock = 16_384

    /// The hash of one block, in eight lanes: one alone would wait for its products.
    private static func hash(_ values: UnsafePointer<Float>, count: Int) -> UInt64 {
        var lanes = SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7)
        let whole = count & ~15
        for i in stride(from: 0, to: whole, by: 16) {
            lanes = takeIn(UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<UInt64>.self), lanes)
        }
        return hash(lanes.indices.map { lanes[$0] } + (whole..<count).map { UInt64(values[$0].bitPattern) })
    }

    /// A step of the hash, lane by lane. A product carries bits upwards only, so that of a sign, the topmost bit, it would
    /// make nothing: the shifts carry them downwards, before it and behind it.
    @inline(__always)
    private static func takeIn<Lanes: SIMD<UInt64>>(_ words: Lanes, _ hashes: Lanes) -> Lanes {
        let taken = hashes ^ words
        let product = (taken ^ (taken &>> Lanes(repeating: 32))) &* Lanes(repeating: 0x9E37_79B9_7F4A_7C15)
        return product ^ (product &>> Lanes(repeating: 29))
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
