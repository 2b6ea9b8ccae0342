internal import CTarget

/// As many channels as one register holds: transforms work on them side by side.
#if LOCKSTEP_AVX512
    typealias Lanes = SIMD16<Float>
#else
    typealias Lanes = SIMD8<Float>
#endif

/// The transforms of Winograd's F(m×m, 3×3) on one tile, channels last: input Bᵀ d B, output Aᵀ m A, and their transposes
/// for the backward pass, B v Bᵀ and A y Aᵀ.
///
/// In the transformed domain a tile is (m + 2)² vectors, `position` floats apart. Channels are taken a register at a time;
/// the last register may reach over the tile's channels, into memory that the caller provides.
///
/// The four are never inlined: in a function as long as their callers' the compiler no longer inlines loads and stores, and
/// they take twice as long.
enum WinogradTransforms<Points: WinogradPoints> {
    /// Bᵀ d B of a tile's input pixels.
    ///
    /// - Parameters:
    ///   - pixel, row: floats from pixel to pixel and from row to row of `input`.
    @inline(never)
    static func input(
        _ input: UnsafePointer<Float>, pixel: Int, row: Int, channels: Int, to output: UnsafeMutablePointer<Float>,
        position: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        let side = Points.size.side
        var c = 0
        while c < channels {
            var x = 0
            while x < side {
                let column = input + (x &* pixel &+ c)
                Points.bt(Points.Tile(column, step: row)).store(scratch + x &* n, step: side &* n)
                // The next tile in the row, since no processor guesses its place.
                if x >= 2 { prefetch(column + Points.size.outputs &* pixel, row, side) }
                x &+= 1
            }
            var y = 0
            while y < side {
                Points.bt(Points.Tile(scratch + side &* y &* n, step: n))
                    .store(output + (side &* y &* position &+ c), step: position)
                y &+= 1
            }
            c &+= n
        }
    }

    /// A y Aᵀ of a tile's output gradients before the activation function, and their sum.
    ///
    /// - Parameters:
    ///   - values: the forward's output; nil where the activation function's gradient does not need it.
    ///   - gradientRow, valuesRow: floats from row to row of `gradient` and of `values`.
    ///   - sums: the sum over the tile's pixels, for each channel.
    @inline(never)
    static func outputGradient(
        _ gradient: UnsafePointer<Float>, row gradientRow: Int, activation: Activation,
        values: UnsafePointer<Float>?, row valuesRow: Int, pixel: Int, channels: Int,
        to output: UnsafeMutablePointer<Float>, position: Int, sums: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        let (side, outputs) = (Points.size.side, Points.size.outputs)
        var c = 0
        while c < channels {
            var sum = Lanes.zero
            var x = 0
            while x < outputs {
                let at = x &* pixel &+ c
                prefetch(gradient + (at &+ outputs &* pixel), gradientRow, outputs)
                var g = Points.Outputs(gradient + at, step: gradientRow)
                if let values {
                    prefetch(values + (at &+ outputs &* pixel), valuesRow, outputs)
                    g = activation.gradient(g, outputs: Points.Outputs(values + at, step: valuesRow))
                }
                sum += g.sum
                Points.a(g).store(scratch + x &* n, step: outputs &* n)
                x &+= 1
            }
            UnsafeMutableRawPointer(sums + c).storeBytes(of: sum, as: Lanes.self)
            var y = 0
            while y < side {
                Points.a(Points.Outputs(scratch + outputs &* y &* n, step: n))
                    .store(output + (side &* y &* position &+ c), step: position)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Aᵀ m A, bias and activation function: a tile's output pixels.
    @inline(never)
    static func output(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, bias: UnsafePointer<Float>,
        activation: Activation, to output: UnsafeMutablePointer<Float>, pixel: Int, row: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        let (side, outputs) = (Points.size.side, Points.size.outputs)
        var c = 0
        while c < channels {
            var x = 0
            while x < side {
                Points.at(Points.Tile(input + (x &* position &+ c), step: side &* position))
                    .store(scratch + x &* n, step: side &* n)
                x &+= 1
            }
            let offset = UnsafeRawPointer(bias + c).loadUnaligned(as: Lanes.self)
            var y = 0
            while y < outputs {
                let o = Points.at(Points.Tile(scratch + side &* y &* n, step: n)).adding(offset)
                activation.applied(to: o).store(output + (y &* row &+ c), step: pixel)
                y &+= 1
            }
            c &+= n
        }
    }

    /// B v Bᵀ: the input gradients of a tile.
    @inline(never)
    static func inputGradient(
        _ input: UnsafePointer<Float>, position: Int, channels: Int, to target: WinogradGradientTarget,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let n = Lanes.scalarCount
        let (side, outputs) = (Points.size.side, Points.size.outputs)
        let pixel = target.pixel
        var c = 0
        while c < channels {
            var x = 0
            while x < side {
                Points.b(Points.Tile(input + (x &* position &+ c), step: side &* position))
                    .store(scratch + x &* n, step: side &* n)
                x &+= 1
            }
            var y = 0
            while y < side {
                var o = Points.b(Points.Tile(scratch + side &* y &* n, step: n))
                let to =
                    (y < outputs
                        ? target.upper + y &* target.upperRow : target.lower + (y &- outputs) &* target.lowerRow) + c
                prefetchToWrite(to + side &* pixel, pixel, outputs)
                if target.addsLeft { o.add(to, step: pixel, length: 2) }
                o.store(to, step: pixel)
                y &+= 1
            }
            c &+= n
        }
    }

    /// Prefetches `count` lines, `row` floats apart.
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
    private static func prefetchToWrite(_ pixel: UnsafeMutablePointer<Float>, _ step: Int, _ count: Int) {
        var p = pixel
        var n = count
        while n > 0 {
            lockstep_prefetch_to_write(p)
            p += step
            n &-= 1
        }
    }
}

/// The place of a tile's input gradients. Tiles overlap by two rows and columns: along a row of tiles a pixel is set by the
/// first tile that reaches it, and the next adds; the two rows of pixels that a row of tiles shares with the one below go
/// elsewhere.
struct WinogradGradientTarget {
    var pixel: Int
    /// All rows but the last two, and those two.
    var upper: UnsafeMutablePointer<Float>
    var upperRow: Int
    var lower: UnsafeMutablePointer<Float>
    var lowerRow: Int
    /// Whether columns 0 and 1 have been set.
    var addsLeft: Bool
}
