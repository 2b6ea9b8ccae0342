/// A group normalisation that is not computed as a whole: a convolution normalises what it reads, some pixels at a time.
package struct NormalizedInput {
    private let kernels: ChannelwiseKernels
    private let coefficients: ChannelwiseKernels.Coefficients
    private let activation: Activation

    /// - Parameter statistics: those that the normalisation's `prepare` left.
    package init(_ normalization: GroupNormalization, statistics: UnsafePointer<Float>) {
        kernels = normalization.kernels
        coefficients = normalization.coefficients(statistics)
        activation = normalization.activation
    }

    /// Normalises a rectangle of `view` into `scratch`; returns a view as large as `view`, of which that rectangle alone can be
    /// read.
    func read(_ view: TensorView, _ rectangle: PixelRectangle, into scratch: UnsafeMutablePointer<Float>) -> TensorView
    {
        let n = view.channels
        let count = rectangle.columns.count * n
        var target = scratch
        for y in rectangle.rows {
            kernels.normalize(
                view.row(y) + rectangle.columns.lowerBound * n, coefficients, activation, count: count, ahead: count,
                to: target)
            target += count
        }
        return rectangle.view(scratch, of: view.shape)
    }
}

/// The gradient by a group normalisation's input, computed from the one by its output as the convolution before it reads it,
/// some pixels at a time.
package struct NormalizedGradient {
    private let kernels: ChannelwiseKernels
    private let coefficients: ChannelwiseKernels.Coefficients
    private let gradientCoefficients: ChannelwiseKernels.GradientCoefficients
    private let activation: Activation
    /// The normalisation's input, which is the convolution's output.
    let values: TensorView

    /// - Parameter statistics: those that the normalisation's `prepareBackward` left.
    package init(_ normalization: GroupNormalization, statistics: UnsafePointer<Float>, values: TensorView) {
        kernels = normalization.kernels
        coefficients = normalization.coefficients(statistics)
        gradientCoefficients = normalization.gradientCoefficients(statistics)
        activation = normalization.activation
        self.values = values
    }

    /// As `NormalizedInput.read`, of the gradient by the normalisation's output.
    func read(
        _ gradient: TensorView, _ rectangle: PixelRectangle, into scratch: UnsafeMutablePointer<Float>
    ) -> TensorView {
        let n = gradient.channels
        let first = rectangle.columns.lowerBound * n
        let count = rectangle.columns.count * n
        var target = scratch
        for y in rectangle.rows {
            kernels.backward(
                values.row(y) + first, coefficients, gradientCoefficients, activation, count: count, ahead: count,
                gradient.row(y) + first, to: target)
            target += count
        }
        return rectangle.view(scratch, of: gradient.shape)
    }

    /// The whole gradient, in its place.
    package func apply(_ gradient: TensorView, team: ThreadTeam) {
        team.forEach(gradient.height, moving: 4 * 3 * gradient.shape.count) { _, y in
            _ = read(
                gradient, PixelRectangle(rows: y..<y + 1, columns: 0..<gradient.width), into: gradient.row(y))
        }
    }
}

/// Some pixels of an activation.
struct PixelRectangle {
    let rows: Range<Int>
    let columns: Range<Int>

    /// The rectangle, one row after another at `base`, as the part that can be read of an activation of some shape.
    func view(_ base: UnsafeMutablePointer<Float>, of shape: ImageShape) -> TensorView {
        let rowStride = columns.count * shape.channels
        return TensorView(
            base: base - (rows.lowerBound * rowStride + columns.lowerBound * shape.channels), shape: shape,
            rowStride: rowStride)
    }
}
