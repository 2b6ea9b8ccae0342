import Images
import Support

/// An object as an ROI of ImageJ, in the format of its RoiEncoder, version 227: big-endian, 64 bytes of header, the
/// corners, 64 bytes of a second header, and the name.
///
/// Without holes it is a traced ROI, as the wand makes it: whole numbers along the edges of pixels. With holes, or more
/// corners than 16 bits count, it is a composite ROI: paths of floating-point numbers.
public enum ImageJROI {
    /// The largest side of an image whose corners the format's 16-bit numbers hold in every reader.
    public static let mostSide = 32_767

    /// The name: `0012-cell`, in a stack with its image's number before it.
    static func name(_ object: OutlinedObject) -> String {
        let image = object.plane.map { "\(zeroPadded($0.image, digits: 4))-" } ?? ""
        // It is the name of a file in the archive.
        let name = String(object.className.map { $0 == "/" || $0 == "\\" ? "_" : $0 })
        return "\(image)\(zeroPadded(object.number, digits: 4))-\(name)"
    }

    /// The file's bytes.
    public static func bytes(_ object: OutlinedObject) -> [UInt8] {
        let rings = object.outline.rings
        let corners = rings.joined()
        let (left, right) = (corners.map(\.x).min() ?? 0, corners.map(\.x).max() ?? 0)
        let (top, bottom) = (corners.map(\.y).min() ?? 0, corners.map(\.y).max() ?? 0)
        let isComposite = rings.count > 1 || rings[0].count > Int(UInt16.max)
        let path = isComposite ? rings.flatMap(path) : []
        let name = Array(name(object).utf16)
        let color = object.color
        let body = isComposite ? 4 * path.count : 4 * rings[0].count

        var bytes = BigEndianBytes()
        bytes.append("Iout".utf8)
        bytes.append(Int16(227))
        // Traced, or composite, which calls itself a rectangle.
        bytes.append([isComposite ? 1 : 8, 0])
        for side in [top, left, bottom, right] { bytes.append(Int16(side)) }
        bytes.append(UInt16(isComposite ? 0 : rings[0].count))
        // No coordinates of a line, and the usual width of the stroke.
        bytes.append([UInt8](repeating: 0, count: 18))
        bytes.append(Int32(path.count))
        bytes.append([255, color.red, color.green, color.blue])
        bytes.append([UInt8](repeating: 0, count: 12))
        let plane = object.plane
        bytes.append(Int32(plane.map { $0.isHyperstack ? 0 : $0.image + 1 } ?? 0))
        bytes.append(Int32(64 + body))
        if isComposite {
            for value in path { bytes.append(value.bitPattern) }
        } else {
            for corner in rings[0] { bytes.append(Int16(corner.x - left)) }
            for corner in rings[0] { bytes.append(Int16(corner.y - top)) }
        }

        // The second header.
        let hyperstack = plane.flatMap { $0.isHyperstack ? $0 : nil }
        bytes.append([0, 0, 0, 0])
        for place in [0, hyperstack.map { $0.slice + 1 } ?? 0, hyperstack.map { $0.frame + 1 } ?? 0] {
            bytes.append(Int32(place))
        }
        bytes.append(Int32(64 + body + 64))
        bytes.append(Int32(name.count))
        bytes.append([UInt8](repeating: 0, count: 64 - 24))
        for unit in name { bytes.append(unit) }
        return bytes.bytes
    }

    /// A ring as a path of java.awt.geom: move (0), line (1), close (4).
    private static func path(_ ring: [ObjectOutline.Corner]) -> [Float] {
        ring.enumerated().flatMap { [$0 == 0 ? 0 : 1, Float($1.x), Float($1.y)] } + [4]
    }
}

private struct BigEndianBytes {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ values: some Sequence<UInt8>) { bytes.append(contentsOf: values) }
}
