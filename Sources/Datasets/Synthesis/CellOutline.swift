import Kernels

/// The outline of one synthetic cell: an ellipse dented by a few low frequencies, star-shaped about its centre.
struct CellOutline {
    /// 1 or more: the class of the cell.
    let kind: Int
    let centreX: Double
    let centreY: Double
    /// Mean radius in pixels.
    let radius: Double
    /// No point of the cell is farther than this from its centre.
    let reach: Double

    /// In units of `radius` the outline's distance from the centre is 1 plus, for each frequency from 2 on, the real part
    /// of coefficient·e^(i·frequency·angle).
    private let coefficients: [Point]

    /// A cell of random shape.
    init(kind: Int, centreX: Double, centreY: Double, radius: Double, from stream: inout RandomStream) {
        self.kind = kind
        self.centreX = centreX
        self.centreY = centreY
        self.radius = radius
        let elongation = stream.uniform(0, 0.22)
        let direction = stream.uniform(0, 2)
        let dents = (3...6).map { Point(length: stream.uniform(0, 0.22) / Double($0), halfTurns: stream.uniform(0, 2)) }
        coefficients = [Point(length: elongation, halfTurns: -2 * direction)] + dents
        reach = radius * (1 + elongation + dents.reduce(0) { $0 + $1.length })
    }

    /// Pixels from (`x`, `y`) to the outline, to first order: positive inside.
    func depth(x: Double, y: Double) -> Double {
        let offset = Point(x: x - centreX, y: y - centreY)
        let distance = offset.length
        // e^(i·angle), whose powers give the cosines and sines of the angle's multiples.
        let unit = distance > 0 ? Point(x: offset.x / distance, y: offset.y / distance) : Point(x: 1, y: 0)
        var edge = 1.0
        var derivative = 0.0
        var power = unit
        for (index, coefficient) in coefficients.enumerated() {
            power = power * unit
            let term = coefficient * power
            edge += term.x
            derivative -= Double(index + 2) * term.y
        }
        // The gradient of edge(angle) - distance has the length √(1 + (derivative/distance)²).
        let tilt = radius * derivative / max(distance, radius / 2)
        return (radius * edge - distance) / (1 + tilt * tilt).squareRoot()
    }
}

/// A point of the plane, also as a complex number x + i·y.
private struct Point {
    let x: Double
    let y: Double

    var length: Double { (x * x + y * y).squareRoot() }

    static func * (a: Point, b: Point) -> Point { Point(x: a.x * b.x - a.y * b.y, y: a.x * b.y + a.y * b.x) }
}

extension Point {
    /// The point at this distance from the origin in this direction.
    fileprivate init(length: Double, halfTurns: Double) {
        x = length * Elementary.cosine(halfTurns: halfTurns)
        y = length * Elementary.sine(halfTurns: halfTurns)
    }
}

/// Cells that lie side by side: where two meet, both give way, so that a thin border runs between them.
struct CellLayout {
    let size: Int
    let cells: [CellOutline]
    /// For each pixel the cell it is in or nearest to; -1 far from all.
    let owner: [Int]
    /// Pixels to the border of the pixel's owner: positive inside, 0 in the middle of the border.
    let depth: [Double]

    /// Places cells until they cover about `coverage` of the image, most of them against one that is there already.
    init(size: Int, kinds: Int, coverage: Double, from stream: inout RandomStream) {
        let area = Double(size * size)
        var cells: [CellOutline] = []
        var covered = 0.0
        for _ in 0..<(40 + size * size / 200) where covered < coverage * area {
            let radius = stream.uniform(17, 30)
            var x = stream.uniform(-radius / 2, Double(size) + radius / 2)
            var y = stream.uniform(-radius / 2, Double(size) + radius / 2)
            if !cells.isEmpty && stream.uniform() < 0.7 {
                let neighbour = cells[stream.integer(below: cells.count)]
                let angle = stream.uniform(0, 2)
                let gap = stream.uniform(0.86, 0.98)
                let step = Point(length: (radius + neighbour.radius) * gap, halfTurns: angle)
                (x, y) = (neighbour.centreX + step.x, neighbour.centreY + step.y)
            }
            let inside = { (v: Double) in v > -radius / 2 && v < Double(size) + radius / 2 }
            let isFree = cells.allSatisfy { other in
                Point(x: other.centreX - x, y: other.centreY - y).length > 0.84 * (radius + other.radius)
            }
            guard inside(x) && inside(y) && isFree else { continue }
            let kind = 1 + stream.integer(below: kinds)
            cells.append(CellOutline(kind: kind, centreX: x, centreY: y, radius: radius, from: &stream))
            let visibleWidth = min(x + radius, Double(size)) - max(x - radius, 0)
            let visibleHeight = min(y + radius, Double(size)) - max(y - radius, 0)
            covered += .pi / 4 * visibleWidth * visibleHeight
        }

        var first = [Double](repeating: -1000, count: size * size)
        var second = first
        var owner = [Int](repeating: -1, count: size * size)
        for (index, cell) in cells.enumerated() {
            let margin = cell.reach + 12
            let rows = Self.pixels(cell.centreY, margin, size)
            let columns = Self.pixels(cell.centreX, margin, size)
            for y in rows {
                for x in columns {
                    let depth = cell.depth(x: Double(x), y: Double(y))
                    let pixel = y * size + x
                    if depth > first[pixel] {
                        second[pixel] = first[pixel]
                        first[pixel] = depth
                        owner[pixel] = index
                    } else if depth > second[pixel] {
                        second[pixel] = depth
                    }
                }
            }
        }
        self.size = size
        self.cells = cells
        self.owner = owner
        depth = zip(first, second).map { min($0, ($0 - $1) / 2) }
    }

    /// The pixels of one axis within `margin` of `centre` and within the image.
    private static func pixels(_ centre: Double, _ margin: Double, _ size: Int) -> Range<Int> {
        let start = min(max(Int((centre - margin).rounded(.up)), 0), size)
        return start..<min(max(Int((centre + margin).rounded(.down)) + 1, start), size)
    }
}
