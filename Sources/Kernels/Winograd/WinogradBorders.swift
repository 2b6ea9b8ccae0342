/// The two rows of pixels that each row of tiles shares with the one below, of the gradients by a convolution's inputs: kept
/// until both are done, since threads share out the rows.
struct WinogradBorders {
    private let gradients: [TensorView]
    private let base: UnsafeMutablePointer<Float>
    /// Rows of tiles whose borders are kept at a time, and floats of one.
    private let kept: Int
    private let border: Int

    /// - Parameter base: memory of `count` floats.
    init(_ gradients: [TensorView], kept: Int, base: UnsafeMutablePointer<Float>) {
        self.gradients = gradients
        self.base = base
        self.kept = kept
        border = Self.border(gradients)
    }

    /// Floats of the borders of `kept` rows of tiles.
    static func count(_ gradients: [TensorView], kept: Int) -> Int { kept * border(gradients) }

    private static func border(_ gradients: [TensorView]) -> Int {
        gradients.reduce(0) { $0 + 2 * $1.width * $1.channels + 16 }
    }

    /// The border below a row of tiles, a view for each gradient.
    func below(_ row: Int) -> [TensorView] {
        var start = base + row % kept * border
        return gradients.map { gradient in
            defer { start += 2 * gradient.width * gradient.channels + 16 }
            return TensorView(
                base: start, shape: ImageShape(2, gradient.width, gradient.channels),
                rowStride: gradient.width * gradient.channels)
        }
    }

    /// Adds some channels of the border below a row of tiles to the gradients, from row `y` of pixels on.
    func add(below row: Int, channels: Range<Int>, fromRow y: Int) {
        var offset = 0
        for (gradient, border) in zip(gradients, below(row)) {
            let n = gradient.channels
            let own = channels.clamped(to: offset..<offset + n)
            let first = own.lowerBound - offset
            offset += n
            for line in 0..<2 where !own.isEmpty && y + line < gradient.height {
                let target = gradient.row(y + line) + first
                let source = border.row(line) + first
                // Whole rows are one run of values.
                let (runs, length) = own.count == n ? (1, gradient.width &* n) : (gradient.width, own.count)
                for run in 0..<runs {
                    let at = run &* n
                    for i in 0..<length { target[at &+ i] += source[at &+ i] }
                }
            }
        }
    }
}
