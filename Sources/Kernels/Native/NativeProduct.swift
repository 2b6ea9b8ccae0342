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
        // A tile of C at an edge, and the rows of A that C's last tile has.
        let scratch = MicroKernel.rows * (width + Self.innerBlock)
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
            let height = MicroKernel.rows
            let width = MicroKernel.columns
            let last = copyLastRows(rows)
            for panel in panels {
                var row = rows.lowerBound
                while row < rows.upperBound {
                    let count = min(height, rows.upperBound - row)
                    let used = min(width, columns - panel * width)
                    let target = c + (row * cRow + panel * width)
                    var operands = MicroKernel.Operands(
                        a: a.base + row * a.rowStep, aRow: a.rowStep, aStep: a.columnStep,
                        b: packed + panel * panelStride, bStep: width, inner: inner)
                    if count < height, let last { (operands.a, operands.aRow) = (last, inner) }
                    if count == height && used == width {
                        MicroKernel.tile(operands, c: target, cRow: cRow, accumulate: accumulate)
                    } else {
                        edge(operands, target, rows: count, columns: used)
                    }
                    row += height
                }
            }
        }

        /// A copy of the rows of a last tile that is not whole, with zeros for those it has not. Columns of a
        /// transposed matrix can be read beyond its end instead: other rows' elements, of no consequence.
        private func copyLastRows(_ rows: Range<Int>) -> UnsafePointer<Float>? {
            let count = rows.count % MicroKernel.rows
            guard count > 0, !a.transposed else { return nil }
            let copy = scratch + MicroKernel.rows * MicroKernel.columns
            for row in 0..<count {
                (copy + row * inner).update(from: a.base + (rows.upperBound - count + row) * a.rowStep, count: inner)
            }
            (copy + count * inner).update(repeating: 0, count: (MicroKernel.rows - count) * inner)
            return UnsafePointer(copy)
        }

        /// A tile at the edge of C, by way of scratch memory.
        private func edge(
            _ operands: MicroKernel.Operands, _ target: UnsafeMutablePointer<Float>, rows: Int, columns: Int
        ) {
            let width = MicroKernel.columns
            if accumulate {
                for row in 0..<rows { (scratch + row * width).update(from: target + row * cRow, count: columns) }
            }
            MicroKernel.tile(operands, c: scratch, cRow: width, accumulate: accumulate)
            for row in 0..<rows { (target + row * cRow).update(from: scratch + row * width, count: columns) }
        }
    }
}
