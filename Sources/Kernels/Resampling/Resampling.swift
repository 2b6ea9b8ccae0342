/// Values of an image at the coordinates of a `WarpField`. Beyond its edges the image is mirrored without end.
public enum Resampling {
    /// The longest side of an image: further from 0 floats tell too few places between pixels apart.
    public static let mostSide = IntegerRounding.most

    /// Bicubic, for images. A pixel that lies at whole coordinates is taken as it is.
    ///
    /// - Parameter output: of the field's size and the image's channels; overwritten.
    public static func bicubic(_ image: TensorView, at field: WarpField, into output: TensorView) {
        precondition(
            output.height == field.height && output.width == field.width && output.channels == image.channels
                && image.height > 0 && image.width > 0 && max(image.height, image.width) <= mostSide,
            "an image of \(image.shape) resampled to \(output.shape)")
        let row = CubicRow(image, width: field.width)
        for y in 0..<field.height {
            field.withRow(y, 0..<field.width) { rows, columns in row.place(rows: rows, columns: columns) }
            if image.channels == 1 { row.putGrey(into: output.row(y)) } else { row.putChannels(into: output.row(y)) }
        }
    }

    /// The nearest pixel's class; `LabelMap.ignored` where it lies beyond the labels.
    ///
    /// - Parameters:
    ///   - margin: rows and columns of the field that lie before the output's first.
    public static func nearest(_ labels: LabelMap, at field: WarpField, margin: Int, into output: LabelMap) {
        precondition(max(labels.height, labels.width) <= mostSide, "labels of \(labels.height)×\(labels.width)")
        guard let source = labels.values.baseAddress, let target = output.values.baseAddress else { return }
        let (height, width) = (Float(labels.height), Float(labels.width))
        forPixels(of: field, margin: margin, height: output.height, width: output.width) { pixel, row, column in
            let (y, x) = ((row + 0.5).rounded(.down), (column + 0.5).rounded(.down))
            let isInside = y >= 0 && x >= 0 && y < height && x < width
            target[pixel] =
                isInside
                ? source[IntegerRounding.integer(y) &* labels.width &+ IntegerRounding.integer(x)]
                : LabelMap.ignored
        }
    }

    /// Bilinear, for weights, H×W×1; beyond the edges the edge pixel's.
    ///
    /// - Parameter margin: as for `nearest`.
    public static func bilinear(_ weights: Tensor, at field: WarpField, margin: Int, into output: Tensor) {
        precondition(weights.channels == 1 && output.channels == 1, "weights of \(weights.shape)")
        precondition(max(weights.height, weights.width) <= mostSide, "weights of \(weights.shape)")
        let (lastRow, lastColumn) = (Float(weights.height - 1), Float(weights.width - 1))
        forPixels(of: field, margin: margin, height: output.height, width: output.width) { pixel, row, column in
            let (row, column) = (min(max(row, 0), lastRow), min(max(column, 0), lastColumn))
            let (top, left) = (row.rounded(.down), column.rounded(.down))
            let (down, across) = (row - top, column - left)
            let source = weights.base + (IntegerRounding.integer(top) &* weights.width &+ IntegerRounding.integer(left))
            let (right, below) = (left < lastColumn ? 1 : 0, top < lastRow ? weights.width : 0)
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
}
