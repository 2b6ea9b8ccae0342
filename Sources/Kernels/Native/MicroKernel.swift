/// Sixteen floats, the width of a panel on every CPU: two registers with AVX2, one with AVX-512, four with NEON.
typealias Vector = SIMD16<Float>

@inline(__always)
func load(_ pointer: UnsafePointer<Float>) -> Vector { UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self) }

@inline(__always)
func store(_ pointer: UnsafeMutablePointer<Float>, _ value: Vector) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: Vector.self)
}

/// The innermost loops of a matrix product: a tile of `rows`×16 elements of C stays in registers while k runs.
///
/// Each element is one chain of fused multiply-adds over k, in order, so that its bits depend neither on the CPU nor on
/// how the matrix was cut. The loops are written as `while` with pointers that advance: indices cost a third of the
/// speed.
enum MicroKernel {
    /// Rows of a tile: as many as the registers hold.
    #if LOCKSTEP_AVX512
        static let rows = 12
    #else
        static let rows = 6
    #endif

    /// Elements of a panel's row, and columns of a tile.
    static let columns = 16

    /// One row of A after another (`aRow` floats from row to row, `aStep` from k to k), times a panel of B (`bStep`
    /// floats from k to k).
    struct Operands {
        var a: UnsafePointer<Float>
        var aRow: Int
        var aStep: Int
        var b: UnsafePointer<Float>
        var bStep: Int
        var inner: Int
    }

    /// `c = a·b` or `c += a·b` for a whole tile.
    @inline(__always)
    static func tile(_ operands: Operands, c: UnsafeMutablePointer<Float>, cRow: Int, accumulate: Bool) {
        #if LOCKSTEP_AVX512
            tile12(operands, c: c, cRow: cRow, accumulate: accumulate)
        #else
            tile6(operands, c: c, cRow: cRow, accumulate: accumulate)
        #endif
    }

    /// 6 rows: 12 of AVX2's 16 registers hold C.
    @inline(never)
    static func tile6(_ o: Operands, c: UnsafeMutablePointer<Float>, cRow: Int, accumulate: Bool) {
        var x0 = Vector.zero
        var x1 = Vector.zero
        var x2 = Vector.zero
        var x3 = Vector.zero
        var x4 = Vector.zero
        var x5 = Vector.zero
        if accumulate {
            x0 = load(c)
            x1 = load(c + cRow)
            x2 = load(c + 2 &* cRow)
            x3 = load(c + 3 &* cRow)
            x4 = load(c + 4 &* cRow)
            x5 = load(c + 5 &* cRow)
        }
        var a = o.a
        var d = o.a + 3 &* o.aRow
        var b = o.b
        var n = o.inner
        let r1 = o.aRow
        let r2 = 2 &* o.aRow
        let aStep = o.aStep
        let bStep = o.bStep
        while n > 0 {
            let v = load(b)
            x0.addProduct(Vector(repeating: a[0]), v)
            x1.addProduct(Vector(repeating: a[r1]), v)
            x2.addProduct(Vector(repeating: a[r2]), v)
            x3.addProduct(Vector(repeating: d[0]), v)
            x4.addProduct(Vector(repeating: d[r1]), v)
            x5.addProduct(Vector(repeating: d[r2]), v)
            a += aStep
            d += aStep
            b += bStep
            n &-= 1
        }
        store(c, x0)
        store(c + cRow, x1)
        store(c + 2 &* cRow, x2)
        store(c + 3 &* cRow, x3)
        store(c + 4 &* cRow, x4)
        store(c + 5 &* cRow, x5)
    }

    #if LOCKSTEP_AVX512
        /// 12 rows: 12 of AVX-512's 32 registers hold C; A's elements are read as broadcast operands.
        @inline(never)
        static func tile12(_ o: Operands, c: UnsafeMutablePointer<Float>, cRow: Int, accumulate: Bool) {
            var x0 = Vector.zero
            var x1 = Vector.zero
            var x2 = Vector.zero
            var x3 = Vector.zero
            var x4 = Vector.zero
            var x5 = Vector.zero
            var x6 = Vector.zero
            var x7 = Vector.zero
            var x8 = Vector.zero
            var x9 = Vector.zero
            var x10 = Vector.zero
            var x11 = Vector.zero
            if accumulate {
                x0 = load(c)
                x1 = load(c + cRow)
                x2 = load(c + 2 &* cRow)
                x3 = load(c + 3 &* cRow)
                x4 = load(c + 4 &* cRow)
                x5 = load(c + 5 &* cRow)
                x6 = load(c + 6 &* cRow)
                x7 = load(c + 7 &* cRow)
                x8 = load(c + 8 &* cRow)
                x9 = load(c + 9 &* cRow)
                x10 = load(c + 10 &* cRow)
                x11 = load(c + 11 &* cRow)
            }
            let r1 = o.aRow
            let r2 = 2 &* o.aRow
            let aStep = o.aStep
            let bStep = o.bStep
            var a = o.a
            var d = o.a + 3 &* r1
            var e = o.a + 6 &* r1
            var f = o.a + 9 &* r1
            var b = o.b
            var n = o.inner
            while n > 0 {
                let v = load(b)
                x0.addProduct(Vector(repeating: a[0]), v)
                x1.addProduct(Vector(repeating: a[r1]), v)
                x2.addProduct(Vector(repeating: a[r2]), v)
                x3.addProduct(Vector(repeating: d[0]), v)
                x4.addProduct(Vector(repeating: d[r1]), v)
                x5.addProduct(Vector(repeating: d[r2]), v)
                x6.addProduct(Vector(repeating: e[0]), v)
                x7.addProduct(Vector(repeating: e[r1]), v)
                x8.addProduct(Vector(repeating: e[r2]), v)
                x9.addProduct(Vector(repeating: f[0]), v)
                x10.addProduct(Vector(repeating: f[r1]), v)
                x11.addProduct(Vector(repeating: f[r2]), v)
                a += aStep
                d += aStep
                e += aStep
                f += aStep
                b += bStep
                n &-= 1
            }
            store(c, x0)
            store(c + cRow, x1)
            store(c + 2 &* cRow, x2)
            store(c + 3 &* cRow, x3)
            store(c + 4 &* cRow, x4)
            store(c + 5 &* cRow, x5)
            store(c + 6 &* cRow, x6)
            store(c + 7 &* cRow, x7)
            store(c + 8 &* cRow, x8)
            store(c + 9 &* cRow, x9)
            store(c + 10 &* cRow, x10)
            store(c + 11 &* cRow, x11)
        }
    #endif
}
