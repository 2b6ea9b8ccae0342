/// The two rows of pixels that each band of tiles shares with the next, kept until both are done.
struct WinogradBorders {
    let gradients: [TensorView]
    /// Floats of all borders.
    let count: Int
    private let band: Int

    init(_ gradients: [TensorView], bands: Int) {
        self.gradients = gradients
        band = gradients.reduce(0) { $0 + 2 * $1.width * $1.channels + 16 }
        count = max(bands - 1, 0) * band
    }

    /// The border below a band, a view for each gradient.
    func views(_ index: Int, _ base: UnsafeMutablePointer<Float>) -> [TensorView] {
        var start = base + index * band
        return gradients.map { gradient in
            defer { start += 2 * gradient.width * gradient.channels + 16 }
            return TensorView(
                base: start, shape: ImageShape(2, gradient.width, gradient.channels),
                rowStride: gradient.width * gradient.channels)
        }
    }

    /// Adds the border below a band to the gradients, from row `row` on.
    func add(_ index: Int, _ base: UnsafeMutablePointer<Float>, fromRow row: Int) {
        for (gradient, border) in zip(gradients, views(index, base)) {
            for y in 0..<2 where row + y < gradient.height {
                let target = gradient.row(row + y)
                let source = border.row(y)
                for i in 0..<gradient.width &* gradient.channels { target[i] += source[i] }
            }
        }
    }
}
