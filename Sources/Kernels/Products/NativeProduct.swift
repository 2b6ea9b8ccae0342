internal import CTarget

/// Row-major matrix products (GEMM) with the micro-kernel. How the work is cut does not show in the bits: each element is one
/// chain over the inner index.
struct NativeProduct: MatrixProduct {
    /// Longest inner length of a block.
    private static let innerBlock = 2048
    /// Floats of B that are packed together, to stay in the second-level cache.
    private static let packedBlock = 131_072

    func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int, rows: Int, columns: Int,
        inner: Int, accumulate: Bool, team: ThreadTeam, workspace: Workspace
    ) {
        guard rows > 0, columns > 0 else { return }
        let fewRows = FewRowsProduct(
            a: a, b: b, c: c, cRow: rowStride, rows: rows, columns: columns, inner: inner, accumulate: accumulate)
        if fewRows.applies { return fewRows.run(team: team, workspace: workspace) }
        let width = MicroKernel.columns
        let panels = (columns + width - 1) / width
        let blocks = max(1, (inner + Self.innerBlock - 1) / Self.innerBlock)
        let longest = (inner + blocks - 1) / blocks
        // Threads share out the columns, each part packing its own; with few columns the rows too.
        let partPanels = min(panels, max(4, Self.packedBlock / (max(longest, 1) * width)))
        let columnParts = max((panels + partPanels - 1) / partPanels, min(team.threads, panels / 2))
        let rowParts =
            columnParts >= team.threads ? 1 : min(2 * team.threads, (rows + 23) / 24)
        let packedCount = ((panels + columnParts - 1) / columnParts) * width * longest
        let laneCount = packedCount + MicroKernel.rows * width + 16
        workspace.lend(team.threads * laneCount) { lanes in
            let bytes = 4 * (rows * inner + inner * columns + rows * columns)
            team.forEach(columnParts * rowParts, moving: bytes) { lane, part in
                let (columnPart, rowPart) = part.quotientAndRemainder(dividingBy: rowParts)
                let own = panels * columnPart / columnParts..<panels * (columnPart + 1) / columnParts
                let packed = lanes + lane * laneCount
                for block in 0..<blocks {
                    let start = inner * block / blocks
                    let end = inner * (block + 1) / blocks
                    for panel in own {
                        Self.pack(
                            b.from(row: start, column: panel * width), columns: min(width, columns - panel * width),
                            inner: end - start, into: packed + (panel - own.lowerBound) * width * (end - start))
                    }
                    let task = Task(
                        a: a.from(column: start), packed: packed, inner: end - start,
                        c: c + own.lowerBound * width, cRow: rowStride, columns: columns - own.lowerBound * width,
                        accumulate: accumulate || block > 0, scratch: packed + packedCount)
                    task.run(rows: rows * rowPart / rowParts..<rows * (rowPart + 1) / rowParts, panels: own.count)
                }
            }
        }
    }

    /// Copies 16 columns of B so that they are read in one stream; missing columns become zeros.
    static func pack(
        _ b: Matrix, columns: Int, inner: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        let width = MicroKernel.columns
        if columns < width { panel.update(repeating: 0, count: inner * width) }
        if b.transposed {
            Transpose.matrix(b.base, row: b.rowStride, rows: columns, columns: inner, into: panel, row: width)
        } else if columns == width {
            var source = b.base
            var target = panel
            var n = inner
            while n > 0 {
                lockstep_prefetch(source + 8 &* b.rowStride)
                store(target, load(source))
                source += b.rowStride
                target += width
                n &-= 1
            }
        } else {
            for k in 0..<inner {
                (panel + k &* width).update(from: b.base + k &* b.rowStride, count: columns)
            }
        }
    }

    /// A block of C: some rows, from its first column on.
    private struct Task {
        let a: Matrix
        /// Panels of B, one after another.
        let packed: UnsafePointer<Float>
        let inner: Int
        let c: UnsafeMutablePointer<Float>
        let cRow: Int
        /// Columns that C has.
        let columns: Int
        let accumulate: Bool
        let scratch: UnsafeMutablePointer<Float>

        func run(rows: Range<Int>, panels: Int) {
            // Whole tiles go straight into C; what C has not room for goes by way of scratch memory: a last panel that
            // is not whole, and a last row without a partner.
            let whole = min(panels, columns / MicroKernel.columns)
            let paired = rows.lowerBound..<rows.lowerBound + rows.count / 2 * 2
            var operands = operands(row: paired.lowerBound, panel: 0)
            if !a.transposed && a.rowStride == inner {
                operands.ahead = operands.a + MicroKernel.rows * inner
                operands.aheadCount = max(0, paired.count - MicroKernel.rows) * inner
            }
            MicroKernel.matrix(
                operands, rows: paired.count, panels: whole, into: c + paired.lowerBound * cRow, row: cRow,
                accumulate: accumulate)
            for panel in 0..<panels {
                if panel >= whole {
                    for row in stride(from: paired.lowerBound, to: paired.upperBound, by: MicroKernel.rows) {
                        edge(row: row, rows: min(MicroKernel.rows, paired.upperBound - row), panel: panel)
                    }
                }
                if paired.count < rows.count { edge(row: paired.upperBound, rows: 1, panel: panel) }
            }
        }

        private func operands(row: Int, panel: Int) -> MicroKernel.Operands {
            let panelCount = inner * MicroKernel.columns
            return MicroKernel.Operands(
                a: a.base + row * a.rowStep, aRow: a.rowStep, aStep: a.columnStep, b: packed + panel * panelCount,
                bStep: MicroKernel.columns, bPanel: panelCount, inner: inner, ahead: a.base)
        }

        /// A tile at the edge of C, by way of scratch memory.
        private func edge(row: Int, rows: Int, panel: Int) {
            let width = MicroKernel.columns
            let count = min(width, columns - panel * width)
            let target = c + (row * cRow + panel * width)
            var operands = operands(row: row, panel: panel)
            // A single row is its own partner: there may be none to read below it.
            if rows == 1 { operands.aRow = 0 }
            if accumulate {
                for row in 0..<rows { (scratch + row * width).update(from: target + row * cRow, count: count) }
            }
            MicroKernel.matrix(operands, rows: rows, panels: 1, into: scratch, row: width, accumulate: accumulate)
            for row in 0..<rows { (target + row * cRow).update(from: scratch + row * width, count: count) }
        }
    }
}
