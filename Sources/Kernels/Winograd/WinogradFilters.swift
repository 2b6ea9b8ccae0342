/// The filters' side of Winograd's F(4×4, 3×3): G g Gᵀ, and for the gradient its transpose Gᵀ u G.
enum WinogradFilters {
    private static let width = MicroKernel.columns

    /// Floats that `pack` writes.
    static func packedCount(inputs: Int, outputs: Int) -> Int {
        WinogradTransforms.positions * ((outputs + width - 1) / width) * inputs * width
    }

    /// Transforms weights `[3][3][inputs][outputs]` into panels that the forward product reads, some of
    /// `[36][outputs/16][inputs][16]`. Columns beyond the outputs hold anything.
    static func pack(
        _ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, panels: Range<Int>,
        into packed: UnsafeMutablePointer<Float>, team: ThreadTeam
    ) {
        // Enough parts for a team even where a layer is narrow.
        let cuts = max(1, min(8 / panels.count, inputs / 8))
        team.forEach(panels.count * cuts) { _, part in
            let (panel, cut) = part.quotientAndRemainder(dividingBy: cuts)
            for input in inputs * cut / cuts..<inputs * (cut + 1) / cuts {
                transform(
                    weights + (input * outputs + (panels.lowerBound + panel) * width), tap: inputs * outputs,
                    into: packed + (panel * inputs + input) * width, position: panels.count * inputs * width)
            }
        }
    }

    /// Transforms some of the output channels of weights `[3][3][inputs][outputs]` into the panels that the input
    /// gradient's product reads: `[36][inputs/16][channels][16]`. Columns beyond the inputs hold anything.
    static func packTransposed(
        _ weights: UnsafePointer<Float>, inputs: Int, outputs: Int, channels: Range<Int>,
        into packed: UnsafeMutablePointer<Float>, team: ThreadTeam
    ) {
        let panels = (inputs + width - 1) / width
        let position = panels * channels.count * width
        let cuts = (channels.count + width - 1) / width
        team.forEach(panels * cuts) { _, part in
            let (panel, cut) = part.quotientAndRemainder(dividingBy: cuts)
            let first = cut * width
            let rows = min(width, inputs - panel * width)
            let columns = min(width, channels.count - first)
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: 9 * width) { block in
                guard let block = block.baseAddress else { return }
                // 16 inputs × 16 outputs of each tap, turned over where they are in the cache.
                block.initialize(repeating: .zero, count: 9 * width)
                let taps = UnsafeMutableRawPointer(block).assumingMemoryBound(to: Float.self)
                for tap in 0..<9 {
                    let source = (tap * inputs + panel * width) * outputs + channels.lowerBound + first
                    Transpose.matrix(
                        weights + source, row: outputs, rows: rows, columns: columns, into: taps + tap * width * width,
                        row: width)
                }
                for output in 0..<columns {
                    transform(
                        taps + output * width, tap: width * width,
                        into: packed + (panel * channels.count + first + output) * width, position: position)
                }
            }
        }
    }

    /// G g Gᵀ of 16 filters side by side, whose taps are `tap` floats apart, into 36 vectors.
    @inline(__always)
    private static func transform(
        _ g: UnsafePointer<Float>, tap: Int, into packed: UnsafeMutablePointer<Float>, position: Int
    ) {
        withUnsafeTemporaryAllocation(of: Vector.self, capacity: 18) { column in
            guard let column = column.baseAddress else { return }
            var x = 0
            while x < 3 {
                let p = g + x &* tap
                let (o0, o1, o2, o3, o4, o5) = g6(load(p), load(p + 3 &* tap), load(p + 6 &* tap))
                column[x] = o0
                column[x &+ 3] = o1
                column[x &+ 6] = o2
                column[x &+ 9] = o3
                column[x &+ 12] = o4
                column[x &+ 15] = o5
                x &+= 1
            }
            var y = 0
            while y < 6 {
                let (o0, o1, o2, o3, o4, o5) = g6(column[3 &* y], column[3 &* y &+ 1], column[3 &* y &+ 2])
                let p = packed + 6 &* y &* position
                store(p, o0)
                store(p + position, o1)
                store(p + 2 &* position, o2)
                store(p + 3 &* position, o3)
                store(p + 4 &* position, o4)
                store(p + 5 &* position, o5)
                y &+= 1
            }
        }
    }

    /// The gradient of weights `[3][3][inputs][outputs]`, in some panels of the outputs, from that of the transformed
    /// filters.
    ///
    /// - Parameters:
    ///   - transformed: 36 matrices, `position` floats apart, with one row of `row` floats an input.
    static func gradient(
        _ transformed: UnsafePointer<Float>, position: Int, row: Int, inputs: Int, outputs: Int,
        panels: Range<Int>, into weights: UnsafeMutablePointer<Float>, team: ThreadTeam
    ) {
        let tap = inputs &* outputs
        team.forEach(inputs) { _, input in
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: 18) { column in
                guard let column = column.baseAddress else { return }
                for panel in panels {
                    let output = panel &* width
                    let u = transformed + (input &* row &+ (panel &- panels.lowerBound) &* width)
                    var x = 0
                    while x < 6 {
                        let p = u + x &* position
                        let step = 6 &* position
                        let (o0, o1, o2) = g3(
                            load(p), load(p + step), load(p + 2 &* step), load(p + 3 &* step), load(p + 4 &* step),
                            load(p + 5 &* step))
                        column[x] = o0
                        column[x &+ 6] = o1
                        column[x &+ 12] = o2
                        x &+= 1
                    }
                    let count = min(width, outputs &- output)
                    var y = 0
                    while y < 3 {
                        let c = column + 6 &* y
                        let (o0, o1, o2) = g3(c[0], c[1], c[2], c[3], c[4], c[5])
                        let p = weights + (3 &* y &* tap &+ input &* outputs &+ output)
                        put(o0, p, count)
                        put(o1, p + tap, count)
                        put(o2, p + 2 &* tap, count)
                        y &+= 1
                    }
                }
            }
        }
    }

    /// Stores the first `count` elements.
    @inline(__always)
    private static func put(_ vector: Vector, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        if count == width {
            store(target, vector)
        } else {
            for i in 0..<count { target[i] = vector[i] }
        }
    }

    /// G g, one column.
    @inline(__always)
    private static func g6(_ g0: Vector, _ g1: Vector, _ g2: Vector) -> (Vector, Vector, Vector, Vector, Vector, Vector)
    {
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
