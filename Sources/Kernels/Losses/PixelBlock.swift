/// Scratch memory for the logits of sixteen pixels, a vector for each class.
struct PixelBlock {
    static let side = 16

    let values: UnsafeMutablePointer<Float>
    let classes: Int

    subscript(c: Int) -> Vector {
        @inline(__always) get { load(values + c &* Self.side) }
        @inline(__always) nonmutating set { store(values + c &* Self.side, newValue) }
    }

    /// Takes in the first `pixels` of `source`, pixels×classes. Lanes beyond keep what they held.
    @inline(__always)
    func read(_ source: UnsafePointer<Float>, pixels: Int) {
        guard classes == 2, pixels == Self.side else {
            return Transpose.matrix(
                source, row: classes, rows: pixels, columns: classes, into: values, row: Self.side)
        }
        let both = UnsafeRawPointer(source).loadUnaligned(as: SIMD32<Float>.self)
        self[0] = both.evenHalf
        self[1] = both.oddHalf
    }

    /// Gives out the first `pixels`.
    @inline(__always)
    func write(_ target: UnsafeMutablePointer<Float>, pixels: Int) {
        guard classes == 2, pixels == Self.side else {
            return Transpose.matrix(
                values, row: Self.side, rows: classes, columns: pixels, into: target, row: classes)
        }
        var both = SIMD32<Float>.zero
        both.evenHalf = self[0]
        both.oddHalf = self[1]
        UnsafeMutableRawPointer(target).storeBytes(of: both, as: SIMD32<Float>.self)
    }

    /// Adds the first `pixels` to `target`.
    @inline(__always)
    func add(to target: UnsafeMutablePointer<Float>, pixels: Int) {
        for i in 0..<pixels {
            for c in 0..<classes { target[i &* classes &+ c] += values[c &* Self.side &+ i] }
        }
    }

    /// Puts exp(z − max z) in place of the logits, so that none overflows; their sums are at least 1.
    @inline(__always)
    func exponentials() -> (sum: SIMD16<Float>, maximum: SIMD16<Float>) {
        var maximum = self[0]
        for c in 1..<classes {
            let logit = self[c]
            maximum.replace(with: logit, where: logit .> maximum)
        }
        var sum = SIMD16<Float>.zero
        for c in 0..<classes {
            let exponential = Elementary.exp(self[c] - maximum)
            self[c] = exponential
            sum += exponential
        }
        return (sum, maximum)
    }

    /// Calls `body` once for every row, with a block for its pixels.
    static func forRows(of logits: TensorView, team: ThreadTeam, _ body: (PixelBlock, Int) -> Void) {
        let size = logits.channels * side
        let scratch = AlignedBuffer<Float>(team.threads * size)
        let base = scratch.base
        team.forEach(logits.height, moving: 4 * 3 * logits.shape.count) { lane, y in
            body(PixelBlock(values: base + lane * size, classes: logits.channels), y)
        }
        withExtendedLifetime(scratch) {}
    }

    /// A class in every lane: compared with a scalar, vectors are taken apart.
    @inline(__always)
    static func lanes(_ c: Int) -> SIMD16<Int32> { SIMD16(repeating: Int32(truncatingIfNeeded: c)) }

    /// The next sixteen values, or as many as there are, and `rest` in the lanes beyond.
    @inline(__always)
    static func lanes<Value>(_ values: UnsafePointer<Value>, _ count: Int, else rest: Value) -> SIMD16<Value> {
        if count == side { return UnsafeRawPointer(values).loadUnaligned(as: SIMD16<Value>.self) }
        var lanes = SIMD16(repeating: rest)
        for i in 0..<count { lanes[i] = values[i] }
        return lanes
    }
}
