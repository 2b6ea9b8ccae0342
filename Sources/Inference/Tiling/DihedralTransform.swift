/// One of the eight flips and rotations that map a square's grid onto itself (the dihedral group D4), for test-time
/// augmentation.
///
/// The transformed image T(I) has at (y, x) what the image has at the place that `place` gives. Since an image need not
/// be square, those that swap rows and columns also swap its height and width.
public struct DihedralTransform: Hashable, Sendable {
    /// Rows and columns are swapped, before they are flipped.
    public let swapsAxes: Bool
    /// The image's rows are counted from the bottom.
    public let flipsRows: Bool
    /// The image's columns are counted from the right.
    public let flipsColumns: Bool

    public init(swapsAxes: Bool, flipsRows: Bool, flipsColumns: Bool) {
        self.swapsAxes = swapsAxes
        self.flipsRows = flipsRows
        self.flipsColumns = flipsColumns
    }

    /// The image as it is.
    public static let identity = DihedralTransform(swapsAxes: false, flipsRows: false, flipsColumns: false)

    /// All eight, the identity first and those of one shape side by side.
    public static let all = [false, true].flatMap { swaps in
        [false, true].flatMap { rows in
            [false, true].map { DihedralTransform(swapsAxes: swaps, flipsRows: rows, flipsColumns: $0) }
        }
    }

    /// The image's row and column that lie at row `y`, column `x` of the transformed image.
    ///
    /// - Parameters:
    ///   - height: of the image.
    ///   - width: of the image.
    public func place(y: Int, x: Int, height: Int, width: Int) -> (row: Int, column: Int) {
        let (row, column) = swapsAxes ? (x, y) : (y, x)
        return (flipsRows ? height - 1 - row : row, flipsColumns ? width - 1 - column : column)
    }
}
