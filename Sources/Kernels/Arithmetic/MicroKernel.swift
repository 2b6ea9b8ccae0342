internal import CTarget

/// Sixteen floats, the width of a panel on every CPU: two registers with AVX2, one with AVX-512, four with NEON.
typealias Vector = SIMD16<Float>

@inline(__always)
func load(_ pointer: UnsafePointer<Float>) -> Vector { UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self) }

@inline(__always)
func store(_ pointer: UnsafeMutablePointer<Float>, _ value: Vector) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: Vector.self)
}

/// The innermost loops of a matrix product (GEMM): a tile of C stays in registers while k runs.
///
/// Each element is one chain of fused multiply-adds over k, in order, so that its bits depend neither on the CPU nor on
/// how the matrix was cut. The loops are written as `while` with pointers that advance: indices cost a third of the
/// speed.
enum MicroKernel {
    /// Elements of a panel's row.
    static let columns = 16

    #if LOCKSTEP_AVX512
        /// Rows and panels of the largest tile: 24 of AVX-512's 32 registers hold C.
        static let rows = 12
        static let panels = 2
    #else
        /// Rows and panels of the largest tile: 12 of AVX2's 16 registers, 24 of NEON's 32 hold C.
        static let rows = 6
        static let panels = 1
    #endif

    /// A, row-major or transposed, and B in panels of 16 columns.
    struct Operands {
        var a: UnsafePointer<Float>
        /// Floats from one row of A to the next, and from one k to the next.
        var aRow: Int
        var aStep: Int
        var b: UnsafePointer<Float>
        /// Floats from one k to the next within a panel, and from one panel to the next.
        var bStep: Int
        var bPanel: Int
        /// Values of k.
        var inner: Int
        /// What the next product will read, prefetched into the second-level cache meanwhile: the processor's own prefetcher
        /// does not guess it.
        var ahead: UnsafePointer<Float>
        var aheadCount = 0
    }

    /// `c = a·b` or `c += a·b` for `rows` rows and `panels` panels. An odd last row is computed in a pair: A must be
    /// readable and C writable one row further.
    static func matrix(
        _ operands: Operands, rows: Int, panels: Int, into c: UnsafeMutablePointer<Float>, row cRow: Int,
        accumulate: Bool
    ) {
        guard rows > 0, panels > 0 else { return }
        let tiles = (rows + Self.rows - 1) / Self.rows
        // Tiles of like height: a last one of two rows would read B faster than the caches deliver it.
        let height = ((rows + tiles - 1) / tiles + 1) & ~1
        // A tile's rows of A stay in the first-level cache while the panels of B pass by.
        var o = operands
        // Evenly over all k, so that they do not get in the way of what is read now.
        let iterations = tiles &* ((panels &+ Self.panels &- 1) / Self.panels) &* max(o.inner, 1)
        o.aheadCount = (o.aheadCount &+ iterations &- 1) / iterations
        var c = c
        var row = 0
        while row < rows {
            let count = min(height, (rows &- row &+ 1) & ~1)
            o.b = operands.b
            var target = c
            var panel = 0
            while panel < panels {
                tile(o, rows: count, panels: min(Self.panels, panels &- panel), c: target, cRow: cRow, accumulate)
                o.b += Self.panels &* o.bPanel
                target += Self.panels &* columns
                panel &+= Self.panels
                o.ahead += o.aheadCount &* o.inner
            }
            o.a += height &* o.aRow
            c += height &* cRow
            row &+= height
        }
    }

    /// A tile of an even number of rows, at most `rows`, and one or, where the registers allow, two panels.
    @inline(__always)
    private static func tile(
        _ o: Operands, rows: Int, panels: Int, c: UnsafeMutablePointer<Float>, cRow: Int, _ accumulate: Bool
    ) {
        #if LOCKSTEP_AVX512
            switch (rows, panels) {
            case (12, 2): tile12x2(o, c, cRow, accumulate)
            case (10, 2): tile10x2(o, c, cRow, accumulate)
            case (8, 2): tile8x2(o, c, cRow, accumulate)
            case (6, 2): tile6x2(o, c, cRow, accumulate)
            case (4, 2): tile4x2(o, c, cRow, accumulate)
            case (2, 2): tile2x2(o, c, cRow, accumulate)
            case (12, _): tile12(o, c, cRow, accumulate)
            case (10, _): tile10(o, c, cRow, accumulate)
            case (8, _): tile8(o, c, cRow, accumulate)
            case (6, _): tile6(o, c, cRow, accumulate)
            case (4, _): tile4(o, c, cRow, accumulate)
            default: tile2(o, c, cRow, accumulate)
            }
        #else
            switch rows {
            case 6: tile6(o, c, cRow, accumulate)
            case 4: tile4(o, c, cRow, accumulate)
            default: tile2(o, c, cRow, accumulate)
            }
        #endif
    }

    #if LOCKSTEP_AVX512
        @inline(never)
        private static func tile12x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<6, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile10x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<5, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile8x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<4, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile6x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<3, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile4x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<2, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile2x2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<1, Vector>(repeating: .zero), wide: true)
        }
        @inline(never)
        private static func tile12(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<6, Vector>(repeating: .zero), wide: false)
        }
        @inline(never)
        private static func tile10(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<5, Vector>(repeating: .zero), wide: false)
        }
        @inline(never)
        private static func tile8(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
            run(o, c, cRow, accumulate, zero: InlineArray<4, Vector>(repeating: .zero), wide: false)
        }
    #endif

    @inline(never)
    private static func tile6(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
        run(o, c, cRow, accumulate, zero: InlineArray<3, Vector>(repeating: .zero), wide: false)
    }
    @inline(never)
    private static func tile4(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
        run(o, c, cRow, accumulate, zero: InlineArray<2, Vector>(repeating: .zero), wide: false)
    }
    @inline(never)
    private static func tile2(_ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool) {
        run(o, c, cRow, accumulate, zero: InlineArray<1, Vector>(repeating: .zero), wide: false)
    }

    /// A tile of 2·`half` rows and one panel, or two where it is `wide`; inlined once for each shape.
    ///
    /// The rows stand in two arrays of half the height each: LLVM unrolls loops of up to ten rows, and only what it
    /// unrolls stays in registers.
    @inline(__always)
    private static func run<let half: Int>(
        _ o: Operands, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, _ accumulate: Bool,
        zero: InlineArray<half, Vector>, wide: Bool
    ) {
        var (upper, lower) = (zero, zero)
        var (upperRight, lowerRight) = (zero, zero)
        let lowerC = c + half &* cRow
        prefetch(c, cRow, rows: 2 &* half, wide: wide)
        if accumulate {
            get(&upper, c, cRow)
            get(&lower, lowerC, cRow)
            if wide {
                get(&upperRight, c + columns, cRow)
                get(&lowerRight, lowerC + columns, cRow)
            }
        }
        var a = o.a
        var d = o.a + half &* o.aRow
        var b = o.b
        var e = o.b + (wide ? o.bPanel : 0)
        var n = o.inner
        var ahead = o.ahead
        let aheadStep = o.aheadCount
        let (aRow, aStep, bStep) = (o.aRow, o.aStep, o.bStep)
        while n > 0 {
            let v = load(b)
            let w = wide ? load(e) : v
            addProducts(a, aRow, v, &upper, w, &upperRight, wide: wide)
            addProducts(d, aRow, v, &lower, w, &lowerRight, wide: wide)
            a += aStep
            d += aStep
            b += bStep
            e += bStep
            lockstep_prefetch_for_later(ahead)
            ahead += aheadStep
            n &-= 1
        }
        put(upper, c, cRow)
        put(lower, lowerC, cRow)
        if wide {
            put(upperRight, c + columns, cRow)
            put(lowerRight, lowerC + columns, cRow)
        }
    }

    /// Prefetches the lines that the tile will be written to.
    @inline(__always)
    private static func prefetch(_ c: UnsafeMutablePointer<Float>, _ cRow: Int, rows: Int, wide: Bool) {
        var c = c
        var n = rows
        while n > 0 {
            lockstep_prefetch_to_write(c)
            if wide { lockstep_prefetch_to_write(c + columns) }
            c += cRow
            n &-= 1
        }
    }

    @inline(__always)
    private static func addProducts<let height: Int>(
        _ a: UnsafePointer<Float>, _ aRow: Int, _ v: Vector, _ x: inout InlineArray<height, Vector>, _ w: Vector,
        _ y: inout InlineArray<height, Vector>, wide: Bool
    ) {
        var r = 0
        while r < height {
            let s = Vector(repeating: a[r &* aRow])
            x[unchecked: r].addProduct(s, v)
            if wide { y[unchecked: r].addProduct(s, w) }
            r &+= 1
        }
    }

    @inline(__always)
    private static func get<let height: Int>(
        _ x: inout InlineArray<height, Vector>, _ c: UnsafePointer<Float>, _ cRow: Int
    ) {
        var r = 0
        while r < height {
            x[unchecked: r] = load(c + r &* cRow)
            r &+= 1
        }
    }

    @inline(__always)
    private static func put<let height: Int>(
        _ x: InlineArray<height, Vector>, _ c: UnsafeMutablePointer<Float>, _ cRow: Int
    ) {
        var r = 0
        while r < height {
            store(c + r &* cRow, x[unchecked: r])
            r &+= 1
        }
    }
}
