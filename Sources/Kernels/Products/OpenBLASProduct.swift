internal import COpenBLAS

/// Row-major matrix products through OpenBLAS (`cblas_sgemm`), which runs in the calling thread alone.
struct OpenBLASProduct: MatrixProduct {
    init() {
        // The team's threads call OpenBLAS side by side; it must not add threads of its own to each.
        openblas_set_num_threads(1)
    }

    /// Parts that a product is cut into. A constant: OpenBLAS gives a row other bits when the number of rows changes.
    private static let parts = 4

    func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int, rows: Int, columns: Int,
        inner: Int, accumulate: Bool, team: ThreadTeam, workspace: Workspace
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
