internal import CPNG
import Glibc

/// What a PNG file says of turning its picture, and of moving it. A chunk may stand behind the pixels, so that all but
/// those are looked through.
struct PNGMetadata {
    /// Upright where the file does not say, or is damaged: decoding it finds that.
    let orientation: ImageOrientation
    /// Pictures that follow each other (APNG); 1 where it does not say.
    private(set) var frames = 1

    /// Larger chunks than this hold no EXIF data.
    private static let mostBytes = 1 << 24

    init(_ path: String) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            orientation = .upright
            return
        }
        defer { close(file) }
        var exif: [UInt8]?
        var profile: [UInt8]?
        var xmp: [UInt8]?
        // After the signature; a chunk is its length, its name, its data and a checksum.
        var at = 8
        while let head = Self.bytes(file, at, 8) {
            let length = head.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            let name = String(decoding: head[4...], as: UTF8.self)
            func data() -> [UInt8]? { length <= Self.mostBytes ? Self.bytes(file, at + 8, length) : nil }
            switch name {
            case "acTL": frames = data().map { $0.prefix(4).reduce(0) { $0 << 8 | Int($1) } } ?? 1
            case "eXIf": exif = exif ?? data()
            case "tEXt", "zTXt", "iTXt":
                guard let text = data().flatMap({ Self.text($0, kind: name) }) else { break }
                if text.keyword == "Raw profile type exif" { profile = profile ?? Self.rawProfile(text.value) }
                if text.keyword == "XML:com.adobe.xmp" { xmp = xmp ?? text.value }
            default: break
            }
            if name == "IEND" { break }
            at += length + 12
        }
        orientation =
            (exif ?? profile).flatMap { ImageOrientation(exif: $0) } ?? xmp.flatMap { ImageOrientation(xmp: $0) }
            ?? .upright
    }

    private static func bytes(_ file: Int32, _ at: Int, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(file, &bytes, count, off_t(at)) == count ? bytes : nil
    }

    /// A text chunk's keyword and its text, inflated.
    private static func text(_ data: [UInt8], kind: String) -> (keyword: String, value: [UInt8])? {
        guard let end = data.firstIndex(of: 0) else { return nil }
        let keyword = String(decoding: data[..<end], as: UTF8.self)
        guard ["Raw profile type exif", "XML:com.adobe.xmp"].contains(keyword) else { return nil }
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
        return (keyword, isPacked ? inflate(Array(rest)) : Array(rest))
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
