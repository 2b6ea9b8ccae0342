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

/// Values of an image at the coordinates of a `WarpField`. Beyond its edges the image is mirrored without end.
public enum Resampling {
    /// Bicubic, for images. A pixel that lies at whole coordinates is taken as it is.
    ///
    /// - Parameter output: of the field's size and the image's channels; overwritten.
    public static func bicubic(_ image: TensorView, at field: WarpField, into output: TensorView) {
        precondition(
            output.height == field.height && output.width == field.width && output.channels == image.channels
                && image.height > 0 && image.width > 0,
            "an image of \(image.shape) resampled to \(output.shape)")
        let channels = image.channels
        for y in 0..<field.height {
            let target = output.row(y)
            field.withRow(y, 0..<field.width) { rows, columns in
                for x in 0..<field.width {
                    let (row, column) = (rows[x].rounded(.down), columns[x].rounded(.down))
                    let down = CubicConvolution.weights(rows[x] - row)
                    let across = CubicConvolution.weights(columns[x] - column)
                    let (top, left) = (Int(row) - 1, Int(column) - 1)
                    let to = target + x &* channels
                    guard top >= 0, left >= 0, top + 3 < image.height, left + 3 < image.width else {
                        atEdge(image, top: top, left: left, down: down, across: across, into: to)
                        continue
                    }
                    let source = image.row(top) + left &* channels
                    if channels == 1 {
                        var sum = four(source) * down[0]
                        sum += four(source + image.rowStride) * down[1]
                        sum += four(source + 2 &* image.rowStride) * down[2]
                        sum += four(source + 3 &* image.rowStride) * down[3]
                        to[0] = total(sum * across)
                    } else {
                        let rows = SIMD4<Int>(0, 1, 2, 3) &* image.rowStride
                        let columns = SIMD4<Int>(0, 1, 2, 3) &* channels
                        sum(source, rows, columns, channels, down: down, across: across, into: to)
                    }
                }
            }
        }
    }

    /// The nearest pixel's class; `LabelMap.ignored` where it lies beyond the labels.
    ///
    /// - Parameters:
    ///   - margin: rows and columns of the field that lie before the output's first.
    public static func nearest(_ labels: LabelMap, at field: WarpField, margin: Int, into output: LabelMap) {
        forPixels(of: field, margin: margin, height: output.height, width: output.width) { pixel, row, column in
            let (y, x) = ((row + 0.5).rounded(.down), (column + 0.5).rounded(.down))
            let isInside = y >= 0 && x >= 0 && y < Float(labels.height) && x < Float(labels.width)
            output.values[pixel] = isInside ? labels.values[Int(y) * labels.width + Int(x)] : LabelMap.ignored
        }
    }

    /// Bilinear, for weights, H×W×1; beyond the edges the edge pixel's.
    ///
    /// - Parameter margin: as for `nearest`.
    public static func bilinear(_ weights: Tensor, at field: WarpField, margin: Int, into output: Tensor) {
        precondition(weights.channels == 1 && output.channels == 1, "weights of \(weights.shape)")
        let (lastRow, lastColumn) = (Float(weights.height - 1), Float(weights.width - 1))
        forPixels(of: field, margin: margin, height: output.height, width: output.width) { pixel, row, column in
            let (row, column) = (min(max(row, 0), lastRow), min(max(column, 0), lastColumn))
            let (y, x) = (Int(row), Int(column))
            let (down, across) = (row - Float(y), column - Float(x))
            let source = weights.base + y * weights.width + x
            let (right, below) = (x + 1 < weights.width ? 1 : 0, y + 1 < weights.height ? weights.width : 0)
            let upper = source[0] + (source[right] - source[0]) * across
            let lower = source[below] + (source[below + right] - source[below]) * across
            output.base[pixel] = upper + (lower - upper) * down
        }
    }

    @inline(__always)
    private static func forPixels(
        of field: WarpField, margin: Int, height: Int, width: Int,
        _ body: (_ pixel: Int, _ row: Float, _ column: Float) -> Void
    ) {
        precondition(height + 2 * margin <= field.height && width + 2 * margin <= field.width, "a margin of \(margin)")
        for y in 0..<height {
            field.withRow(y + margin, margin..<margin + width) { rows, columns in
                for x in 0..<width { body(y * width + x, rows[x], columns[x]) }
            }
        }
    }

    @inline(__always)
    private static func four(_ pointer: UnsafePointer<Float>) -> SIMD4<Float> {
        UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
    }

    /// In an order of its own, which no compiler changes.
    @inline(__always)
    private static func total(_ values: SIMD4<Float>) -> Float { (values[0] + values[1]) + (values[2] + values[3]) }

    /// A pixel some of whose sixteen neighbours lie in the mirror.
    private static func atEdge(
        _ image: TensorView, top: Int, left: Int, down: SIMD4<Float>, across: SIMD4<Float>,
        into target: UnsafeMutablePointer<Float>
    ) {
        var (rows, columns) = (SIMD4<Int>.zero, SIMD4<Int>.zero)
        for tap in 0..<4 {
            rows[tap] = MirroredBorder.index(top + tap, size: image.height) &* image.rowStride
            columns[tap] = MirroredBorder.index(left + tap, size: image.width) &* image.channels
        }
        guard image.channels == 1 else {
            sum(image.row(0), rows, columns, image.channels, down: down, across: across, into: target)
            return
        }
        var sum = SIMD4<Float>.zero
        for tap in 0..<4 {
            let row = image.row(0) + rows[tap]
            sum += SIMD4(row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]]) * down[tap]
        }
        target[0] = total(sum * across)
    }

    /// A pixel of all its channels, four at a time, from its neighbours' rows and columns, given as distances from
    /// `source`. What is read behind the last channel of the last pixel is memory of the tensor's own.
    @inline(__always)
    private static func sum(
        _ source: UnsafePointer<Float>, _ rows: SIMD4<Int>, _ columns: SIMD4<Int>, _ channels: Int,
        down: SIMD4<Float>, across: SIMD4<Float>, into target: UnsafeMutablePointer<Float>
    ) {
        var first = 0
        while first < channels {
            @inline(__always)
            func column(_ index: Int) -> SIMD4<Float> {
                let from = source + (columns[index] &+ first)
                var sum = four(from + rows[0]) * down[0]
                sum += four(from + rows[1]) * down[1]
                sum += four(from + rows[2]) * down[2]
                sum += four(from + rows[3]) * down[3]
                return sum * across[index]
            }
            let sum = (column(0) + column(1)) + (column(2) + column(3))
            for c in 0..<min(channels &- first, 4) { target[first &+ c] = sum[c] }
            first &+= 4
        }
    }
}
