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
enum WinogradTransforms {
    /// Vectors of a tile.
    static let positions = 36
    /// Floats of scratch memory that a transform needs.
    static let scratch = 36 * Lanes.scalarCount

    @inline(__always)
    private static func get(_ p: UnsafePointer<Float>) -> Lanes { UnsafeRawPointer(p).loadUnaligned(as: Lanes.self) }

    @inline(__always)
    private static func put(_ p: UnsafeMutablePointer<Float>, _ v: Lanes) {
        UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
    }

    @inline(__always)
    private static func times(_ factor: Float, _ v: Lanes, plus w: Lanes) -> Lanes {
        w.addingProduct(Lanes(repeating: factor), v)
    }

    /// Bᵀ d B of 6×6 input pixels.
    ///
    /// - Parameters:
    ///   - pixel, row: floats from pixel to pixel and from row to row of `input`.
    static func input(
        _ input: UnsafePointer<Float>, pixel: Int, row: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        position: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                let p = input + (x &* pixel &+ c)
                let (o0, o1, o2, o3, o4, o5) = bt(
                    get(p), get(p + row), get(p + 2 &* row), get(p + 3 &* row), get(p + 4 &* row), get(p + 5 &* row))
                let t = scratch + x &* n
                put(t, o0)
                put(t + 6 &* n, o1)
                put(t + 12 &* n, o2)
                put(t + 18 &* n, o3)
                put(t + 24 &* n, o4)
                put(t + 30 &* n, o5)
                x &+= 1
            }
            var y = 0
            while y < 6 {
                let t = scratch + 6 &* y &* n
                let (o0, o1, o2, o3, o4, o5) = bt(
                    get(t), get(t + n), get(t + 2 &* n), get(t + 3 &* n), get(t + 4 &* n), get(t + 5 &* n))
                let p = output + (6 &* y &* position &+ c)
                put(p, o0)
                put(p + position, o1)
                put(p + 2 &* position, o2)
                put(p + 3 &* position, o3)
                put(p + 4 &* position, o4)
                put(p + 5 &* position, o5)
                y &+= 1
            }
            c &+= n
        }
    }

    /// A y Aᵀ of 4×4 output gradients.
    static func outputGradient(
        _ input: UnsafePointer<Float>, pixel: Int, row: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        position: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 4 {
                let p = input + (x &* pixel &+ c)
                let (o0, o1, o2, o3, o4, o5) = a(get(p), get(p + row), get(p + 2 &* row), get(p + 3 &* row))
                let t = scratch + x &* n
                put(t, o0)
                put(t + 4 &* n, o1)
                put(t + 8 &* n, o2)
                put(t + 12 &* n, o3)
                put(t + 16 &* n, o4)
                put(t + 20 &* n, o5)
                x &+= 1
            }
            var y = 0
            while y < 6 {
                let t = scratch + 4 &* y &* n
                let (o0, o1, o2, o3, o4, o5) = a(get(t), get(t + n), get(t + 2 &* n), get(t + 3 &* n))
                let p = output + (6 &* y &* position &+ c)
                put(p, o0)
                put(p + position, o1)
                put(p + 2 &* position, o2)
                put(p + 3 &* position, o3)
                put(p + 4 &* position, o4)
                put(p + 5 &* position, o5)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Aᵀ m A: 4×4 output pixels, `channels` rounded up to whole registers, into a dense tile.
    static func output(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        pixel: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                let p = input + (x &* position &+ c)
                let step = 6 &* position
                let (o0, o1, o2, o3) = at(
                    get(p), get(p + step), get(p + 2 &* step), get(p + 3 &* step), get(p + 4 &* step),
                    get(p + 5 &* step))
                let t = scratch + x &* n
                put(t, o0)
                put(t + 6 &* n, o1)
                put(t + 12 &* n, o2)
                put(t + 18 &* n, o3)
                x &+= 1
            }
            var y = 0
            while y < 4 {
                let t = scratch + 6 &* y &* n
                let (o0, o1, o2, o3) = at(
                    get(t), get(t + n), get(t + 2 &* n), get(t + 3 &* n), get(t + 4 &* n), get(t + 5 &* n))
                let p = output + (4 &* y &* pixel &+ c)
                put(p, o0)
                put(p + pixel, o1)
                put(p + 2 &* pixel, o2)
                put(p + 3 &* pixel, o3)
                y &+= 1
            }
            c &+= n
        }
    }

    /// B v Bᵀ: the 6×6 input gradients of a tile, `channels` rounded up to whole registers, into a dense tile.
    static func inputGradient(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        pixel: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        var c = 0
        while c < channels {
            var x = 0
            while x < 6 {
                let p = input + (x &* position &+ c)
                let step = 6 &* position
                let (o0, o1, o2, o3, o4, o5) = b(
                    get(p), get(p + step), get(p + 2 &* step), get(p + 3 &* step), get(p + 4 &* step),
                    get(p + 5 &* step))
                let t = scratch + x &* n
                put(t, o0)
                put(t + 6 &* n, o1)
                put(t + 12 &* n, o2)
                put(t + 18 &* n, o3)
                put(t + 24 &* n, o4)
                put(t + 30 &* n, o5)
                x &+= 1
            }
            var y = 0
            while y < 6 {
                let t = scratch + 6 &* y &* n
                let (o0, o1, o2, o3, o4, o5) = b(
                    get(t), get(t + n), get(t + 2 &* n), get(t + 3 &* n), get(t + 4 &* n), get(t + 5 &* n))
                let p = output + (6 &* y &* pixel &+ c)
                put(p, o0)
                put(p + pixel, o1)
                put(p + 2 &* pixel, o2)
                put(p + 3 &* pixel, o3)
                put(p + 4 &* pixel, o4)
                put(p + 5 &* pixel, o5)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Bᵀ d, one column.
    @inline(__always)
    private static func bt(
        _ d0: Lanes, _ d1: Lanes, _ d2: Lanes, _ d3: Lanes, _ d4: Lanes, _ d5: Lanes
    ) -> (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes) {
        let a = times(-4, d2, plus: d4)
        let b = times(-4, d1, plus: d3)
        let c = d4 - d2
        let e = (d3 - d1) + (d3 - d1)
        return (
            times(4, d0, plus: times(-5, d2, plus: d4)), a + b, a - b, c + e, c - e,
            times(4, d1, plus: times(-5, d3, plus: d5))
        )
    }

    /// Aᵀ m, one column.
    @inline(__always)
    private static func at(
        _ m0: Lanes, _ m1: Lanes, _ m2: Lanes, _ m3: Lanes, _ m4: Lanes, _ m5: Lanes
    ) -> (Lanes, Lanes, Lanes, Lanes) {
        let a = m1 + m2
        let b = m1 - m2
        let c = m3 + m4
        let e = m3 - m4
        return (m0 + a + c, times(2, e, plus: b), times(4, c, plus: a), times(8, e, plus: b) + m5)
    }

    /// A y, one column: the transpose of `at`.
    @inline(__always)
    private static func a(
        _ y0: Lanes, _ y1: Lanes, _ y2: Lanes, _ y3: Lanes
    ) -> (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes) {
        let e = y0 + y2
        let f = y1 + y3
        let g = times(4, y2, plus: y0)
        let h = times(8, y3, plus: y1 + y1)
        return (y0, e + f, e - f, g + h, g - h, y3)
    }

    /// B v, one column: the transpose of `bt`.
    @inline(__always)
    private static func b(
        _ m0: Lanes, _ m1: Lanes, _ m2: Lanes, _ m3: Lanes, _ m4: Lanes, _ m5: Lanes
    ) -> (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes) {
        let s12 = m1 + m2
        let d12 = m1 - m2
        let s34 = m3 + m4
        let d34 = m3 - m4
        let four = Lanes(repeating: 4)
        return (
            four * m0, times(-4, d12, plus: times(-2, d34, plus: four * m5)),
            times(-5, m0, plus: times(-4, s12, plus: -s34)), times(2, d34, plus: times(-5, m5, plus: d12)),
            m0 + s12 + s34, m5
        )
    }
}
