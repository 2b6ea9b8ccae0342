/// Tiles in the Winograd domain: a matrix for each position in a tile, with a row of channels for each tile.
struct WinogradMatrices {
    var base: UnsafeMutablePointer<Float>
    let size: WinogradSize
    /// Floats from one tile's row to the next.
    let row: Int
    /// Floats from one matrix to the next.
    let position: Int

    init(_ base: UnsafeMutablePointer<Float>, _ size: WinogradSize, rows: Int, row: Int) {
        self.base = base
        self.size = size
        self.row = row
        position = Self.distance(rows: rows, row: row)
    }

    /// Floats of all matrices.
    static func count(_ size: WinogradSize, rows: Int, row: Int) -> Int {
        size.positions * distance(rows: rows, row: row)
    }

    /// Rows are computed in pairs. A cache line more than that: at a multiple of 4 KiB all matrices would fall into one set
    /// of the first-level cache.
    private static func distance(rows: Int, row: Int) -> Int { (rows + 1) / 2 * 2 * row + 16 }

    /// The matrix after that of a position, for `rows` tiles: what a product should prefetch meanwhile.
    func ahead(of index: Int, rows: Int) -> (base: UnsafePointer<Float>, count: Int)? {
        let next = index + 1 < size.positions ? index + 1 : 0
        return (UnsafePointer(self[position: next]), rows * row)
    }

    subscript(position index: Int) -> UnsafeMutablePointer<Float> { base + index &* position }
}
