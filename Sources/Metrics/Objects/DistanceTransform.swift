/// Exact Euclidean distances between pixels' centres, in time linear in the number of pixels.
public enum DistanceTransform {
    /// What `squared` gives where there is no target at all.
    public static let none = Int32.max

    /// The largest height and width together: squared distances are 32-bit integers.
    public static let mostSides = 32_768

    /// The squared distance from each pixel to the nearest target, row by row; 0 on a target.
    ///
    /// In integers, by Meijster, Roerdink and Hesselink 2000 ("A general algorithm for computing distance transforms in
    /// linear time"): down and up each column, then along each row the lower envelope of one parabola a column.
    ///
    /// - Parameter isTarget: whether the pixel of this index, row·width + column, is one; asked once for each.
    public static func squared(height: Int, width: Int, isTarget: (Int) -> Bool) -> [Int32] {
        precondition(height + width <= mostSides, "squared distances of \(height)×\(width) pixels are too large")
        // More than any distance in the image: no target in the column.
        let far = Int32(height + width)
        let columns = columnDistances(height: height, width: width, far: far, isTarget: isTarget)
        return [Int32](unsafeUninitializedCapacity: height * width) { result, count in
            count = height * width
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * max(width, 1)) { stack in
                columns.withUnsafeBufferPointer { columns in
                    for y in 0..<height {
                        envelope(
                            of: columns.baseAddress! + y * width, width: width, far: far, stack: stack,
                            into: result.baseAddress! + y * width)
                    }
                }
            }
        }
    }

    /// Distances along each column to its nearest target, `far` where it has none.
    private static func columnDistances(
        height: Int, width: Int, far: Int32, isTarget: (Int) -> Bool
    ) -> [Int32] {
        [Int32](unsafeUninitializedCapacity: height * width) { distances, count in
            count = height * width
            for x in 0..<width where height > 0 { distances[x] = isTarget(x) ? 0 : far }
            for pixel in width..<max(height * width, width) {
                distances[pixel] = isTarget(pixel) ? 0 : min(distances[pixel - width] + 1, far)
            }
            for pixel in stride(from: (height - 1) * width - 1, through: 0, by: -1) {
                distances[pixel] = min(distances[pixel], distances[pixel + width] + 1)
            }
        }
    }

    /// min over columns c of (x − c)² + distance(c)², for every x of a row.
    ///
    /// - Parameter stack: room for the columns whose parabolas make the envelope, and for where each begins.
    private static func envelope(
        of distances: UnsafePointer<Int32>, width: Int, far: Int32, stack: UnsafeMutableBufferPointer<Int32>,
        into result: UnsafeMutablePointer<Int32>
    ) {
        let owners = stack.baseAddress!
        let starts = owners + width
        func value(_ x: Int32, _ column: Int32) -> Int32 {
            let (across, down) = (x &- column, distances[Int(column)])
            return across &* across &+ down &* down
        }
        var top = -1
        for column in 0..<Int32(width) where distances[Int(column)] < far {
            while top >= 0, value(starts[top], owners[top]) > value(starts[top], column) { top -= 1 }
            if top < 0 {
                top = 0
                owners[0] = column
                starts[0] = 0
            } else {
                // The first x at which the new parabola is the lower one.
                let other = owners[top]
                let (own, others) = (distances[Int(column)], distances[Int(other)])
                let crossing =
                    (column &* column &- other &* other &+ own &* own &- others &* others) / (2 &* (column &- other))
                guard crossing &+ 1 < Int32(width) else { continue }
                top += 1
                owners[top] = column
                starts[top] = crossing &+ 1
            }
        }
        guard top >= 0 else {
            result.update(repeating: none, count: width)
            return
        }
        for x in stride(from: Int32(width) - 1, through: 0, by: -1) {
            result[Int(x)] = value(x, owners[top])
            if x == starts[top] { top -= 1 }
        }
    }
}
