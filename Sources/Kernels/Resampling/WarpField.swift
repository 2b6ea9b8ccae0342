/// The coordinates in an image of a tile's pixels: an affine transformation about a point, after an elastic deformation.
public struct Warp: Sendable {
    /// Displacements on a coarse grid of `nodes`×`nodes` that spans the tile, in pixels, row by row; between the nodes
    /// bicubic (Ronneberger et al. 2015, section 3.1).
    public struct Elastic: Sendable {
        public let nodes: Int
        public let down: [Float]
        public let right: [Float]

        public init(nodes: Int, down: [Float], right: [Float]) {
            precondition(nodes >= 2 && down.count == nodes * nodes && right.count == nodes * nodes, "\(nodes) nodes")
            self.nodes = nodes
            self.down = down
            self.right = right
        }
    }

    /// The point of the tile that the affine transformation leaves in place, row and column; pixels' centres are whole numbers.
    public var pivot: SIMD2<Float>
    /// Where that point lies in the image.
    public var source: SIMD2<Float>
    /// Image rows and columns, in this order, for one row of the tile further down.
    public var downStep: SIMD2<Float>
    /// For one column of the tile further right.
    public var rightStep: SIMD2<Float>
    public var elastic: Elastic?

    public init(
        pivot: SIMD2<Float>, source: SIMD2<Float>, downStep: SIMD2<Float> = [1, 0], rightStep: SIMD2<Float> = [0, 1],
        elastic: Elastic? = nil
    ) {
        self.pivot = pivot
        self.source = source
        self.downStep = downStep
        self.rightStep = rightStep
        self.elastic = elastic
    }
}

/// The coordinates of each pixel of a tile in the image; image, labels and weights are all taken at these coordinates.
///
/// They are worked out a row at a time whenever they are wanted, which is cheaper than to keep them all.
public struct WarpField {
    public let height: Int
    public let width: Int
    private let warp: Warp
    private let displacement: Displacement?

    public init(_ warp: Warp, height: Int, width: Int) {
        precondition(height > 0 && width > 0, "a field of \(height)×\(width)")
        self.height = height
        self.width = width
        self.warp = warp
        displacement = warp.elastic.map { Displacement($0, height: height, width: width) }
    }

    /// Row and column in the image of the tile's pixel at row `y`, column `x`.
    public subscript(y: Int, x: Int) -> SIMD2<Float> {
        var place = SIMD2<Float>.zero
        withRow(y, x..<x + 1) { rows, columns in place = SIMD2(rows[0], columns[0]) }
        return place
    }

    /// Calls `body` with the rows, and the columns, in the image of a part of the tile's row `y`, the first at place 0.
    /// There is memory behind the last up to a multiple of `IntegerRounding.lanes`.
    func withRow(
        _ y: Int, _ part: Range<Int>, _ body: (_ rows: UnsafePointer<Float>, _ columns: UnsafePointer<Float>) -> Void
    ) {
        let count = part.count
        let room = IntegerRounding.roundedUp(count)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * room) { buffer in
            guard let rows = buffer.baseAddress, count > 0 else { return }
            let columns = rows + room
            // First the tile's own coordinates about the pivot, displaced.
            for i in 0..<count {
                rows[i] = Float(y) - warp.pivot[0]
                columns[i] = Float(part.lowerBound + i) - warp.pivot[1]
            }
            displacement?.add(row: y, from: part.lowerBound, count, down: rows, right: columns)
            for i in 0..<count {
                let (down, right) = (rows[i], columns[i])
                rows[i] = warp.source[0] + (warp.downStep[0] * down + warp.rightStep[0] * right)
                columns[i] = warp.source[1] + (warp.downStep[1] * down + warp.rightStep[1] * right)
            }
            body(rows, columns)
        }
    }
}

/// An elastic deformation's displacement of each pixel, row by row.
private struct Displacement {
    let elastic: Warp.Elastic
    /// The share of each node of the grid, nodes×length, in a place along the tile's side.
    let vertical: [Float]
    let horizontal: [Float]
    let height: Int
    let width: Int

    init(_ elastic: Warp.Elastic, height: Int, width: Int) {
        self.elastic = elastic
        self.height = height
        self.width = width
        vertical = Self.shares(nodes: elastic.nodes, length: height)
        horizontal = Self.shares(nodes: elastic.nodes, length: width)
    }

    /// Adds the displacements of `count` pixels of a row.
    func add(
        row y: Int, from first: Int, _ count: Int, down: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>
    ) {
        for node in 0..<elastic.nodes {
            var (nodeDown, nodeRight) = (Float(0), Float(0))
            for above in 0..<elastic.nodes {
                let share = vertical[above * height + y]
                nodeDown += share * elastic.down[above * elastic.nodes + node]
                nodeRight += share * elastic.right[above * elastic.nodes + node]
            }
            horizontal.withUnsafeBufferPointer { horizontal in
                let shares = horizontal.baseAddress! + (node * width + first)
                for i in 0..<count {
                    down[i] += nodeDown * shares[i]
                    right[i] += nodeRight * shares[i]
                }
            }
        }
    }

    /// Cubic convolution between the nodes; beyond the first and last node the grid goes on with their values.
    private static func shares(nodes: Int, length: Int) -> [Float] {
        var shares = [Float](repeating: 0, count: nodes * length)
        for place in 0..<length {
            let position = Float(place * (nodes - 1)) / Float(max(length - 1, 1))
            let first = min(Int(position), nodes - 2)
            let weights = CubicConvolution.weights(position - Float(first))
            for tap in 0..<4 { shares[min(max(first + tap - 1, 0), nodes - 1) * length + place] += weights[tap] }
        }
        return shares
    }
}
