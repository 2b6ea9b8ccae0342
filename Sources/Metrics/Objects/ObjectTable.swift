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
        public internal(set) var shape = ObjectShape()
        fileprivate var rowSum = 0
        fileprivate var columnSum = 0
        fileprivate var greySums: [Double]

        /// The mean of its pixels' places, counted from 0 at the top and left.
        public var centre: (row: Double, column: Double) {
            (Double(rowSum) / Double(area), Double(columnSum) / Double(area))
        }
        /// The mean of its pixels' values as the image's file has them, one a channel.
        public var greyMeans: [Double] { greySums.map { $0 / Double(area) } }

        /// The diameter of a circle of this area.
        public var equivalentDiameter: Double { (4 * Double(area) / Double.pi).squareRoot() }
    }

    /// Object 1 first.
    public let rows: [Row]
    private let channels: Int

    /// Rows of the image that are looked at together.
    private static let band = 64

    /// - Parameters:
    ///   - objects: H×W numbers from 1 to `count`, each of which has a pixel; 0 elsewhere.
    ///   - classes: H×W classes.
    ///   - channels: of the image.
    ///   - read: gives rows of the image's raw values, from its top to its bottom.
    public init(
        _ objects: LabelMap, count: Int, classes: LabelMap, channels: Int,
        reading read: (Range<Int>) throws -> RasterImage
    ) rethrows {
        precondition(
            classes.width == objects.width && classes.height == objects.height, "objects and classes of unlike sizes")
        self.channels = channels
        var rows = Array(repeating: Row(greySums: Array(repeating: 0, count: channels)), count: count)
        for top in stride(from: 0, to: objects.height, by: Self.band) {
            let part = top..<min(top + Self.band, objects.height)
            let image = try read(part)
            precondition(
                image.width == objects.width && image.height == part.count && image.channels == channels,
                "rows of another image")
            let value: (Int) -> Double
            switch image.content {
            case .integers(let samples): value = { Double(samples[$0]) }
            case .floats(let samples): value = { Double(samples[$0]) }
            }
            for y in part {
                for x in 0..<objects.width {
                    let number = Int(objects[y, x])
                    guard number > 0 else { continue }
                    let pixel = ((y - top) * objects.width + x) * channels
                    let isFirst = rows[number - 1].area == 0
                    rows[number - 1].classIndex = Int(classes[y, x])
                    rows[number - 1].area += 1
                    rows[number - 1].rowSum += y
                    rows[number - 1].columnSum += x
                    for c in 0..<channels { rows[number - 1].greySums[c] += value(pixel + c) }
                    let (first, columns) = (rows[number - 1].rows.lowerBound, rows[number - 1].columns)
                    rows[number - 1].rows = isFirst ? y...y : first...y
                    rows[number - 1].columns = isFirst ? x...x : min(columns.lowerBound, x)...max(columns.upperBound, x)
                }
            }
        }
        let shapes = ObjectShape.all(objects, extents: rows.map { ($0.rows, $0.columns) }, areas: rows.map(\.area))
        for number in rows.indices { rows[number].shape = shapes[number] }
        self.rows = rows
    }

    /// Of a whole image in memory, H×W raw values.
    public init(_ objects: LabelMap, count: Int, classes: LabelMap, image: RasterImage) {
        self.init(objects, count: count, classes: classes, channels: image.channels) { image.rows($0) }
    }

    /// The measurements of an object beside its class and place, by their names in the table: those in micrometres where the
    /// size of a pixel is known, but a perimeter only of square pixels.
    public static func measurements(of row: Row, _ size: PixelSize?) -> [(name: String, value: Double)] {
        let shape = row.shape
        let pixels = [
            ("perimeter", shape.perimeter), ("equivalent_diameter", row.equivalentDiameter),
            ("major_axis", shape.axes.major), ("minor_axis", shape.axes.minor),
            ("eccentricity", shape.eccentricity), ("solidity", shape.solidity),
        ]
        guard let size else { return pixels }
        let area = Double(row.area) * size.x * size.y
        let axes = shape.axes(size)
        return pixels + [
            ("area_um2", area), ("perimeter_um", size.isSquare ? shape.perimeter * size.x : .nan),
            ("equivalent_diameter_um", (4 * area / Double.pi).squareRoot()), ("major_axis_um", axes.major),
            ("minor_axis_um", axes.minor),
        ]
    }

    /// The table as CSV (RFC 4180, lines ended by a newline alone), with a line of names first.
    public func csv(classNames: [String], pixelSize: PixelSize? = nil) -> String {
        Self.csv([(nil, self)], classNames: classNames, pixelSize: pixelSize)
    }

    /// The tables of the images of a stack as one, with the image's number, from 0, in the column `image`; an image that is
    /// alone needs none.
    public static func csv(
        _ tables: [(image: Int?, table: ObjectTable)], classNames: [String], pixelSize: PixelSize? = nil
    ) -> String {
        // Images of a stack may be grey and RGB.
        let channels = tables.map { $0.table.channels }.max() ?? 1
        let isStack = tables.contains { $0.image != nil }
        let means = channels == 1 ? ["mean"] : (1...channels).map { "mean_\($0)" }
        let names = [
            "object", "class", "area", "row", "column", "first_row", "first_column", "last_row", "last_column",
        ]
        let measured = measurements(of: Row(area: 1, greySums: []), pixelSize).map(\.name)
        let head = (isStack ? ["image"] : []) + names + means + ["class_name"] + measured
        let lines = tables.flatMap { image, table in
            table.rows.enumerated().map { index, row in
                let extent = [
                    row.rows.lowerBound, row.columns.lowerBound, row.rows.upperBound, row.columns.upperBound,
                ]
                let grey =
                    row.greyMeans.map { decimals($0, 3) }
                    + [String](repeating: "", count: channels - row.greyMeans.count)
                let numbers =
                    [image, index + 1, row.classIndex, row.area].compactMap(\.self).map { "\($0)" }
                    + [row.centre.row, row.centre.column].map { decimals($0, 3) } + extent.map { "\($0)" }
                    + grey
                return numbers + [row.classIndex < classNames.count ? classNames[row.classIndex] : ""]
                    + measurements(of: row, pixelSize).map { $0.value.isNaN ? "" : decimals($0.value, 4) }
            }
        }
        return CSV.text([head] + lines)
    }
}
