import Kernels

/// An object's outline along the edges of its pixels: closed rings of corners, pixel (row, column) reaching from
/// (x, y) = (column, row) to (column + 1, row + 1).
///
/// The outer ring comes first and then the holes, each without its first corner again at the end and without corners on
/// a straight line. Taken as plain numbers the outer ring runs counterclockwise and holes clockwise (RFC 7946, 3.1.6), so
/// that the signed areas of the rings (the shoelace formula) add up to the object's pixels.
public struct ObjectOutline: Sendable, Equatable {
    public struct Corner: Sendable, Equatable, Hashable {
        public let x: Int32
        public let y: Int32

        public init(_ x: Int32, _ y: Int32) { (self.x, self.y) = (x, y) }
    }

    public let rings: [[Corner]]

    public init(rings: [[Corner]]) { self.rings = rings }

    /// Pixels inside.
    public var area: Int {
        rings.reduce(0) { sum, ring in
            let next = ring.dropFirst() + ring.prefix(1)
            return sum
                + zip(ring, next).reduce(0) { $0 + Int($1.0.x) * Int($1.1.y) - Int($1.1.x) * Int($1.0.y) } / 2
        }
    }

    /// The outlines of all objects.
    ///
    /// Each ring parts an object from one 4-connected region of what is not the object. Where two pixels of an object
    /// touch at a corner alone, the ring goes on around the other one: no ring touches itself, rings touch each other in
    /// single points at most, and the polygons are valid as OGC's Simple Features define it.
    ///
    /// - Parameters:
    ///   - objects: H×W numbers from 1 to `count`, 0 elsewhere; each object is 4-connected and has a pixel.
    ///   - count: of the objects.
    /// - Returns: object 1's first.
    public static func all(_ objects: LabelMap, count: Int) -> [ObjectOutline] {
        var rings = [[[Corner]]](repeating: [], count: count)
        let (height, width) = (objects.height, objects.width)
        let values = objects.values
        // Whether a ring has come by on the upper side of a pixel; each ring has such a side.
        var isDone = [Bool](repeating: false, count: height * width)
        isDone.withUnsafeMutableBufferPointer { isDone in
            for y in 0..<height {
                for x in 0..<width {
                    let pixel = y &* width &+ x
                    let number = values[pixel]
                    guard number > 0, !isDone[pixel], y == 0 || values[pixel &- width] != number else { continue }
                    rings[Int(number) - 1].append(ring(of: number, in: objects, fromUpperSideOf: (x, y), isDone))
                }
            }
        }
        return rings.map(ObjectOutline.init)
    }

    /// Follows a ring with the object on the right hand, from the upper side of a pixel back to it.
    private static func ring(
        of number: Int32, in objects: LabelMap, fromUpperSideOf start: (x: Int, y: Int),
        _ isDone: UnsafeMutableBufferPointer<Bool>
    ) -> [Corner] {
        let (height, width, values) = (objects.height, objects.width, objects.values)
        func isInside(_ x: Int, _ y: Int) -> Bool {
            x >= 0 && y >= 0 && x < width && y < height && values[y &* width &+ x] == number
        }
        var ring: [Corner] = []
        var (x, y) = start
        // 0 right, 1 down, 2 left, 3 up.
        var heading = 0
        repeat {
            if heading == 0 { isDone[y &* width &+ x] = true }
            let ahead: (left: (x: Int, y: Int), right: (x: Int, y: Int))
            switch heading {
            case 0:
                x += 1
                ahead = ((x, y - 1), (x, y))
            case 1:
                y += 1
                ahead = ((x, y), (x - 1, y))
            case 2:
                x -= 1
                ahead = ((x - 1, y), (x - 1, y - 1))
            default:
                y -= 1
                ahead = ((x - 1, y - 1), (x, y - 1))
            }
            let turn =
                isInside(ahead.left.x, ahead.left.y) ? 3 : isInside(ahead.right.x, ahead.right.y) ? 0 : 1
            guard turn != 0 else { continue }
            ring.append(Corner(Int32(x), Int32(y)))
            heading = (heading + turn) % 4
        } while !((x, y) == start && heading == 0)
        return ring
    }
}
