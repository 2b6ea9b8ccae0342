/// Row-major matrix products with the micro-kernel. How the work is cut does not show in the bits: each element is one
/// chain over the inner index.
struct NativeProduct: MatrixProduct {
    /// Inner length of a block: a panel of B this long stays in the first-level cache.
    private static let innerBlock = 512
    /// Rows of a block: A's part of it stays in the second-level cache.
    private static let rowBlock = 96

    func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int, rows: Int, columns: Int,
        inner: Int, accumulate: Bool, team: ThreadTeam, workspace: Workspace
    ) {
        guard rows > 0, columns > 0 else { return }
        let width = MicroKernel.columns
        let panels = (columns + width - 1) / width
        let blocks = max(1, (inner + Self.innerBlock - 1) / Self.innerBlock)
        // A tile of C at an edge.
        let scratch = MicroKernel.rows * width
        workspace.lend(panels * width * inner + 16) { packed in
            team.forEach(panels) { _, panel in
                Self.pack(
                    b.from(column: panel * width), columns: min(width, columns - panel * width), inner: inner,
                    into: packed + panel * width * inner)
            }
            workspace.lend(team.threads * scratch) { tiles in
                for block in 0..<blocks {
                    let start = inner * block / blocks
                    let end = inner * (block + 1) / blocks
                    let groups = (rows + Self.rowBlock - 1) / Self.rowBlock
                    // With few rows the panels are shared out, with many the rows.
                    let columnParts = groups >= 2 * team.threads ? 1 : min(panels, 2 * team.threads)
                    team.forEach(groups * columnParts) { lane, part in
                        let group = part / columnParts
                        let columnPart = part % columnParts
                        let task = Task(
                            a: a.from(column: start), packed: packed + start * width, panelStride: width * inner,
                            inner: end - start, c: c, cRow: rowStride, columns: columns,
                            accumulate: accumulate || block > 0, scratch: tiles + lane * scratch)
                        task.run(
                            rows: group * Self.rowBlock..<min((group + 1) * Self.rowBlock, rows),
                            panels: panels * columnPart / columnParts..<panels * (columnPart + 1) / columnParts)
                    }
                }
            }
        }
    }

    /// Copies 16 columns of B so that they are read in one stream; missing columns become zeros.
    private static func pack(
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

    /// A block of C, tile by tile.
    private struct Task {
        let a: Matrix
        let packed: UnsafePointer<Float>
        let panelStride: Int
        let inner: Int
        let c: UnsafeMutablePointer<Float>
        let cRow: Int
        let columns: Int
        let accumulate: Bool
        let scratch: UnsafeMutablePointer<Float>

        func run(rows: Range<Int>, panels: Range<Int>) {
            // Whole tiles go straight into C; what C has not room for goes by way of scratch memory: a last panel that
            // is not whole, and a last row without a partner.
            let whole =
                panels.lowerBound..<max(panels.lowerBound, min(panels.upperBound, columns / MicroKernel.columns))
            let paired = rows.lowerBound..<rows.lowerBound + rows.count / 2 * 2
            MicroKernel.matrix(
                operands(row: paired.lowerBound, panel: whole.lowerBound), rows: paired.count, panels: whole.count,
                into: target(row: paired.lowerBound, panel: whole.lowerBound), row: cRow, accumulate: accumulate)
            for panel in panels {
                if panel >= whole.upperBound {
                    for row in stride(from: paired.lowerBound, to: paired.upperBound, by: MicroKernel.rows) {
                        edge(row: row, rows: min(MicroKernel.rows, paired.upperBound - row), panel: panel)
                    }
                }
                if paired.count < rows.count { edge(row: paired.upperBound, rows: 1, panel: panel) }
            }
        }

        private func operands(row: Int, panel: Int) -> MicroKernel.Operands {
            MicroKernel.Operands(
                a: a.base + row * a.rowStep, aRow: a.rowStep, aStep: a.columnStep, b: packed + panel * panelStride,
                bStep: MicroKernel.columns, bPanel: panelStride, inner: inner, ahead: a.base)
        }

        private func target(row: Int, panel: Int) -> UnsafeMutablePointer<Float> {
            c + (row * cRow + panel * MicroKernel.columns)
        }

        /// A tile at the edge of C, by way of scratch memory.
        private func edge(row: Int, rows: Int, panel: Int) {
            let width = MicroKernel.columns
            let count = min(width, columns - panel * width)
            let target = target(row: row, panel: panel)
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
