/// The one-dimensional transforms of Winograd's F(m, 3) for one set of points p (Lavin and Gray 2016): Bᵀ of a tile's
/// inputs, Aᵀ to its outputs, G of the filters, and their transposes for the backward pass. In two dimensions they come one
/// after the other, down and across.
///
/// The points are 0, pairs ±p whose even and odd parts are computed once for both, and ∞. Of points with their reciprocals
/// the polynomial Π(x² − p²) begins and ends in ±1, which saves multiplications.
protocol WinogradPoints {
    /// A tile's column of m + 2 values in the registers of its channels, and one of m outputs.
    associatedtype Tile: Column<Lanes>
    associatedtype Outputs: Column<Lanes>
    /// A column of a transformed filter.
    associatedtype Filter: Column<Vector>

    static var size: WinogradSize { get }

    /// Bᵀ d.
    static func bt(_ d: Tile) -> Tile
    /// B v, the transpose of `bt`.
    static func b(_ v: Tile) -> Tile
    /// Aᵀ m.
    static func at(_ m: Tile) -> Outputs
    /// A y, the transpose of `at`.
    static func a(_ y: Outputs) -> Tile
    /// G g.
    static func g(_ g: InlineArray<3, Vector>) -> Filter
    /// Gᵀ u, the transpose of `g`.
    static func gt(_ u: Filter) -> InlineArray<3, Vector>
}

/// w + factor·v, rounded once.
@inline(__always)
private func times<V: SIMD>(_ factor: Float, _ v: V, plus w: V) -> V where V.Scalar == Float {
    w.addingProduct(V(repeating: factor), v)
}

/// F(4, 3) at 0, ±5/8, ±8/5, ∞: half the rounding error of the usual 0, ±1, ±2, ∞ for as many operations.
enum FourPoints: WinogradPoints {
    typealias Tile = InlineArray<6, Lanes>
    typealias Outputs = InlineArray<4, Lanes>
    typealias Filter = InlineArray<6, Vector>

    static var size: WinogradSize { .four }

    // The points p and q, p·q = 1, and their powers. Computed properties are constants to the compiler.
    private static var p: Float { 0.625 }
    private static var q: Float { 1.6 }
    private static var pp: Float { 0.390625 }
    private static var qq: Float { 2.56 }
    private static var ppp: Float { 0.244140625 }
    private static var qqq: Float { 4.096 }
    /// p² + q².
    private static var squares: Float { 2.950625 }

    @inline(__always)
    static func bt(_ d: Tile) -> Tile {
        let evenP = times(-qq, d[2], plus: d[4])
        let oddP = times(-qq, d[1], plus: d[3])
        let evenQ = times(-pp, d[2], plus: d[4])
        let oddQ = times(-pp, d[1], plus: d[3])
        return [
            times(-squares, d[2], plus: d[0] + d[4]), times(p, oddP, plus: evenP), times(-p, oddP, plus: evenP),
            times(q, oddQ, plus: evenQ), times(-q, oddQ, plus: evenQ), times(-squares, d[3], plus: d[1] + d[5]),
        ]
    }

    @inline(__always)
    static func b(_ v: Tile) -> Tile {
        let (sumP, differenceP) = (v[1] + v[2], v[1] - v[2])
        let (sumQ, differenceQ) = (v[3] + v[4], v[3] - v[4])
        return [
            v[0], times(-q, differenceP, plus: times(-p, differenceQ, plus: v[5])),
            times(-squares, v[0], plus: times(-qq, sumP, plus: Lanes(repeating: -pp) * sumQ)),
            times(-squares, v[5], plus: times(p, differenceP, plus: Lanes(repeating: q) * differenceQ)),
            v[0] + sumP + sumQ, v[5],
        ]
    }

    @inline(__always)
    static func at(_ m: Tile) -> Outputs {
        let (sumP, differenceP) = (m[1] + m[2], m[1] - m[2])
        let (sumQ, differenceQ) = (m[3] + m[4], m[3] - m[4])
        return [
            m[0] + sumP + sumQ, times(p, differenceP, plus: Lanes(repeating: q) * differenceQ),
            times(pp, sumP, plus: Lanes(repeating: qq) * sumQ),
            times(ppp, differenceP, plus: times(qqq, differenceQ, plus: m[5])),
        ]
    }

    @inline(__always)
    static func a(_ y: Outputs) -> Tile {
        let evenP = times(pp, y[2], plus: y[0])
        let oddP = times(pp, y[3], plus: y[1])
        let evenQ = times(qq, y[2], plus: y[0])
        let oddQ = times(qq, y[3], plus: y[1])
        return [
            y[0], times(p, oddP, plus: evenP), times(-p, oddP, plus: evenP), times(q, oddQ, plus: evenQ),
            times(-q, oddQ, plus: evenQ), y[3],
        ]
    }

    // 1, p and p² over Π(p − r) of all other points r, which is 2p²(p² − q²); the same for q.
    private static var g0p: Float { -0.5900316911552866 }
    private static var g1p: Float { -0.36876980697205414 }
    private static var g2p: Float { -0.23048112935753384 }
    private static var g0q: Float { 0.09003169115528666 }
    private static var g1q: Float { 0.14405070584845867 }
    private static var g2q: Float { 0.23048112935753384 }

    @inline(__always)
    static func g(_ g: InlineArray<3, Vector>) -> Filter {
        let evenP = times(g0p, g[0], plus: Vector(repeating: g2p) * g[2])
        let evenQ = times(g0q, g[0], plus: Vector(repeating: g2q) * g[2])
        return [
            g[0], times(g1p, g[1], plus: evenP), times(-g1p, g[1], plus: evenP), times(g1q, g[1], plus: evenQ),
            times(-g1q, g[1], plus: evenQ), g[2],
        ]
    }

    @inline(__always)
    static func gt(_ u: Filter) -> InlineArray<3, Vector> {
        let (sumP, differenceP) = (u[1] + u[2], u[1] - u[2])
        let (sumQ, differenceQ) = (u[3] + u[4], u[3] - u[4])
        return [
            times(g0p, sumP, plus: times(g0q, sumQ, plus: u[0])),
            times(g1p, differenceP, plus: Vector(repeating: g1q) * differenceQ),
            times(g2p, sumP, plus: times(g2q, sumQ, plus: u[5])),
        ]
    }
}

/// F(6, 3) at 0, ±1, ±2, ±1/2, ∞.
enum SixPoints: WinogradPoints {
    typealias Tile = InlineArray<8, Lanes>
    typealias Outputs = InlineArray<6, Lanes>
    typealias Filter = InlineArray<8, Vector>

    static var size: WinogradSize { .six }

    @inline(__always)
    static func bt(_ d: Tile) -> Tile {
        // For each point the polynomial of the two other pairs: y² − 4.25 y + 1, y² − 1.25 y + 0.25, y² − 5 y + 4.
        let even1 = times(-4.25, d[4], plus: d[2] + d[6])
        let odd1 = times(-4.25, d[3], plus: d[1] + d[5])
        let even2 = times(0.25, d[2], plus: times(-1.25, d[4], plus: d[6]))
        let odd2 = times(0.25, d[1], plus: times(-1.25, d[3], plus: d[5]))
        let evenHalf = times(4, d[2], plus: times(-5, d[4], plus: d[6]))
        let oddHalf = times(4, d[1], plus: times(-5, d[3], plus: d[5]))
        return [
            times(5.25, d[4] - d[2], plus: d[0] - d[6]), even1 + odd1, even1 - odd1, times(2, odd2, plus: even2),
            times(-2, odd2, plus: even2), times(0.5, oddHalf, plus: evenHalf), times(-0.5, oddHalf, plus: evenHalf),
            times(5.25, d[3] - d[5], plus: d[7] - d[1]),
        ]
    }

    @inline(__always)
    static func b(_ v: Tile) -> Tile {
        let (sum1, difference1) = (v[1] + v[2], v[1] - v[2])
        let (sum2, difference2) = (v[3] + v[4], v[3] - v[4])
        let (sumHalf, differenceHalf) = (v[5] + v[6], v[5] - v[6])
        return [
            v[0], times(0.5, difference2, plus: times(2, differenceHalf, plus: difference1 - v[7])),
            times(-5.25, v[0], plus: times(0.25, sum2, plus: times(4, sumHalf, plus: sum1))),
            times(
                5.25, v[7], plus: times(-2.5, difference2 + differenceHalf, plus: Lanes(repeating: -4.25) * difference1)
            ),
            times(5.25, v[0], plus: times(-1.25, sum2, plus: times(-5, sumHalf, plus: Lanes(repeating: -4.25) * sum1))),
            times(-5.25, v[7], plus: times(2, difference2, plus: times(0.5, differenceHalf, plus: difference1))),
            sum1 + sum2 + sumHalf - v[0], v[7],
        ]
    }

    @inline(__always)
    static func at(_ m: Tile) -> Outputs {
        let (sum1, difference1) = (m[1] + m[2], m[1] - m[2])
        let (sum2, difference2) = (m[3] + m[4], m[3] - m[4])
        let (sumHalf, differenceHalf) = (m[5] + m[6], m[5] - m[6])
        return [
            m[0] + sum1 + sum2 + sumHalf, times(2, difference2, plus: times(0.5, differenceHalf, plus: difference1)),
            times(4, sum2, plus: times(0.25, sumHalf, plus: sum1)),
            times(8, difference2, plus: times(0.125, differenceHalf, plus: difference1)),
            times(16, sum2, plus: times(0.0625, sumHalf, plus: sum1)),
            times(32, difference2, plus: times(0.03125, differenceHalf, plus: difference1 + m[7])),
        ]
    }

    @inline(__always)
    static func a(_ y: Outputs) -> Tile {
        let (even1, odd1) = (y[0] + y[2] + y[4], y[1] + y[3] + y[5])
        let even2 = times(16, y[4], plus: times(4, y[2], plus: y[0]))
        let odd2 = times(16, y[5], plus: times(4, y[3], plus: y[1]))
        let evenHalf = times(0.0625, y[4], plus: times(0.25, y[2], plus: y[0]))
        let oddHalf = times(0.0625, y[5], plus: times(0.25, y[3], plus: y[1]))
        return [
            y[0], even1 + odd1, even1 - odd1, times(2, odd2, plus: even2), times(-2, odd2, plus: even2),
            times(0.5, oddHalf, plus: evenHalf), times(-0.5, oddHalf, plus: evenHalf), y[5],
        ]
    }

    // 1, p and p² over Π(p − r) of all other points r: −2/9 of each for 1; 1, 2 and 4 ninetieths for 2; 32, 16 and 8
    // forty-fifths for 1/2.
    private static var ninth: Float { -2.0 / 9 }
    private static var ninetieth: Float { 1.0 / 90 }
    private static var fortyFifth: Float { 8.0 / 45 }

    @inline(__always)
    static func g(_ g: InlineArray<3, Vector>) -> Filter {
        let even1 = Vector(repeating: ninth) * (g[0] + g[2])
        let even2 = Vector(repeating: ninetieth) * times(4, g[2], plus: g[0])
        let evenHalf = Vector(repeating: fortyFifth) * times(4, g[0], plus: g[2])
        return [
            g[0], times(ninth, g[1], plus: even1), times(-ninth, g[1], plus: even1),
            times(2 * ninetieth, g[1], plus: even2), times(-2 * ninetieth, g[1], plus: even2),
            times(2 * fortyFifth, g[1], plus: evenHalf), times(-2 * fortyFifth, g[1], plus: evenHalf), g[2],
        ]
    }

    @inline(__always)
    static func gt(_ u: Filter) -> InlineArray<3, Vector> {
        let (sum1, difference1) = (u[1] + u[2], u[1] - u[2])
        let (sum2, difference2) = (u[3] + u[4], u[3] - u[4])
        let (sumHalf, differenceHalf) = (u[5] + u[6], u[5] - u[6])
        return [
            times(ninth, sum1, plus: times(ninetieth, sum2, plus: times(4 * fortyFifth, sumHalf, plus: u[0]))),
            times(
                ninth, difference1,
                plus: times(2 * ninetieth, difference2, plus: Vector(repeating: 2 * fortyFifth) * differenceHalf)),
            times(ninth, sum1, plus: times(4 * ninetieth, sum2, plus: times(fortyFifth, sumHalf, plus: u[7]))),
        ]
    }
}
