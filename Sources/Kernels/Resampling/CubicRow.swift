/// The interpolation kernel of Keys 1981 ("Cubic convolution interpolation for digital image processing"), a = −½.
enum CubicConvolution {
    /// The shares of the values at −1, 0, 1 and 2 in the value at `fraction`, 0 ≤ fraction ≤ 1; exactly 0, 1, 0, 0 at 0.
    @inline(__always)
    static func weights(_ fraction: Float) -> SIMD4<Float> {
        var weights = SIMD4<Float>(-0.5, 1.5, -1.5, 0.5) * fraction + SIMD4(1, -2.5, 2, -0.5)
        weights = weights * fraction + SIMD4(-0.5, 0, 0.5, 0)
        return weights * fraction + SIMD4(0, 1, 0, 0)
    }
}

/// One row of a resampled image: sixteen neighbours a pixel, and their shares.
///
/// A rotated tile's pixels lie anywhere in the image, so that each pixel is put together by itself, from vectors of four
/// values of one row (grey) or of one pixel's channels. Multiplications and additions are in a fixed order.
struct CubicRow: ~Copyable {
    private let image: TensorView
    private let width: Int
    private let down: CubicTaps
    private let across: CubicTaps
    private let rowMirror: MirrorTable
    private let columnMirror: MirrorTable
    /// The last pixel, behind which there is no memory to write to.
    private let last: AlignedBuffer<Float>

    /// Room for rows of `width` pixels.
    init(_ image: TensorView, width: Int) {
        self.image = image
        self.width = width
        down = CubicTaps(capacity: width)
        across = CubicTaps(capacity: width)
        rowMirror = MirrorTable(size: image.height, step: image.rowStride)
        columnMirror = MirrorTable(size: image.width, step: image.channels)
        last = AlignedBuffer(image.channels + 4)
    }

    /// Sets where the row's pixels lie in the image.
    func place(rows: UnsafePointer<Float>, columns: UnsafePointer<Float>) {
        down.place(at: rows, count: width)
        across.place(at: columns, count: width)
    }

    /// The pixels of an image of one channel.
    func putGrey(into target: UnsafeMutablePointer<Float>) {
        let (tops, lefts, base) = (down.first.base, across.first.base, UnsafePointer(image.base))
        // Below it, and from 0, a pixel's four neighbours in a row lie in the image and are read at once.
        let innerLefts = UInt32(truncatingIfNeeded: max(image.width - 3, 0))
        for x in 0..<width {
            let rows = rowMirror.distances(from: tops[x])
            if UInt32(bitPattern: lefts[x]) < innerLefts {
                let source = base + Int(lefts[x])
                target[x] = grey(at: x, rows) { Self.four(source + $0) }
            } else {
                let columns = columnMirror.distances(from: lefts[x])
                target[x] = grey(at: x, rows) {
                    let row = base + $0
                    return SIMD4(row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]])
                }
            }
        }
    }

    /// Pixel `x` of one channel; `read` gives the four neighbours in the row at a distance.
    @inline(__always)
    private func grey(at x: Int, _ rows: UnsafePointer<Int>, read: (Int) -> SIMD4<Float>) -> Float {
        let (downShares, acrossShares) = (down.shares.base + 4 &* x, across.shares.base + 4 &* x)
        var sum = read(rows[0]) * downShares[0]
        sum += read(rows[1]) * downShares[1]
        sum += read(rows[2]) * downShares[2]
        sum += read(rows[3]) * downShares[3]
        sum *= Self.four(acrossShares)
        return (sum[0] + sum[1]) + (sum[2] + sum[3])
    }

    /// The pixels of an image of several channels, four of them at a time. What is read behind the last channel of the
    /// image's last pixel is memory of the tensor's own; what is written behind a pixel is overwritten by the next one.
    func putChannels(into target: UnsafeMutablePointer<Float>) {
        let (tops, lefts, base, channels) = (
            down.first.base, across.first.base, UnsafePointer(image.base), image.channels
        )
        for x in 0..<width {
            let rows = rowMirror.distances(from: tops[x])
            let columns = columnMirror.distances(from: lefts[x])
            let (downShares, acrossShares) = (down.shares.base + 4 &* x, across.shares.base + 4 &* x)
            let pixel = x &+ 1 < width ? target + x &* channels : last.base
            var first = 0
            while first < channels {
                @inline(__always)
                func column(_ index: Int) -> SIMD4<Float> {
                    let source = base + (columns[index] &+ first)
                    var sum = Self.four(source + rows[0]) * downShares[0]
                    sum += Self.four(source + rows[1]) * downShares[1]
                    sum += Self.four(source + rows[2]) * downShares[2]
                    sum += Self.four(source + rows[3]) * downShares[3]
                    return sum * acrossShares[index]
                }
                let sum = (column(0) + column(1)) + (column(2) + column(3))
                UnsafeMutableRawPointer(pixel + first).storeBytes(of: sum, as: SIMD4<Float>.self)
                first &+= 4
            }
        }
        (target + (width - 1) * channels).update(from: last.base, count: channels)
    }

    @inline(__always)
    private static func four(_ pointer: UnsafePointer<Float>) -> SIMD4<Float> {
        UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
    }
}

/// Which pixels along one axis take part in each pixel of a resampled row, and by how much. Worked out for a whole row
/// before it is put together, since the checks and conversions of one pixel at a time cost more than its sum.
private struct CubicTaps: ~Copyable {
    /// For each pixel, the first of its four neighbours.
    let first: AlignedBuffer<Int32>
    /// For each pixel, the shares of the four.
    let shares: AlignedBuffer<Float>
    private let fractions: AlignedBuffer<Float>

    /// Room for rows of at most `capacity` pixels.
    init(capacity: Int) {
        let whole = IntegerRounding.roundedUp(capacity)
        first = AlignedBuffer(whole)
        shares = AlignedBuffer(4 * whole)
        fractions = AlignedBuffer(whole)
    }

    /// Sets what belongs to `count` coordinates, behind which there is memory up to a multiple of
    /// `IntegerRounding.lanes`. Those further than 2^22 from 0 are taken for that.
    func place(at coordinates: UnsafePointer<Float>, count: Int) {
        let (first, shares, fractions) = (first.base, shares.base, fractions.base)
        for start in stride(from: 0, to: count, by: IntegerRounding.lanes) {
            let places = UnsafeRawPointer(coordinates + start).loadUnaligned(as: SIMD16<Float>.self)
            let whole = places.rounded(.down)
            let before = IntegerRounding.integers(whole) &- 1
            UnsafeMutableRawPointer(fractions + start).storeBytes(of: places - whole, as: SIMD16<Float>.self)
            UnsafeMutableRawPointer(first + start).storeBytes(of: before, as: SIMD16<Int32>.self)
        }
        for x in 0..<count {
            let weights = CubicConvolution.weights(fractions[x])
            UnsafeMutableRawPointer(shares + 4 &* x).storeBytes(of: weights, as: SIMD4<Float>.self)
        }
    }
}

/// The offsets of an endlessly mirrored row's, or column's, positions: a table, since at the edge of a rotated tile every
/// pixel asks for eight of them.
private struct MirrorTable: ~Copyable {
    private let size: Int
    private let table: AlignedBuffer<Int>

    /// - Parameter step: from one position to the next, in floats.
    init(size: Int, step: Int) {
        self.size = size
        // Once mirrored on both sides, and four from the last.
        table = AlignedBuffer(3 * size + 4)
        for place in 0..<table.count {
            table.base[place] = MirroredBorder.index(place - size, size: size) * step
        }
    }

    /// The distances from position 0 of `position`, any integer, and the three after it.
    @inline(__always)
    func distances(from position: Int32) -> UnsafePointer<Int> {
        let place = Int(position) &+ size
        if UInt(bitPattern: place) <= UInt(bitPattern: 3 &* size) { return UnsafePointer(table.base + place) }
        return farDistances(from: Int(position))
    }

    @inline(never)
    private func farDistances(from position: Int) -> UnsafePointer<Int> {
        // Forth and back is a period, which the table covers.
        let period = max(2 * (size - 1), 1)
        let phase = position % period
        return UnsafePointer(table.base + (size + (phase < 0 ? phase + period : phase)))
    }
}
