/// A row-major matrix: its first element, floats from row to row, and whether it is read transposed.
struct Matrix {
    let base: UnsafePointer<Float>
    let rowStride: Int
    var transposed = false

    init(_ base: UnsafePointer<Float>, rowStride: Int, transposed: Bool = false) {
        self.base = base
        self.rowStride = rowStride
        self.transposed = transposed
    }

    /// Floats from one row to the next, and from one column to the next, as the matrix is read.
    var rowStep: Int { transposed ? 1 : rowStride }
    var columnStep: Int { transposed ? rowStride : 1 }

    /// The same memory read as the transpose of this matrix.
    var turned: Matrix { Matrix(base, rowStride: rowStride, transposed: !transposed) }

    /// The matrix that begins `rows` further down and `columns` further right, as it is read.
    func from(row rows: Int = 0, column columns: Int = 0) -> Matrix {
        Matrix(base + rows * rowStep + columns * columnStep, rowStride: rowStride, transposed: transposed)
    }
}

/// A matrix product (GEMM) of single precision.
protocol MatrixProduct: Sendable {
    /// `c = a·b`, or `c += a·b` when `accumulate`; `a` is read as rows×inner and `b` as inner×columns. The work is
    /// shared among the team.
    func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int, rows: Int, columns: Int,
        inner: Int, accumulate: Bool, team: ThreadTeam, workspace: Workspace)
}
