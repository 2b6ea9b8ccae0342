internal import CTarget

/// The filters' side of Winograd's F(m×m, 3×3): G g Gᵀ, and for the gradient its transpose Gᵀ u G.
///
/// Transformed filters are matrices, one for each position in a tile, in panels of 16 columns, as the products read them.
///
/// The transforms of a layer's weights are never inlined, for the same reason as `WinogradTransforms`.
struct WinogradFilters<Points: WinogradPoints> {
    private static var width: Int { MicroKernel.columns }
    private static var positions: Int { Points.size.positions }

    /// The first position's; where some rows of positions alone are there, what is before them is not.
    let base: UnsafeMutablePointer<Float>
    /// Columns, in panels, and rows of a panel.
    let panels: Int
    let inner: Int

    /// - Parameters:
    ///   - base: memory of `count` floats.
    ///   - firstPosition: the first that it holds.
    init(base: UnsafeMutablePointer<Float>, panels: Int, inner: Int, firstPosition: Int = 0) {
        self.panels = panels
        self.inner = inner
        self.base = base - firstPosition * Self.distance(panels: panels, inner: inner)
    }

    /// Floats from one matrix to the next; a cache line more than it needs, as in `WinogradMatrices`.
    var position: Int { Self.distance(panels: panels, inner: inner) }
    /// Floats from one panel to the next.
    var panel: Int { inner &* Self.width }

    private static func distance(panels: Int, inner: Int) -> Int { panels &* inner &* width &+ 16 }

    /// Floats of the matrices of so many rows of positions.
    static func count(panels: Int, inner: Int, positionRows: Int = Points.size.side) -> Int {
        positionRows * Points.size.side * distance(panels: panels, inner: inner)
    }

    /// Some tiles of `a` times these filters, for all positions.
    ///
    /// - Parameters:
    ///   - rows: the tiles, by their rows in `a`; those of `c` begin with the first of them.
    ///   - ahead: what to prefetch meanwhile; nil for the next position's tiles.
    func multiply(
        _ a: WinogradMatrices, rows: Range<Int>, into c: WinogradMatrices, ahead schedule: PrefetchSchedule? = nil
    ) {
        for p in 0..<Self.positions {
            let ahead = schedule.map { $0[position: p] } ?? a.ahead(of: p, rows: rows.count)
            multiply(
                a[position: p] + rows.lowerBound &* a.row, a.row, p, rows: rows.count, into: c[position: p], c.row,
                ahead)
        }
    }

    /// Some tiles of `a` times the filters of one position, into the same rows of `c`. Rows are computed in pairs: a piece begins at
    /// an even one.
    func multiply(
        _ a: WinogradMatrices, position p: Int, rows: Range<Int>, into c: WinogradMatrices,
        ahead: (base: UnsafePointer<Float>, count: Int)?
    ) {
        multiply(
            a[position: p] + rows.lowerBound &* a.row, a.row, p, rows: rows.count,
            into: c[position: p] + rows.lowerBound &* c.row, c.row, ahead)
    }

    private func multiply(
        _ a: UnsafePointer<Float>, _ aRow: Int, _ p: Int, rows: Int, into c: UnsafeMutablePointer<Float>, _ cRow: Int,
        _ ahead: (base: UnsafePointer<Float>, count: Int)?
    ) {
        let operands = MicroKernel.Operands(
            a: a, aRow: aRow, aStep: 1, b: base + p &* position, bStep: Self.width, bPanel: panel, inner: inner,
            ahead: ahead?.base ?? UnsafePointer(base), aheadCount: ahead?.count ?? 0)
        MicroKernel.matrix(operands, rows: rows, panels: panels, into: c, row: cRow, accumulate: false)
    }

    /// Transforms weights `[3][3][inputs][outputs]`, from output panel `first` on: rows are inputs, columns outputs.
    /// Columns beyond the outputs hold anything.
    @inline(never)
    func pack(
        _ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, first: Int, only rows: PositionRows = .all,
        team: ThreadTeam
    ) {
        let cuts = team.cuts(of: inputs)
        team.forEach(cuts, moving: 4 * 9 * inputs * outputs) { _, cut in
            for input in inputs * cut / cuts..<inputs * (cut + 1) / cuts {
                for panel in 0..<panels {
                    transform(
                        weights + (input &* outputs &+ (first &+ panel) &* Self.width), tap: inputs &* outputs,
                        ahead: 2 &* outputs, panel: panel, row: input, only: rows)
                }
            }
        }
    }

    /// Transforms weights `[3][3][inputs][outputs]`, from input panel `first` on: rows are outputs, columns inputs.
    /// Columns beyond the inputs hold anything.
    @inline(never)
    func packTransposed(
        _ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, first: Int, only positions: PositionRows = .all,
        team: ThreadTeam
    ) {
        let width = Self.width
        let cuts = (outputs + width - 1) / width
        // Panel after panel of the outputs that a cut holds, and, where threads are many, panels apart.
        let parts = team.cuts(of: panels)
        team.forEach(cuts * parts, moving: 4 * 9 * inputs * outputs) { _, index in
            let (cut, part) = index.quotientAndRemainder(dividingBy: parts)
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: 9 * width) { block in
                guard let block = block.baseAddress else { return }
                // 16 inputs × 16 outputs of each tap, turned over where they are in the cache.
                block.initialize(repeating: .zero, count: 9 * width)
                let taps = UnsafeMutableRawPointer(block).assumingMemoryBound(to: Float.self)
                let columns = min(width, outputs - cut * width)
                for panel in panels * part / parts..<panels * (part + 1) / parts {
                    let rows = min(width, inputs - (first + panel) * width)
                    for tap in 0..<9 {
                        let source = (tap * inputs + (first + panel) * width) * outputs + cut * width
                        Self.prefetch(weights + (source + width), step: outputs, count: rows)
                        Transpose.matrix(
                            weights + source, row: outputs, rows: rows, columns: columns,
                            into: taps + tap * width * width, row: width)
                    }
                    for output in 0..<columns {
                        transform(
                            taps + output * width, tap: width * width, ahead: 0, panel: panel,
                            row: cut * width + output,
                            only: positions)
                    }
                }
            }
        }
    }

    /// G g Gᵀ of 16 filters side by side, whose taps are `tap` floats apart, into one row of a panel; those that follow
    /// `ahead` floats later are prefetched.
    @inline(__always)
    private func transform(
        _ g: UnsafePointer<Float>, tap: Int, ahead: Int, panel index: Int, row: Int, only rows: PositionRows
    ) {
        if ahead > 0 { Self.prefetch(g + ahead, step: tap, count: 9) }
        let left = Points.g(InlineArray(g, step: 3 &* tap))
        let middle = Points.g(InlineArray(g + tap, step: 3 &* tap))
        let right = Points.g(InlineArray(g + 2 &* tap, step: 3 &* tap))
        let p = base + (index &* panel &+ row &* Self.width)
        // Written out: only what the compiler unrolls stays in registers.
        if rows.contains(0) { putRow(0, left, middle, right, p) }
        if rows.contains(1) { putRow(1, left, middle, right, p) }
        if rows.contains(2) { putRow(2, left, middle, right, p) }
        if rows.contains(3) { putRow(3, left, middle, right, p) }
        if rows.contains(4) { putRow(4, left, middle, right, p) }
        if rows.contains(5) { putRow(5, left, middle, right, p) }
        if Points.size.side == 8 {
            if rows.contains(6) { putRow(6, left, middle, right, p) }
            if rows.contains(7) { putRow(7, left, middle, right, p) }
        }
    }

    /// Rows of positions in a tile.
    struct PositionRows {
        static var all: Self { Self(bits: ~0) }

        private let bits: UInt

        private init(bits: UInt) { self.bits = bits }

        init(_ rows: Range<Int>) { bits = (1 << UInt(rows.count) - 1) << UInt(rows.lowerBound) }

        @inline(__always)
        func contains(_ row: UInt) -> Bool { bits >> row & 1 != 0 }
    }

    /// One row of positions.
    @inline(__always)
    private func putRow(
        _ y: Int, _ left: Points.Filter, _ middle: Points.Filter, _ right: Points.Filter,
        _ p: UnsafeMutablePointer<Float>
    ) {
        Points.g([left.at(y), middle.at(y), right.at(y)])
            .store(p + Points.size.side &* y &* position, step: position)
    }

    /// Prefetches lines that lie so far apart that no processor guesses them.
    @inline(__always)
    private static func prefetch(_ first: UnsafePointer<Float>, step: Int, count: Int) {
        var p = first
        var n = count
        while n > 0 {
            lockstep_prefetch(p)
            p += step
            n &-= 1
        }
    }

    /// The gradient of weights `[3][3][inputs][outputs]`, from output panel `first` on, from that of the transformed
    /// filters.
    ///
    /// - Parameters:
    ///   - transformed: the gradient by the transformed filters, with a row for each of some inputs.
    ///   - range, inputs: these inputs, and the number of all.
    ///   - terms, distance: how many such gradients are added, in order, and the floats from one to the next.
    @inline(never)
    static func gradient(
        _ transformed: WinogradMatrices, terms: Int = 1, distance: Int = 0, inputs range: Range<Int>, of inputs: Int,
        outputs: Int, first: Int, panels: Int, into weights: UnsafeMutablePointer<Float>, team: ThreadTeam
    ) {
        let cuts = team.cuts(of: range.count)
        team.forEach(cuts, moving: 4 * 9 * range.count * outputs) { _, cut in
            for row in range.count * cut / cuts..<range.count * (cut + 1) / cuts {
                let input = range.lowerBound &+ row
                for panel in 0..<panels {
                    let output = (first &+ panel) &* width
                    let u = transformed.base + (row &* transformed.row &+ panel &* width)
                    prefetch(u + transformed.row, step: transformed.position, count: Self.positions)
                    gradient(
                        u,
                        position: transformed.position, terms: terms, distance: distance,
                        into: weights + (input &* outputs &+ output), tap: inputs &* outputs,
                        count: min(width, outputs &- output))
                }
            }
        }
    }

    /// Gᵀ u G of 16 filters side by side, of which `count` are wanted.
    @inline(__always)
    private static func gradient(
        _ u: UnsafePointer<Float>, position: Int, terms: Int, distance: Int,
        into weights: UnsafeMutablePointer<Float>, tap: Int, count: Int
    ) {
        var rows = (
            Points.Filter(repeating: .zero), Points.Filter(repeating: .zero), Points.Filter(repeating: .zero)
        )
        // Written out: only what the compiler unrolls stays in registers.
        addColumn(0, u, position, terms, distance, &rows)
        addColumn(1, u, position, terms, distance, &rows)
        addColumn(2, u, position, terms, distance, &rows)
        addColumn(3, u, position, terms, distance, &rows)
        addColumn(4, u, position, terms, distance, &rows)
        addColumn(5, u, position, terms, distance, &rows)
        if Points.size.side == 8 {
            addColumn(6, u, position, terms, distance, &rows)
            addColumn(7, u, position, terms, distance, &rows)
        }
        put(Points.gt(rows.0), weights, tap: tap, count)
        put(Points.gt(rows.1), weights + 3 &* tap, tap: tap, count)
        put(Points.gt(rows.2), weights + 6 &* tap, tap: tap, count)
    }

    /// Gᵀ of one column of u, the sum of all terms.
    @inline(__always)
    private static func addColumn(
        _ x: Int, _ u: UnsafePointer<Float>, _ position: Int, _ terms: Int, _ distance: Int,
        _ rows: inout (Points.Filter, Points.Filter, Points.Filter)
    ) {
        let side = Points.size.side
        var column = Points.Filter(u + x &* position, step: side &* position)
        var n = 1
        while n < terms {
            column.add(u + (n &* distance &+ x &* position), step: side &* position, length: side)
            n &+= 1
        }
        let taps = Points.gt(column)
        rows.0.set(x, taps[0])
        rows.1.set(x, taps[1])
        rows.2.set(x, taps[2])
    }

    /// Stores the first `count` elements of three taps.
    @inline(__always)
    private static func put(
        _ v: InlineArray<3, Vector>, _ target: UnsafeMutablePointer<Float>, tap: Int, _ count: Int
    ) {
        if count == width {
            v.store(target, step: tap)
        } else {
            for i in 0..<count {
                target[i] = v[0][i]
                target[tap &+ i] = v[1][i]
                target[2 &* tap &+ i] = v[2][i]
            }
        }
    }
}
