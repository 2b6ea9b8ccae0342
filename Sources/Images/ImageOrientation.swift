/// How the stored rows and columns of an image lie in the picture: EXIF's and TIFF's Orientation (TIFF 6.0, section 8).
package enum ImageOrientation: Int, Sendable {
    case upright = 1
    case mirroredAcross = 2
    case upsideDown = 3
    case mirroredDown = 4
    case transposed = 5
    /// Shown after a quarter turn clockwise.
    case turnedRight = 6
    case transverse = 7
    /// Shown after a quarter turn counter-clockwise.
    case turnedLeft = 8

    /// Whether stored rows are the picture's columns.
    var swapsSides: Bool { rawValue >= 5 }

    /// The picture's size, of what is stored as `width`×`height`.
    func size(width: Int, height: Int) -> (width: Int, height: Int) {
        swapsSides ? (height, width) : (width, height)
    }

    /// Where the pixels of the picture are stored: the number of the first, and what a step down and a step to the right
    /// add to it.
    func steps(width: Int, height: Int) -> (first: Int, down: Int, right: Int) {
        let last = width * height - 1
        return switch self {
        case .upright: (0, width, 1)
        case .mirroredAcross: (width - 1, width, -1)
        case .upsideDown: (last, -width, -1)
        case .mirroredDown: (last - (width - 1), -width, 1)
        case .transposed: (0, 1, width)
        case .turnedRight: (last - (width - 1), 1, -width)
        case .transverse: (last, -1, -width)
        case .turnedLeft: (width - 1, -1, width)
        }
    }

    // MARK: - What files say

    /// What EXIF data say, with or without `Exif␀␀` before them; nil where they do not, or are damaged, which viewers pass
    /// over.
    init?(exif bytes: some Collection<UInt8>) {
        var bytes = Array(bytes)
        let mark: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]
        for _ in 0..<2 where bytes.starts(with: mark) { bytes.removeFirst(mark.count) }
        let isBigEndian: Bool
        switch Array(bytes.prefix(4)) {
        case [0x49, 0x49, 0x2A, 0]: isBigEndian = false
        case [0x4D, 0x4D, 0, 0x2A]: isBigEndian = true
        default: return nil
        }
        func number(_ at: Int, _ count: Int) -> Int? {
            guard at >= 0, at + count <= bytes.count else { return nil }
            return (0..<count).reduce(0) { $0 << 8 | Int(bytes[at + (isBigEndian ? $1 : count - 1 - $1)]) }
        }
        guard let directory = number(4, 4), let count = number(directory, 2) else { return nil }
        for entry in 0..<count {
            let at = directory + 2 + 12 * entry
            guard let tag = number(at, 2), let type = number(at + 2, 2), let values = number(at + 4, 4) else { break }
            // A number of 16 bits (3) as EXIF has it, or of 32.
            guard tag == 0x0112, values == 1, type == 3 || type == 4 else { continue }
            guard let value = number(at + 8, type == 3 ? 2 : 4) else { break }
            // Another number means nothing.
            self = Self(rawValue: value) ?? .upright
            return
        }
        return nil
    }

    /// What an XMP packet says (`tiff:Orientation`); nil where it does not. EXIF goes before it.
    init?(xmp bytes: some Collection<UInt8>) {
        let name = Array("tiff:Orientation".utf8)
        var rest = bytes[...]
        while let place = rest.firstRange(of: name) {
            rest = rest[place.upperBound...]
            let value = rest.starts(with: Array("=\"".utf8)) ? rest.dropFirst(2) : rest.dropFirst(1)
            guard rest.first == 0x3E || rest.starts(with: Array("=\"".utf8)), let digit = value.first else { continue }
            guard let found = Self(rawValue: Int(digit) - 0x30) else { return nil }
            self = found
            return
        }
        return nil
    }
}
