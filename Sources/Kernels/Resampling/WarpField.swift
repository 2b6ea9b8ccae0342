/// Where every pixel of a tile comes from in an image: an affine map about a point, after an elastic deformation.
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

    /// The point of the tile that the affine map leaves in place, row and column; pixels' centres are whole numbers.
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

/// A warp's coordinates, worked out for every pixel of a tile; image, labels and weights are all taken at these.
public final class WarpField: @unchecked Sendable {
    public let height: Int
    public let width: Int
    /// `height·width` rows in the image, and columns.
    let rows: UnsafeMutablePointer<Float>
    let columns: UnsafeMutablePointer<Float>

    public init(_ warp: Warp, height: Int, width: Int) {
        precondition(height > 0 && width > 0, "a field of \(height)×\(width)")
        self.height = height
        self.width = width
        rows = allocateFloats(height * width)
        columns = allocateFloats(height * width)
        let displacement = warp.elastic.map { Displacement($0, height: height, width: width) }
        // Of one row: the tile's own coordinates about the pivot, displaced.
        let (down, right) = (allocateFloats(width), allocateFloats(width))
        defer {
            down.deallocate()
            right.deallocate()
        }
        for y in 0..<height {
            for x in 0..<width {
                down[x] = Float(y) - warp.pivot[0]
                right[x] = Float(x) - warp.pivot[1]
            }
            displacement?.add(row: y, down: down, right: right)
            let (toRows, toColumns) = (rows + y * width, columns + y * width)
            for x in 0..<width {
                toRows[x] = warp.source[0] + (warp.downStep[0] * down[x] + warp.rightStep[0] * right[x])
                toColumns[x] = warp.source[1] + (warp.downStep[1] * down[x] + warp.rightStep[1] * right[x])
            }
        }
    }

    /// Row and column in the image of the tile's pixel at row `y`, column `x`.
    public subscript(y: Int, x: Int) -> SIMD2<Float> { SIMD2(rows[y * width + x], columns[y * width + x]) }

    deinit {
        rows.deallocate()
        columns.deallocate()
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

    /// Adds a row's displacements.
    func add(row y: Int, down: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>) {
        for node in 0..<elastic.nodes {
            var (nodeDown, nodeRight) = (Float(0), Float(0))
            for above in 0..<elastic.nodes {
                let share = vertical[above * height + y]
                nodeDown += share * elastic.down[above * elastic.nodes + node]
                nodeRight += share * elastic.right[above * elastic.nodes + node]
            }
            horizontal.withUnsafeBufferPointer { horizontal in
                let shares = horizontal.baseAddress! + node * width
                for x in 0..<width {
                    down[x] += nodeDown * shares[x]
                    right[x] += nodeRight * shares[x]
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
