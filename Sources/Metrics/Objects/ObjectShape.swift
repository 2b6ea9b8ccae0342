import Images
import Kernels

/// The shape of an object, by the definitions of scikit-image's `regionprops`, in pixels.
public struct ObjectShape: Sendable, Equatable {
    /// The length of the outline, from the patterns in which its border pixels touch (Benkrid, Crookes 2000, "Design and
    /// FPGA implementation of a perimeter estimator"); 0 of one pixel, or of a line's two.
    public internal(set) var perimeter = 0.0
    /// The share of the convex hull's pixels that are the object's; the hull is that of the middles of pixel edges.
    public internal(set) var solidity = 1.0
    /// Second central moments of the pixels' centres over the area: of rows, of columns, and of both.
    public internal(set) var variance = (rows: 0.0, columns: 0.0, both: 0.0)

    /// The full axes of the ellipse with the same second moments: 4·√ of the eigenvalues.
    public var axes: (major: Double, minor: Double) { Self.axes(variance.rows, variance.columns, variance.both) }

    /// The axes in micrometres.
    public func axes(_ size: PixelSize) -> (major: Double, minor: Double) {
        Self.axes(
            variance.rows * size.y * size.y, variance.columns * size.x * size.x, variance.both * size.x * size.y)
    }

    /// Of that ellipse: 0 of a circle, towards 1 of a line.
    public var eccentricity: Double {
        let (major, minor) = axes
        return major > 0 ? (1 - minor * minor / (major * major)).squareRoot() : 0
    }

    private static func axes(_ rows: Double, _ columns: Double, _ both: Double) -> (major: Double, minor: Double) {
        let middle = (rows + columns) / 2
        let half = ((rows - columns) * (rows - columns) / 4 + both * both).squareRoot()
        return (4 * max(middle + half, 0).squareRoot(), 4 * max(middle - half, 0).squareRoot())
    }

    public static func == (a: ObjectShape, b: ObjectShape) -> Bool {
        a.perimeter == b.perimeter && a.solidity == b.solidity && a.variance == b.variance
    }

    /// The shapes of all objects.
    ///
    /// - Parameters:
    ///   - objects: H×W numbers from 1 on; 0 elsewhere.
    ///   - extents: of each object, first and last row and column included.
    ///   - areas: of each object.
    static func all(
        _ objects: LabelMap, extents: [(rows: ClosedRange<Int>, columns: ClosedRange<Int>)], areas: [Int]
    ) -> [ObjectShape] {
        var shapes = [ObjectShape](repeating: ObjectShape(), count: extents.count)
        var sums = [(y: Int, x: Int, yy: Int, xx: Int, xy: Int)](repeating: (0, 0, 0, 0, 0), count: extents.count)
        // The first and last column of each row of each object, all objects behind each other.
        var starts = [0]
        for extent in extents { starts.append(starts[starts.count - 1] + extent.rows.count) }
        var first = [Int32](repeating: .max, count: starts[extents.count])
        var last = [Int32](repeating: -1, count: starts[extents.count])
        let border = BorderPixels(objects)
        for y in 0..<objects.height {
            for x in 0..<objects.width {
                let number = Int(objects[y, x]) - 1
                guard number >= 0 else { continue }
                let (top, left) = (extents[number].rows.lowerBound, extents[number].columns.lowerBound)
                let (dy, dx) = (y - top, x - left)
                sums[number].y += dy
                sums[number].x += dx
                sums[number].yy += dy * dy
                sums[number].xx += dx * dx
                sums[number].xy += dx * dy
                let row = starts[number] + dy
                first[row] = min(first[row], Int32(x))
                last[row] = max(last[row], Int32(x))
                shapes[number].perimeter += border.length(y, x)
            }
        }
        for number in shapes.indices {
            let (sum, area) = (sums[number], Double(areas[number]))
            let (y, x) = (Double(sum.y) / area, Double(sum.x) / area)
            shapes[number].variance = (
                max(Double(sum.yy) / area - y * y, 0), max(Double(sum.xx) / area - x * x, 0),
                Double(sum.xy) / area - y * x
            )
            let rows = starts[number]..<starts[number + 1]
            shapes[number].solidity = area / Double(ConvexHull.pixels(first: first[rows], last: last[rows]))
        }
        return shapes
    }
}

/// The border pixels of objects: those beside which, across an edge, the object ends.
private struct BorderPixels {
    private let values: UnsafeMutableBufferPointer<Int32>
    private let height: Int
    private let width: Int
    private let objects: LabelMap

    init(_ objects: LabelMap) {
        self.objects = objects
        (values, height, width) = (objects.values, objects.height, objects.width)
    }

    private func has(_ y: Int, _ x: Int, _ number: Int32) -> Bool {
        y >= 0 && x >= 0 && y < height && x < width && values[y &* width &+ x] == number
    }

    private func isBorder(_ y: Int, _ x: Int, _ number: Int32) -> Bool {
        has(y, x, number)
            && !(has(y - 1, x, number) && has(y + 1, x, number) && has(y, x - 1, number) && has(y, x + 1, number))
    }

    /// What a pixel of an object adds to its outline's length.
    func length(_ y: Int, _ x: Int) -> Double {
        let number = values[y &* width &+ x]
        guard isBorder(y, x, number) else { return 0 }
        var pattern = 1
        for (dy, dx) in [(-1, 0), (1, 0), (0, -1), (0, 1)] where isBorder(y + dy, x + dx, number) { pattern += 2 }
        for (dy, dx) in [(-1, -1), (-1, 1), (1, -1), (1, 1)] where isBorder(y + dy, x + dx, number) { pattern += 10 }
        return switch pattern {
        case 5, 7, 15, 17, 25, 27: 1
        case 21, 33: 2.0.squareRoot()
        case 13, 23: (1 + 2.0.squareRoot()) / 2
        default: 0
        }
    }
}

/// The convex hull of an object's pixels, each given by the middles of its edges, in whole numbers: all places doubled.
private enum ConvexHull {
    /// The pixels whose centres lie in the hull or on it.
    ///
    /// - Parameters:
    ///   - first: of each row of the object, its first column.
    ///   - last: its last one.
    static func pixels(first: ArraySlice<Int32>, last: ArraySlice<Int32>) -> Int {
        let left = chain(first.map { Int($0) })
        // The right side is the left one of the mirrored object.
        let right = chain(last.map { -Int($0) })
        return zip(columns(left, rows: first.count), columns(right, rows: last.count)).reduce(0) {
            $0 + max(0, -$1.1 - $1.0 + 1)
        }
    }

    /// The corners of the hull's left side, downwards.
    private static func chain(_ first: [Int]) -> [(y: Int, x: Int)] {
        var corners: [(y: Int, x: Int)] = []
        func add(_ y: Int, _ x: Int) {
            while corners.count > 1 {
                let (a, b) = (corners[corners.count - 2], corners[corners.count - 1])
                // Kept where the side turns to the left of the line from the corner before it to the new one.
                if (b.x - a.x) * (y - a.y) < (x - a.x) * (b.y - a.y) { break }
                corners.removeLast()
            }
            corners.append((y, x))
        }
        for (row, column) in first.enumerated() {
            let above = row > 0 ? min(first[row - 1], column) : column
            add(2 * row - 1, 2 * above)
            add(2 * row, 2 * column - 1)
        }
        if let column = first.last { add(2 * first.count - 1, 2 * column) }
        return corners
    }

    /// The first column in the hull, of each row.
    private static func columns(_ corners: [(y: Int, x: Int)], rows: Int) -> [Int] {
        var place = 0
        return (0..<rows).map { row in
            while corners[place + 1].y < 2 * row { place += 1 }
            let (a, b) = (corners[place], corners[place + 1])
            let (run, rise) = (b.y - a.y, b.x - a.x)
            let doubled = 2 * run
            let value = a.x * run + rise * (2 * row - a.y)
            // Rounded up.
            return value >= 0 ? (value + doubled - 1) / doubled : -(-value / doubled)
        }
    }
}
