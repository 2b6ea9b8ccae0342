/// Small transposes in registers.
enum Transpose {
    private typealias Eight = SIMD8<Float>

    /// Sides of a block.
    static let side = 8

    /// Writes the transpose of 8×8 elements: `target[j·targetRow + i] = source[i·sourceRow + j]`.
    @inline(__always)
    static func block(
        _ source: UnsafePointer<Float>, row sourceRow: Int, into target: UnsafeMutablePointer<Float>,
        row targetRow: Int
    ) {
        func get(_ i: Int) -> Eight { UnsafeRawPointer(source + i &* sourceRow).loadUnaligned(as: Eight.self) }
        func put(_ i: Int, _ v: Eight) {
            UnsafeMutableRawPointer(target + i &* targetRow).storeBytes(of: v, as: Eight.self)
        }
        // Three perfect shuffles of the eight rows.
        let (a0, a1) = shuffle(get(0), get(4))
        let (a2, a3) = shuffle(get(1), get(5))
        let (a4, a5) = shuffle(get(2), get(6))
        let (a6, a7) = shuffle(get(3), get(7))
        let (b0, b1) = shuffle(a0, a4)
        let (b2, b3) = shuffle(a1, a5)
        let (b4, b5) = shuffle(a2, a6)
        let (b6, b7) = shuffle(a3, a7)
        let (c0, c1) = shuffle(b0, b4)
        let (c2, c3) = shuffle(b1, b5)
        let (c4, c5) = shuffle(b2, b6)
        let (c6, c7) = shuffle(b3, b7)
        put(0, c0)
        put(1, c1)
        put(2, c2)
        put(3, c3)
        put(4, c4)
        put(5, c5)
        put(6, c6)
        put(7, c7)
    }

    @inline(__always)
    private static func shuffle(_ a: Eight, _ b: Eight) -> (Eight, Eight) {
        var low = Eight.zero
        var high = Eight.zero
        (low.evenHalf, low.oddHalf) = (a.lowHalf, b.lowHalf)
        (high.evenHalf, high.oddHalf) = (a.highHalf, b.highHalf)
        return (low, high)
    }

    /// Transposes `rows`×`columns` elements of any size, in blocks.
    static func matrix(
        _ source: UnsafePointer<Float>, row sourceRow: Int, rows: Int, columns: Int,
        into target: UnsafeMutablePointer<Float>, row targetRow: Int
    ) {
        let wholeRows = rows / side * side
        let wholeColumns = columns / side * side
        var j = 0
        while j < wholeColumns {
            var i = 0
            while i < wholeRows {
                block(
                    source + (i &* sourceRow &+ j), row: sourceRow, into: target + (j &* targetRow &+ i), row: targetRow
                )
                i &+= side
            }
            j &+= side
        }
        for i in 0..<rows {
            for j in (i < wholeRows ? wholeColumns : 0)..<columns {
                target[j &* targetRow &+ i] = source[i &* sourceRow &+ j]
            }
        }
    }
}
