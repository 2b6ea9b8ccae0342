internal import CTarget

/// As many channels as one register holds: transforms work on them side by side.
#if LOCKSTEP_AVX512
    typealias Lanes = SIMD16<Float>
#else
    typealias Lanes = SIMD8<Float>
#endif

/// The transforms of Winograd's F(4×4, 3×3) (Lavin and Gray 2016, section 4.3, points 0, ±1, ±2) on one tile, channels
/// last: input Bᵀ d B, output Aᵀ m A, and their transposes for the backward pass, B v Bᵀ and A y Aᵀ.
///
/// In the transformed domain a tile is 36 vectors, `position` floats apart. Channels are taken a register at a time;
/// the last register may reach over the tile's channels, into memory that the caller provides.
///
/// The four are never inlined: in a function as long as their callers' the compiler no longer inlines loads and stores, and
/// they take twice as long.
enum WinogradTransforms {
    /// Floats of scratch memory that a transform needs.
    static let scratch = 36 * Lanes.scalarCount

    typealias Four = (Lanes, Lanes, Lanes, Lanes)
    private typealias Six = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)

    /// Bᵀ d B of 6×6 input pixels.
    ///
    /// - Parameters:
    ///   - pixel, row: floats from pixel to pixel and from row to row of `input`.
    @inline(never)
    static func input(
        _ input: UnsafePointer<Float>, pixel: Int, row: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        position: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                let column = input + (x &* pixel &+ c)
                put(bt(six(column, row)), scratch + x &* n, 6 &* n)
                if x >= 2 { prefetch(column + 4 &* pixel, row, 6) }
                x &+= 1
            }
            var y = 0
            while y < 6 {
                put(bt(six(scratch + 6 &* y &* n, n)), output + (6 &* y &* position &+ c), position)
                y &+= 1
            }
            c &+= n
        }
    }

    /// A y Aᵀ of 4×4 output gradients before the activation function.
    ///
    /// - Parameters:
    ///   - values: the forward's output; nil where the activation function's gradient does not need it.
    ///   - gradientRow, valuesRow: floats from row to row of `gradient` and of `values`.
    @inline(never)
    static func outputGradient(
        _ gradient: UnsafePointer<Float>, row gradientRow: Int, activation: Activation,
        values: UnsafePointer<Float>?, row valuesRow: Int, pixel: Int, channels: Int,
        to output: UnsafeMutablePointer<Float>, position: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 4 {
                let at = x &* pixel &+ c
                prefetch(gradient + (at &+ 4 &* pixel), gradientRow, 4)
                var g = four(gradient + at, gradientRow)
                if let values {
                    prefetch(values + (at &+ 4 &* pixel), valuesRow, 4)
                    g = activation.gradient(g, outputs: four(values + at, valuesRow))
                }
                put(a(g), scratch + x &* n, 4 &* n)
                x &+= 1
            }
            var y = 0
            while y < 6 {
                put(a(four(scratch + 4 &* y &* n, n)), output + (6 &* y &* position &+ c), position)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Aᵀ m A, bias and activation function: 4×4 output pixels.
    @inline(never)
    static func output(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, bias: UnsafePointer<Float>,
        activation: Activation, to output: UnsafeMutablePointer<Float>, pixel: Int, row: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                put(at(six(input + (x &* position &+ c), 6 &* position)), scratch + x &* n, 6 &* n)
                x &+= 1
            }
            let offset = get(bias + c)
            var y = 0
            while y < 4 {
                let o = at(six(scratch + 6 &* y &* n, n))
                put(
                    (
                        activation.applied(to: o.0 + offset), activation.applied(to: o.1 + offset),
                        activation.applied(to: o.2 + offset), activation.applied(to: o.3 + offset)
                    ),
                    output + (y &* row &+ c), pixel)
                y &+= 1
            }
            c &+= n
        }
    }

    /// The place of a tile's 6×6 input gradients. Tiles overlap: a pixel is set by the first that reaches it, from
    /// above and from the left, and the others add.
    struct GradientTarget {
        var pixel: Int
        /// Rows 0 to 3, and rows 4 and 5, which a tile below may own.
        var upper: UnsafeMutablePointer<Float>
        var upperRow: Int
        var lower: UnsafeMutablePointer<Float>
        var lowerRow: Int
        /// Whether rows 0 and 1, and columns 0 and 1, have been set.
        var addsTop: Bool
        var addsLeft: Bool
    }

    /// B v Bᵀ: the 6×6 input gradients of a tile.
    @inline(never)
    static func inputGradient(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, to target: GradientTarget,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        let pixel = target.pixel
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                put(b(six(input + (x &* position &+ c), 6 &* position)), scratch + x &* n, 6 &* n)
                x &+= 1
            }
            var y = 0
            while y < 6 {
                var o = b(six(scratch + 6 &* y &* n, n))
                let p = y < 4 ? target.upper + y &* target.upperRow : target.lower + (y &- 4) &* target.lowerRow
                let to = p + c
                lockstep_prefetch_to_write(to + 6 &* pixel)
                lockstep_prefetch_to_write(to + 7 &* pixel)
                lockstep_prefetch_to_write(to + 8 &* pixel)
                lockstep_prefetch_to_write(to + 9 &* pixel)
                let addsRow = y < 2 && target.addsTop
                if addsRow || target.addsLeft {
                    o.0 += get(to)
                    o.1 += get(to + pixel)
                }
                if addsRow {
                    o.2 += get(to + 2 &* pixel)
                    o.3 += get(to + 3 &* pixel)
                    o.4 += get(to + 4 &* pixel)
                    o.5 += get(to + 5 &* pixel)
                }
                put(o, to, pixel)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Prefetches the pixels of the next tile in the row, since no processor guesses their places: `count` lines, `row`
    /// floats apart.
    @inline(__always)
    private static func prefetch(_ pixel: UnsafePointer<Float>, _ row: Int, _ count: Int) {
        var p = pixel
        var n = count
        while n > 0 {
            lockstep_prefetch(p)
            p += row
            n &-= 1
        }
    }

    @inline(__always)
    private static func get(_ p: UnsafePointer<Float>) -> Lanes { UnsafeRawPointer(p).loadUnaligned(as: Lanes.self) }

    @inline(__always)
    private static func put(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
    }

    /// Four registers, `step` floats apart.
    @inline(__always)
    private static func four(_ p: UnsafePointer<Float>, _ step: Int) -> Four {
        (get(p), get(p + step), get(p + 2 &* step), get(p + 3 &* step))
    }

    /// Six registers, `step` floats apart.
    @inline(__always)
    private static func six(_ p: UnsafePointer<Float>, _ step: Int) -> Six {
        (get(p), get(p + step), get(p + 2 &* step), get(p + 3 &* step), get(p + 4 &* step), get(p + 5 &* step))
    }

    @inline(__always)
    private static func put(_ v: Four, _ p: UnsafeMutablePointer<Float>, _ step: Int) {
        put(v.0, p)
        put(v.1, p + step)
        put(v.2, p + 2 &* step)
        put(v.3, p + 3 &* step)
    }

    @inline(__always)
    private static func put(_ v: Six, _ p: UnsafeMutablePointer<Float>, _ step: Int) {
        put(v.0, p)
        put(v.1, p + step)
        put(v.2, p + 2 &* step)
        put(v.3, p + 3 &* step)
        put(v.4, p + 4 &* step)
        put(v.5, p + 5 &* step)
    }

    @inline(__always)
    private static func times(_ factor: Float, _ v: Lanes, plus w: Lanes) -> Lanes {
        w.addingProduct(Lanes(repeating: factor), v)
    }

    /// Bᵀ d, one column.
    @inline(__always)
    private static func bt(_ d: Six) -> Six {
        let a = times(-4, d.2, plus: d.4)
        let b = times(-4, d.1, plus: d.3)
        let c = d.4 - d.2
        let e = (d.3 - d.1) + (d.3 - d.1)
        return (
            times(4, d.0, plus: times(-5, d.2, plus: d.4)), a + b, a - b, c + e, c - e,
            times(4, d.1, plus: times(-5, d.3, plus: d.5))
        )
    }

    /// Aᵀ m, one column.
    @inline(__always)
    private static func at(_ m: Six) -> Four {
        let a = m.1 + m.2
        let b = m.1 - m.2
        let c = m.3 + m.4
        let e = m.3 - m.4
        return (m.0 + a + c, times(2, e, plus: b), times(4, c, plus: a), times(8, e, plus: b) + m.5)
    }

    /// A y, one column: the transpose of `at`.
    @inline(__always)
    private static func a(_ y: Four) -> Six {
        let e = y.0 + y.2
        let f = y.1 + y.3
        let g = times(4, y.2, plus: y.0)
        let h = times(8, y.3, plus: y.1 + y.1)
        return (y.0, e + f, e - f, g + h, g - h, y.3)
    }

    /// B v, one column: the transpose of `bt`.
    @inline(__always)
    private static func b(_ m: Six) -> Six {
        let s12 = m.1 + m.2
        let d12 = m.1 - m.2
        let s34 = m.3 + m.4
        let d34 = m.3 - m.4
        let four = Lanes(repeating: 4)
        return (
            four * m.0, times(-4, d12, plus: times(-2, d34, plus: four * m.5)),
            times(-5, m.0, plus: times(-4, s12, plus: -s34)), times(2, d34, plus: times(-5, m.5, plus: d12)),
            m.0 + s12 + s34, m.5
        )
    }
}
