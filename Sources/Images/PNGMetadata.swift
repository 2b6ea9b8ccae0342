internal import CPNG
import Support

/// What a PNG file says of turning its picture, and of moving it. A chunk may stand behind the pixels, so that all but
/// those are looked through.
struct PNGMetadata {
    /// Upright where the file does not say, or is damaged: decoding it finds that.
    let orientation: ImageOrientation
    /// Pictures that follow each other (APNG); 1 where it does not say.
    private(set) var frames = 1
    /// The resolution that pHYs gives, of the picture as it is shown.
    private(set) var tags = TIFFTags()

    /// Larger chunks than this hold no EXIF data.
    private static let mostBytes = 1 << 24

    /// Throws where the system withholds the file.
    init(_ path: String) throws {
        let file = try ImageFile.open(path)
        var exif: [UInt8]?
        var profile: [UInt8]?
        var xmp: [UInt8]?
        // After the signature; a chunk is its length, its name, its data and a checksum.
        var at = 8
        while true {
            let head = try file.bytes(at: at, count: 8)
            guard head.count == 8 else { break }
            let length = head.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            let name = String(decoding: head[4...], as: UTF8.self)
            // Of each kind the first counts: others are not unpacked, however many there are.
            if name == "acTL", length >= 4 {
                frames = try file.bytes(at: at + 8, count: 4).reduce(0) { $0 << 8 | Int($1) }
            } else if name == "pHYs", length == 9 {
                let bytes = try file.bytes(at: at + 8, count: 9)
                let perMetre = [bytes.prefix(4), bytes.dropFirst(4).prefix(4)].map { part in
                    part.reduce(0) { $0 << 8 | Int($1) }
                }
                // Without a unit it gives the pixels' shape alone.
                if bytes.count == 9, bytes[8] == 1, perMetre.allSatisfy({ $0 > 0 }) {
                    tags = TIFFTags(
                        resolution: (Float(perMetre[0]) / 100, Float(perMetre[1]) / 100),
                        resolutionUnit: .centimetre)
                }
            } else if name == "eXIf", exif == nil {
                exif = try Self.data(file, at + 8, length)
            } else if ["tEXt", "zTXt", "iTXt"].contains(name) {
                // A keyword has 79 bytes at most.
                let keyword = try file.bytes(at: at + 8, count: min(length, 80)).prefix { $0 != 0 }
                if profile == nil, keyword.elementsEqual("Raw profile type exif".utf8) {
                    profile = try Self.data(file, at + 8, length).flatMap { Self.text($0, kind: name) }.map(
                        Self.rawProfile)
                } else if xmp == nil, keyword.elementsEqual("XML:com.adobe.xmp".utf8) {
                    xmp = try Self.data(file, at + 8, length).flatMap { Self.text($0, kind: name) }
                }
            }
            if name == "IEND" { break }
            at += length + 12
        }
        orientation =
            (exif ?? profile).flatMap { ImageOrientation(exif: $0) } ?? xmp.flatMap { ImageOrientation(xmp: $0) }
            ?? .upright
        if orientation.swapsSides, let (x, y) = tags.resolution { tags.resolution = (y, x) }
    }

    /// A chunk's data; nil where they are too many, or cut short.
    private static func data(_ file: borrowing InputFile, _ at: Int, _ count: Int) throws -> [UInt8]? {
        guard count <= mostBytes else { return nil }
        let bytes = try file.bytes(at: at, count: count)
        return bytes.count == count ? bytes : nil
    }

    /// The text of a chunk, behind its keyword, inflated.
    private static func text(_ data: [UInt8], kind: String) -> [UInt8]? {
        guard let end = data.firstIndex(of: 0) else { return nil }
        var rest = data[(end + 1)...]
        var isPacked = false
        switch kind {
        case "zTXt":
            // The method of packing, of which there is one.
            rest = rest.dropFirst()
            isPacked = true
        case "iTXt":
            // Whether and how it is packed, the language, and the keyword in that language.
            isPacked = rest.first == 1
            rest = rest.dropFirst(2)
            for _ in 0..<2 {
                guard let end = rest.firstIndex(of: 0) else { return nil }
                rest = rest[(end + 1)...]
            }
        default: break
        }
        return isPacked ? inflate(Array(rest)) : Array(rest)
    }

    private static func inflate(_ packed: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: mostBytes) { buffer, filled in
            filled = cpng_inflate(packed, packed.count, buffer.baseAddress!, buffer.count)
        }
    }

    /// The bytes of a profile as ImageMagick writes it: a line break, a name, the length, and hexadecimal digits.
    private static func rawProfile(_ text: [UInt8]) -> [UInt8] {
        let lines = text.split(separator: 0x0A, maxSplits: 3, omittingEmptySubsequences: false)
        guard lines.count == 4 else { return [] }
        let digits = lines[3].compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
