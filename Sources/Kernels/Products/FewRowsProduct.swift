/// Products whose A has few rows, as at the bottom of a U-Net with small tiles: the time goes into reading B, the
/// weights, once, and not into multiplying. B is read where it lies; packing it would double the traffic.
struct FewRowsProduct {
    let a: Matrix
    let b: Matrix
    let c: UnsafeMutablePointer<Float>
    let cRow: Int
    let rows: Int
    let columns: Int
    let inner: Int
    let accumulate: Bool

    /// Rows up to which reading B weighs more than multiplying.
    private static let mostRows = 64
    /// Rows of B that are worked on together: their part of C is loaded and stored once for each block.
    private static let block = 64

    /// Whether this product has few rows, in pairs, and whole panels of columns.
    var applies: Bool {
        rows <= Self.mostRows && rows % 2 == 0 && columns % MicroKernel.columns == 0 && inner * columns >= 1 << 16
    }

    func run(team: ThreadTeam, workspace: Workspace) {
        if b.transposed {
            runTransposed(team: team, workspace: workspace)
        } else {
            runInPlace(team: team)
        }
    }

    /// Threads share out the columns; each reads its part of B row by row.
    private func runInPlace(team: ThreadTeam) {
        let panels = columns / MicroKernel.columns
        let parts = min(team.threads, panels)
        team.forEach(parts, moving: 4 * inner * columns) { _, part in
            let own = panels * part / parts..<panels * (part + 1) / parts
            let first = own.lowerBound * MicroKernel.columns
            for start in stride(from: 0, to: inner, by: Self.block) {
                let next = start + Self.block
                let left = a.from(column: start)
                let right = b.from(row: start, column: first)
                let operands = MicroKernel.Operands(
                    a: left.base, aRow: left.rowStep, aStep: left.columnStep, b: right.base, bStep: b.rowStride,
                    bPanel: MicroKernel.columns, inner: min(Self.block, inner - start),
                    ahead: b.from(row: min(next, inner - 1), column: parts > 1 ? first : 0).base,
                    aheadCount: max(0, min(Self.block, inner - next)) * b.rowStride / parts)
                MicroKernel.matrix(
                    operands, rows: rows, panels: own.count, into: c + first, row: cRow,
                    accumulate: accumulate || start > 0)
            }
        }
    }

    /// Computes Cᵀ = Bᵀ·Aᵀ: B's columns lie in memory as rows, and A's few rows are packed as panels.
    private func runTransposed(team: ThreadTeam, workspace: Workspace) {
        let width = MicroKernel.columns
        let panels = (rows + width - 1) / width
        let targetRow = panels * width
        let parts = min(8 * team.threads, columns / width)
        workspace.lend(panels * width * inner + columns * targetRow) { packed in
            let result = packed + panels * width * inner
            for panel in 0..<panels {
                NativeProduct.pack(
                    a.turned.from(column: panel * width), columns: min(width, rows - panel * width), inner: inner,
                    into: packed + panel * width * inner)
            }
            team.forEach(parts, moving: 4 * inner * columns) { _, part in
                let own = columns / 2 * part / parts * 2..<columns / 2 * (part + 1) / parts * 2
                let operands = MicroKernel.Operands(
                    a: b.base + own.lowerBound * b.rowStride, aRow: b.rowStride, aStep: 1, b: packed, bStep: width,
                    bPanel: width * inner, inner: inner,
                    ahead: b.base + (own.lowerBound + MicroKernel.rows) * b.rowStride,
                    aheadCount: max(0, own.count - MicroKernel.rows) * b.rowStride)
                let target = result + own.lowerBound * targetRow
                if accumulate {
                    Transpose.matrix(
                        c + own.lowerBound, row: cRow, rows: rows, columns: own.count, into: target, row: targetRow)
                }
                MicroKernel.matrix(
                    operands, rows: own.count, panels: panels, into: target, row: targetRow, accumulate: accumulate)
                Transpose.matrix(
                    target, row: targetRow, rows: own.count, columns: rows, into: c + own.lowerBound, row: cRow)
            }
        }
    }
}
