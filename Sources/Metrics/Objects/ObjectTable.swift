import Images
import Kernels
import Support

/// What is measured of each object of an image.
public struct ObjectTable: Sendable {
    /// One object.
    public struct Row: Sendable {
        public internal(set) var classIndex = 0
        /// Pixels.
        public internal(set) var area = 0
        /// The extent, first and last included.
        public internal(set) var rows = 0...0
        public internal(set) var columns = 0...0
        fileprivate var rowSum = 0
        fileprivate var columnSum = 0
        fileprivate var greySums: [Double]

        /// The mean of its pixels' places, counted from 0 at the top and left.
        public var centre: (row: Double, column: Double) {
            (Double(rowSum) / Double(area), Double(columnSum) / Double(area))
        }
        /// The mean of its pixels' values as the image's file has them, one a channel.
        public var greyMeans: [Double] { greySums.map { $0 / Double(area) } }
    }

    /// Object 1 first.
    public let rows: [Row]
    private let channels: Int

    /// - Parameters:
    ///   - objects: H×W numbers from 1 to `count`, each of which has a pixel; 0 elsewhere.
    ///   - classes: H×W classes.
    ///   - image: H×W raw values.
    public init(_ objects: LabelMap, count: Int, classes: LabelMap, image: RasterImage) {
        precondition(
            image.width == objects.width && image.height == objects.height && classes.width == objects.width
                && classes.height == objects.height, "objects, classes and image of different sizes")
        channels = image.channels
        let value: (Int) -> Double
        switch image.content {
        case .integers(let samples): value = { Double(samples[$0]) }
        case .floats(let samples): value = { Double(samples[$0]) }
        }
        var rows = Array(repeating: Row(greySums: Array(repeating: 0, count: channels)), count: count)
        for y in 0..<objects.height {
            for x in 0..<objects.width {
                let number = Int(objects[y, x])
                guard number > 0 else { continue }
                let pixel = (y * objects.width + x) * channels
                let isFirst = rows[number - 1].area == 0
                rows[number - 1].classIndex = Int(classes[y, x])
                rows[number - 1].area += 1
                rows[number - 1].rowSum += y
                rows[number - 1].columnSum += x
                for c in 0..<channels { rows[number - 1].greySums[c] += value(pixel + c) }
                let (top, columns) = (rows[number - 1].rows.lowerBound, rows[number - 1].columns)
                rows[number - 1].rows = isFirst ? y...y : top...y
                rows[number - 1].columns = isFirst ? x...x : min(columns.lowerBound, x)...max(columns.upperBound, x)
            }
        }
        self.rows = rows
    }

    /// The table as CSV (RFC 4180, lines ended by a newline alone), with a line of names first.
    public var csv: String {
        let means = channels == 1 ? ["mean"] : (1...channels).map { "mean_\($0)" }
        let names = [
            "object", "class", "area", "row", "column", "first_row", "first_column", "last_row", "last_column",
        ]
        let lines = rows.enumerated().map { index, row in
            let extent = [
                row.rows.lowerBound, row.columns.lowerBound, row.rows.upperBound, row.columns.upperBound,
            ]
            return ["\(index + 1)", "\(row.classIndex)", "\(row.area)"]
                + [row.centre.row, row.centre.column].map { decimals($0, 3) } + extent.map { "\($0)" }
                + row.greyMeans.map { decimals($0, 3) }
        }
        return CSV.text([names + means] + lines)
    }
}
