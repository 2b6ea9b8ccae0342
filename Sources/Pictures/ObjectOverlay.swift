import Images
import Kernels
import Metrics

/// Draws objects over the image that they belong to: an outline around each, in colours that touching objects do not share,
/// a faint tint within, and below how many there are of each class.
public struct ObjectOverlay: Sendable {
    /// One a class.
    public let names: [String]
    /// Whether each object bears its number.
    public let numbers: Bool

    private static let opacity: Float = 0.2
    /// Pixels, about, of a picture whose objects bear numbers, which would hide small ones.
    private static let leastWidth = 1024

    public init(names: [String], numbers: Bool = false) {
        self.names = names
        self.numbers = numbers
    }

    /// An RGB picture of 8 bits a channel.
    ///
    /// - Parameters:
    ///   - objects: H×W numbers from 1 on; 0 where there is none.
    ///   - table: of these objects.
    public func picture(image: ShownImage, objects: LabelMap, table: ObjectTable) -> RasterImage {
        let colors = Self.colors(of: objects, count: table.rows.count)
        let scale = numbers ? image.reduction.enlargement(toWidth: Self.leastWidth) : image.reduction.enlargement
        let shown = Reduced(objects, image.reduction)
        var canvas = image.canvas(scale: scale)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let number = Int(shown.labels[y / scale, x / scale])
                if number > 0 { canvas.tint(y: y, x: x, colors[number - 1], opacity: Self.opacity) }
            }
        }
        canvas.outline(shown, scale: scale) { $0 > 0 ? colors[Int($0) - 1] : nil }
        if numbers { write(table, of: objects, on: &canvas) }
        return Legend.picture([("", canvas)], columns: 1, summary(table).map { Legend.Entry(nil, $0) }).raster
    }

    /// "87 objects", and of several classes "60 round", "27 long".
    private func summary(_ table: ObjectTable) -> [String] {
        var counts = [Int](repeating: 0, count: names.count)
        for row in table.rows where row.classIndex < counts.count { counts[row.classIndex] += 1 }
        let kinds = names.indices.filter { counts[$0] > 0 }.map { "\(counts[$0]) \(names[$0])" }
        return [table.rows.count == 1 ? "1 object" : "\(table.rows.count) objects"] + (names.count > 2 ? kinds : [])
    }

    /// Writes each number in the middle of its object, or on the pixel beside it in the middle's row that is the object's.
    private func write(_ table: ObjectTable, of objects: LabelMap, on canvas: inout Canvas) {
        let factor = Double(canvas.width) / Double(objects.width)
        let size = canvas.width > 2000 ? 2 : 1
        for (index, row) in table.rows.enumerated() where row.area > 0 {
            let number = Int32(index + 1)
            let y = min(max(Int(row.centre.row.rounded()), 0), objects.height - 1)
            let middle = Int(row.centre.column.rounded())
            let x =
                row.columns.filter { objects[y, $0] == number }.min { abs($0 - middle) < abs($1 - middle) } ?? middle
            let text = "\(index + 1)"
            // Whole, and with its halo.
            func inside(_ place: Double, _ length: Int, of side: Int) -> Int {
                max(1, min(Int((place + 0.5) * factor) - length / 2, side - length - 1))
            }
            canvas.write(
                text, x: inside(Double(x), text.count * BitmapFont.width * size, of: canvas.width),
                y: inside(Double(y), BitmapFont.height * size, of: canvas.height), scale: size, Canvas.white,
                halo: Canvas.black)
        }
    }

    /// One colour an object: its turn's, or the first that no touching object of a smaller number has.
    package static func colors(of objects: LabelMap, count: Int) -> [RGBColor] {
        let palette = ClassColors(classes: 8).colors.dropFirst().map { $0 }
        var touching = Array(repeating: Set<Int32>(), count: count)
        for y in 0..<objects.height {
            for x in 0..<objects.width where objects[y, x] > 0 {
                let here = objects[y, x]
                // Right, below, and both diagonals below.
                for (dy, dx) in [(0, 1), (1, -1), (1, 0), (1, 1)]
                where y + dy < objects.height && (0..<objects.width).contains(x + dx) {
                    let other = objects[y + dy, x + dx]
                    guard other > 0, other != here else { continue }
                    touching[Int(max(here, other)) - 1].insert(min(here, other))
                }
            }
        }
        var choices: [Int] = []
        for number in 0..<count {
            let taken = Set(touching[number].map { choices[Int($0) - 1] })
            let turns = (0..<palette.count).map { (number + $0) % palette.count }
            choices.append(turns.first { !taken.contains($0) } ?? turns[0])
        }
        return choices.map { palette[$0] }
    }
}
