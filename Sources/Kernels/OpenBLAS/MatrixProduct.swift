internal import COpenBLAS

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

    /// The matrix that begins `rows` further down and `columns` further right, as it is read.
    func from(row rows: Int = 0, column columns: Int = 0) -> Matrix {
        let offset = transposed ? columns * rowStride + rows : rows * rowStride + columns
        return Matrix(base + offset, rowStride: rowStride, transposed: transposed)
    }
}

/// Row-major matrix products through OpenBLAS, which runs in the calling thread alone.
enum MatrixProduct {
    /// Parts that a product is cut into. A constant: OpenBLAS gives a row other bits when the number of rows changes.
    private static let parts = 4

    /// `c = a·b`, or `c += a·b` when `accumulate`; `a` is read as rows×inner and `b` as inner×columns. The longer side
    /// of `c` is shared among the team.
    static func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int, rows: Int, columns: Int,
        inner: Int, accumulate: Bool = false, team: ThreadTeam
    ) {
        let cutsColumns = columns > rows
        let side = max(rows, columns)
        let parts = side >= 64 * Self.parts ? Self.parts : 1
        team.forEach(parts) { _, part in
            let start = side * part / parts
            let length = side * (part + 1) / parts - start
            let a = cutsColumns ? a : a.from(row: start)
            let b = cutsColumns ? b.from(column: start) : b
            cblas_sgemm(
                CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
                blasint(cutsColumns ? rows : length), blasint(cutsColumns ? length : columns), blasint(inner), 1,
                a.base, blasint(a.rowStride), b.base, blasint(b.rowStride), accumulate ? 1 : 0,
                c + (cutsColumns ? start : start * rowStride), blasint(rowStride))
        }
    }
}
