/// 2×2 up-convolutions of the native engine: products over pixels whose panels are packed once, by the thread that needs
/// them. Threads share out columns, and rows of pixels or of the weights' gradient.
///
/// A value of the output, of the input's gradient or of the weights' is one chain of fused multiply-adds, over channels or
/// pixels in their order, wherever the work is cut.
struct UpConvolution {
    private static let width = MicroKernel.columns
    /// Pixels whose products are scattered, or whose gradients are packed, at a time.
    private static let bandPixels = 1024
    /// Floats of the panels that a part packs, for the second-level cache.
    private static let packedBlock = 131_072

    /// The smaller activation, H×W×in, and the larger, 2H×2W×out, or their gradients.
    let small: TensorView
    let large: TensorView
    let team: ThreadTeam

    /// Whether it serves a layer: whole panels, and pixels enough to make packing pay.
    static func serves(small: TensorView, large: TensorView) -> Bool {
        large.channels % 4 == 0 && small.channels % width == 0 && small.shape.pixels > 64
    }

    private var inputs: Int { small.channels }
    /// Columns of the weights, [2][2][out].
    private var columns: Int { 4 * large.channels }
    /// Floats of a pixel's share of one row of the larger activation, [2][out].
    private var half: Int { 2 * large.channels }

    // MARK: Forward

    /// Writes the larger activation.
    func forward(_ parameters: LayerParameters, workspace: Workspace) {
        let grid = grid(panels: columns / Self.width, inner: inputs, rows: small.height)
        let bandRows = max(1, Self.bandPixels / small.width)
        let scratchRow = Self.width * grid.most
        // Rows are computed in pairs.
        let packedCount = grid.most * inputs * Self.width
        let laneCount = packedCount + (min(bandRows, small.height) * small.width + 1) * scratchRow
        workspace.lend(team.threads * laneCount) { lanes in
            team.forEach(grid.count, moving: 4 * (small.shape.count + large.shape.count + inputs * columns)) {
                lane, part in
                let (panels, rows) = grid[part]
                let packed = lanes + lane * laneCount
                let result = packed + packedCount
                for (index, panel) in panels.enumerated() {
                    NativeProduct.pack(
                        Matrix(parameters.weights + panel * Self.width, rowStride: columns), columns: Self.width,
                        inner: inputs, into: packed + index * inputs * Self.width)
                }
                for first in stride(from: rows.lowerBound, to: rows.upperBound, by: bandRows) {
                    let band = first..<min(first + bandRows, rows.upperBound)
                    let operands = MicroKernel.Operands(
                        a: small.row(first), aRow: inputs, aStep: 1, b: packed, bStep: Self.width,
                        bPanel: inputs * Self.width, inner: inputs, ahead: packed)
                    Self.multiply(
                        operands, rows: band.count * small.width, panels: panels.count, into: result, scratchRow)
                    for y in band {
                        scatter(
                            result + (y - first) * small.width * scratchRow, row: scratchRow, y: y,
                            columns: Self.width * panels.lowerBound..<Self.width * panels.upperBound,
                            bias: parameters.bias)
                    }
                }
            }
        }
    }

    /// Adds the bias to some columns of a row of pixels, and writes them where they belong.
    private func scatter(
        _ matrix: UnsafePointer<Float>, row: Int, y: Int, columns: Range<Int>, bias: UnsafePointer<Float>
    ) {
        let n = large.channels
        var first = columns.lowerBound
        while first < columns.upperBound {
            // As far as one of the four pixels goes.
            let (place, channel) = first.quotientAndRemainder(dividingBy: n)
            let count = min(n - channel, columns.upperBound - first)
            var source = matrix + (first - columns.lowerBound)
            var target = large.row(2 * y + place / 2) + (place % 2 * n + channel)
            let bias = bias + channel
            for _ in 0..<small.width {
                for c in 0..<count { target[c] = source[c] + bias[c] }
                source += row
                target += half
            }
            first += count
        }
    }

    // MARK: Backward

    /// Writes the gradients by the input (`small` is that one) and by the parameters; `large` is the one by the output.
    ///
    /// - Parameter input: the forward's, of `small`'s shape.
    func backward(
        _ input: TensorView, _ parameters: LayerParameters, gradients: LayerGradients, workspace: Workspace
    ) {
        let byInput = grid(panels: inputs / Self.width, inner: columns, rows: small.height)
        let bands = bands
        let bandPixels = min((bands.map(\.count).max() ?? 0) * small.width, Self.bandPixels)
        let byWeights = grid(
            panels: columns / Self.width, inner: bandPixels, rows: inputs / 2, beside: bands.count,
            atLeast: MicroKernel.rows)
        let rowParts = team.cuts(of: large.height)
        let packedCount = max(
            byInput.most * columns * Self.width, byWeights.most * Self.width * (bandPixels + small.width))
        let laneCount = packedCount + 2 * Self.width * byInput.most
        let n = large.channels
        let weights = inputs * columns
        workspace.lend((bands.count - 1) * weights + large.height * n + team.threads * laneCount) { base in
            // The first band's sums are made where the gradient goes.
            let sums = [gradients.weights] + (0..<bands.count - 1).map { base + $0 * weights }
            let rowSums = base + (bands.count - 1) * weights
            let lanes = rowSums + large.height * n
            let bytes = 4 * (2 * large.shape.count + small.shape.count + input.shape.count + 2 * weights)
            let weightParts = bands.count * byWeights.count
            team.forEach(byInput.count + weightParts + rowParts, moving: bytes) { lane, part in
                let scratch = lanes + lane * laneCount
                if part < byInput.count {
                    let (panels, rows) = byInput[part]
                    writeInputGradient(
                        parameters, panels: panels, rows: rows, scratch: scratch, edge: scratch + packedCount)
                } else if part < byInput.count + weightParts {
                    let (band, own) = (part - byInput.count).quotientAndRemainder(dividingBy: byWeights.count)
                    let (panels, pairs) = byWeights[own]
                    writeWeightGradient(
                        input, rows: bands[band], panels: panels,
                        channels: 2 * pairs.lowerBound..<2 * pairs.upperBound, into: sums[band], packed: scratch)
                } else {
                    let own = part - byInput.count - weightParts
                    for y in large.height * own / rowParts..<large.height * (own + 1) / rowParts {
                        sumPixels(large.row(y), height: 1, width: large.width, channels: n, into: rowSums + y * n)
                    }
                }
            }
            sumPixels(rowSums, height: large.height, width: 1, channels: n, into: gradients.bias)
            guard bands.count > 1 else { return }
            team.forRanges(of: weights, atLeast: 1024, moving: 4 * bands.count) { range in
                for band in 1..<bands.count {
                    let (target, source) = (sums[0], sums[band])
                    for i in range { target[i] += source[i] }
                }
            }
        }
    }

    /// Bands of rows of pixels, each with sums of its own for the weights' gradient: as many as 2 MB hold.
    private var bands: [Range<Int>] {
        let bands = max(1, min((2 << 20) / (4 * inputs * columns), 32, small.height / 4))
        return (0..<bands).map { small.height * $0 / bands..<small.height * ($0 + 1) / bands }
    }

    /// Some columns of the input's gradient, in some rows of pixels: Gᵀ's panels times the two rows of gradients below each.
    private func writeInputGradient(
        _ parameters: LayerParameters, panels: Range<Int>, rows: Range<Int>,
        scratch packed: UnsafeMutablePointer<Float>,
        edge: UnsafeMutablePointer<Float>
    ) {
        let panelCount = columns * Self.width
        for (index, panel) in panels.enumerated() {
            NativeProduct.pack(
                Matrix(parameters.weights + panel * Self.width * columns, rowStride: columns, transposed: true),
                columns: Self.width, inner: columns, into: packed + index * panelCount)
        }
        let count = panels.count * Self.width
        let paired = small.width & ~1
        for y in rows {
            for dy in 0..<2 {
                var operands = MicroKernel.Operands(
                    a: large.row(2 * y + dy), aRow: half, aStep: 1, b: packed + dy * half * Self.width,
                    bStep: Self.width, bPanel: panelCount, inner: half, ahead: packed)
                let target = small.row(y) + panels.lowerBound * Self.width
                MicroKernel.matrix(
                    operands, rows: paired, panels: panels.count, into: target, row: inputs, accumulate: dy > 0)
                guard paired < small.width else { continue }
                // A last pixel without a partner goes by way of scratch memory.
                operands.a += paired * half
                operands.aRow = 0
                let last = target + paired * inputs
                if dy > 0 { edge.update(from: last, count: count) }
                MicroKernel.matrix(
                    operands, rows: 1, panels: panels.count, into: edge, row: count, accumulate: dy > 0)
                last.update(from: edge, count: count)
            }
        }
    }

    /// Some columns of the weights' gradient, for some channels of the input: a sum over some rows of pixels.
    private func writeWeightGradient(
        _ input: TensorView, rows: Range<Int>, panels: Range<Int>, channels: Range<Int>,
        into weights: UnsafeMutablePointer<Float>,
        packed: UnsafeMutablePointer<Float>
    ) {
        let bandRows = max(1, Self.bandPixels / small.width)
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: bandRows) {
            let band = first..<min(first + bandRows, rows.upperBound)
            let pixels = band.count * small.width
            for (index, panel) in panels.enumerated() {
                let (dy, column) = (panel * Self.width).quotientAndRemainder(dividingBy: half)
                // A panel that reaches over the first row's end goes on in the second's.
                let own = min(Self.width, half - column)
                var target = packed + index * pixels * Self.width
                for y in band {
                    let upper = large.row(2 * y + dy) + column
                    if own == Self.width {
                        NativeProduct.pack(
                            Matrix(upper, rowStride: half), columns: Self.width, inner: small.width, into: target)
                    } else {
                        let lower = large.row(2 * y + 1)
                        for x in 0..<small.width {
                            (target + x * Self.width).update(from: upper + x * half, count: own)
                            (target + (x * Self.width + own)).update(from: lower + x * half, count: Self.width - own)
                        }
                    }
                    target += small.width * Self.width
                }
            }
            let operands = MicroKernel.Operands(
                a: input.row(first) + channels.lowerBound, aRow: 1, aStep: inputs, b: packed, bStep: Self.width,
                bPanel: pixels * Self.width, inner: pixels, ahead: packed)
            MicroKernel.matrix(
                operands, rows: channels.count, panels: panels.count,
                into: weights + (channels.lowerBound * columns + panels.lowerBound * Self.width), row: columns,
                accumulate: first > rows.lowerBound)
        }
    }

    // MARK: Cuts

    /// Parts of a product: some panels of its columns by some of its rows.
    private struct Grid {
        let panels: [Range<Int>]
        let rows: [Range<Int>]

        var count: Int { panels.count * rows.count }
        /// Panels of a part, at most.
        var most: Int { panels.map(\.count).max() ?? 0 }
        subscript(part: Int) -> (panels: Range<Int>, rows: Range<Int>) {
            (panels[part / rows.count], rows[part % rows.count])
        }
    }

    /// Panels as many as a cache holds when packed, or few enough that each thread has some, beside so many parts of something
    /// else; then the rows too.
    private func grid(panels: Int, inner: Int, rows: Int, beside others: Int = 1, atLeast smallest: Int = 1) -> Grid {
        let threads = (team.threads + others - 1) / others
        let size = max(1, min(max(4, Self.packedBlock / (inner * Self.width)), panels / threads))
        let columns = stride(from: 0, to: panels, by: size).map { $0..<min($0 + size, panels) }
        let pieces = max(1, min((threads + columns.count - 1) / columns.count, rows / smallest))
        return Grid(
            panels: columns, rows: (0..<pieces).map { rows * $0 / pieces..<rows * ($0 + 1) / pieces })
    }

    /// A product of any number of rows: of a last one without a partner there may be none to read below it.
    private static func multiply(
        _ operands: MicroKernel.Operands, rows: Int, panels: Int, into c: UnsafeMutablePointer<Float>, _ row: Int
    ) {
        let paired = rows & ~1
        MicroKernel.matrix(operands, rows: paired, panels: panels, into: c, row: row, accumulate: false)
        guard paired < rows else { return }
        var last = operands
        last.a += paired * operands.aRow
        last.aRow = 0
        MicroKernel.matrix(last, rows: 1, panels: panels, into: c + paired * row, row: row, accumulate: false)
    }
}
