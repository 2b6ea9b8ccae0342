internal import CTarget

/// The filters' side of Winograd's F(4×4, 3×3): G g Gᵀ, and for the gradient its transpose Gᵀ u G.
///
/// Transformed filters are 36 matrices in panels of 16 columns, as the products read them.
///
/// The transforms of a layer's weights are never inlined, for the same reason as `WinogradTransforms`.
struct WinogradFilters {
    private static let width = MicroKernel.columns

    let base: UnsafeMutablePointer<Float>
    /// Columns, in panels, and rows of a panel.
    let panels: Int
    let inner: Int

    /// Floats from one matrix to the next; a cache line more than it needs, as in `WinogradMatrices`.
    var position: Int { panels &* panel &+ 16 }
    /// Floats from one panel to the next.
    var panel: Int { inner &* Self.width }

    /// Floats of 36 matrices.
    static func count(panels: Int, inner: Int) -> Int {
        WinogradMatrices.positions * (panels * inner * width + 16)
    }

    /// The tiles of `a` times these filters, for all positions.
    ///
    /// - Parameters:
    ///   - ahead: what to prefetch meanwhile; nil for the next position's tiles.
    func multiply(_ a: WinogradMatrices, rows: Int, into c: WinogradMatrices, ahead schedule: PrefetchSchedule? = nil) {
        for p in 0..<WinogradMatrices.positions {
            let ahead = schedule.map { $0[position: p] } ?? a.ahead(of: p, rows: rows)
            let operands = MicroKernel.Operands(
                a: a[position: p], aRow: a.row, aStep: 1, b: base + p &* position, bStep: Self.width, bPanel: panel,
                inner: inner, ahead: ahead?.base ?? UnsafePointer(base), aheadCount: ahead?.count ?? 0)
            MicroKernel.matrix(
                operands, rows: rows, panels: panels, into: c[position: p], row: c.row, accumulate: false)
        }
    }

    /// Transforms weights `[3][3][inputs][outputs]`, from output panel `first` on: rows are inputs, columns outputs.
    /// Columns beyond the outputs hold anything.
    @inline(never)
    func pack(_ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, first: Int, team: ThreadTeam) {
        // Enough parts for a team even where a layer is narrow.
        let cuts = max(1, min(8, inputs / 8))
        team.forEach(cuts) { _, cut in
            for input in inputs * cut / cuts..<inputs * (cut + 1) / cuts {
                for panel in 0..<panels {
                    transform(
                        weights + (input &* outputs &+ (first &+ panel) &* Self.width), tap: inputs &* outputs,
                        ahead: 2 &* outputs, panel: panel, row: input)
                }
            }
        }
    }

    /// Transforms weights `[3][3][inputs][outputs]`, from input panel `first` on: rows are outputs, columns inputs.
    /// Columns beyond the inputs hold anything.
    @inline(never)
    func packTransposed(_ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, first: Int, team: ThreadTeam) {
        let width = Self.width
        let cuts = (outputs + width - 1) / width
        team.forEach(cuts) { _, cut in
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: 9 * width) { block in
                guard let block = block.baseAddress else { return }
                // 16 inputs × 16 outputs of each tap, turned over where they are in the cache.
                block.initialize(repeating: .zero, count: 9 * width)
                let taps = UnsafeMutableRawPointer(block).assumingMemoryBound(to: Float.self)
                let columns = min(width, outputs - cut * width)
                for panel in 0..<panels {
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
                            taps + output * width, tap: width * width, ahead: 0, panel: panel, row: cut * width + output
                        )
                    }
                }
            }
        }
    }

    private typealias Six = (Vector, Vector, Vector, Vector, Vector, Vector)

    /// G g Gᵀ of 16 filters side by side, whose taps are `tap` floats apart, into one row of a panel; those that follow
    /// `ahead` floats later are prefetched.
    @inline(__always)
    private func transform(_ g: UnsafePointer<Float>, tap: Int, ahead: Int, panel index: Int, row: Int) {
        if ahead > 0 { Self.prefetch(g + ahead, step: tap, count: 9) }
        let a = Self.g6(load(g), load(g + 3 &* tap), load(g + 6 &* tap))
        let b = Self.g6(load(g + tap), load(g + 4 &* tap), load(g + 7 &* tap))
        let c = Self.g6(load(g + 2 &* tap), load(g + 5 &* tap), load(g + 8 &* tap))
        let p = base + (index &* panel &+ row &* Self.width)
        let step = 6 &* position
        put(Self.g6(a.0, b.0, c.0), p)
        put(Self.g6(a.1, b.1, c.1), p + step)
        put(Self.g6(a.2, b.2, c.2), p + 2 &* step)
        put(Self.g6(a.3, b.3, c.3), p + 3 &* step)
        put(Self.g6(a.4, b.4, c.4), p + 4 &* step)
        put(Self.g6(a.5, b.5, c.5), p + 5 &* step)
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

    /// Six positions of one row.
    @inline(__always)
    private func put(_ v: Six, _ p: UnsafeMutablePointer<Float>) {
        let position = position
        store(p, v.0)
        store(p + position, v.1)
        store(p + 2 &* position, v.2)
        store(p + 3 &* position, v.3)
        store(p + 4 &* position, v.4)
        store(p + 5 &* position, v.5)
    }

    /// The gradient of weights `[3][3][inputs][outputs]`, from output panel `first` on, from that of the transformed
    /// filters.
    ///
    /// - Parameters:
    ///   - transformed: the gradient by the transformed filters, with a row for each input.
    ///   - terms, distance: how many such gradients are added, in order, and the floats from one to the next.
    @inline(never)
    static func gradient(
        _ transformed: WinogradMatrices, terms: Int = 1, distance: Int = 0, inputs: Int, outputs: Int, first: Int,
        panels: Int, into weights: UnsafeMutablePointer<Float>, team: ThreadTeam
    ) {
        let cuts = max(1, min(32, inputs / 8))
        team.forEach(cuts) { _, cut in
            for input in inputs * cut / cuts..<inputs * (cut + 1) / cuts {
                for panel in 0..<panels {
                    let output = (first &+ panel) &* width
                    let u = transformed.base + (input &* transformed.row &+ panel &* width)
                    prefetch(u + transformed.row, step: transformed.position, count: WinogradMatrices.positions)
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
        let a = column(u, position, terms, distance)
        let b = column(u + position, position, terms, distance)
        let c = column(u + 2 &* position, position, terms, distance)
        let d = column(u + 3 &* position, position, terms, distance)
        let e = column(u + 4 &* position, position, terms, distance)
        let f = column(u + 5 &* position, position, terms, distance)
        put(g3(a.0, b.0, c.0, d.0, e.0, f.0), weights, tap: tap, count)
        put(g3(a.1, b.1, c.1, d.1, e.1, f.1), weights + 3 &* tap, tap: tap, count)
        put(g3(a.2, b.2, c.2, d.2, e.2, f.2), weights + 6 &* tap, tap: tap, count)
    }

    /// Gᵀ of one column of u.
    @inline(__always)
    private static func column(
        _ u: UnsafePointer<Float>, _ position: Int, _ terms: Int, _ distance: Int
    ) -> (Vector, Vector, Vector) {
        let row = 6 &* position
        return g3(
            sum(u, terms, distance), sum(u + row, terms, distance), sum(u + 2 &* row, terms, distance),
            sum(u + 3 &* row, terms, distance), sum(u + 4 &* row, terms, distance), sum(u + 5 &* row, terms, distance))
    }

    @inline(__always)
    private static func sum(_ u: UnsafePointer<Float>, _ terms: Int, _ distance: Int) -> Vector {
        var sum = load(u)
        var n = 1
        while n < terms {
            sum += load(u + n &* distance)
            n &+= 1
        }
        return sum
    }

    /// Stores the first `count` elements of three taps.
    @inline(__always)
    private static func put(
        _ v: (Vector, Vector, Vector), _ target: UnsafeMutablePointer<Float>, tap: Int, _ count: Int
    ) {
        if count == width {
            store(target, v.0)
            store(target + tap, v.1)
            store(target + 2 &* tap, v.2)
        } else {
            for i in 0..<count {
                target[i] = v.0[i]
                target[tap &+ i] = v.1[i]
                target[2 &* tap &+ i] = v.2[i]
            }
        }
    }

    /// G g, one column.
    @inline(__always)
    private static func g6(_ g0: Vector, _ g1: Vector, _ g2: Vector) -> Six {
        let sixth = Vector(repeating: -1 / 6)
        let twelfth = Vector(repeating: 1 / 12)
        let sum = g0 + g2
        let far = (g0 * 0.25 + g2) * Vector(repeating: 1 / 6)
        let near = twelfth * g1
        return (g0 * 0.25, sixth * (sum + g1), sixth * (sum - g1), far + near, far - near, g2)
    }

    /// Gᵀ u, one column: the transpose of `g6`.
    @inline(__always)
    private static func g3(
        _ u0: Vector, _ u1: Vector, _ u2: Vector, _ u3: Vector, _ u4: Vector, _ u5: Vector
    ) -> (Vector, Vector, Vector) {
        let sixth = Vector(repeating: 1 / 6)
        let near = u1 + u2
        let far = u3 + u4
        return (
            0.25 * u0 + sixth * (0.25 * far - near), sixth * (u2 - u1) + Vector(repeating: 1 / 12) * (u3 - u4),
            sixth * (far - near) + u5
        )
    }
}
