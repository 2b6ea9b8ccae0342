internal import CTIFF
import Support

/// Compressions of TIFF files that cannot be read here, by their names.
enum TIFFCompression {
    /// The failure of an image whose compression cannot be decoded; nil where it can.
    static func refusal(_ header: ctiff_header, _ reader: OpaquePointer, name: String) -> Failure? {
        guard ctiff_is_decodable(reader) != 0 else { return unsupported(self.name(of: header.compression), name) }
        guard header.compression == 7, let (marker, bits) = jpegFrame(firstBytes(reader, 4096)) else { return nil }
        // Baseline, extended and progressive, with Huffman or arithmetic coding, are what libjpeg decodes.
        guard [0xC0, 0xC1, 0xC2, 0xC9, 0xCA].contains(marker) else {
            return unsupported(String(JPEG.process(Int32(marker)).dropFirst(2)), name)
        }
        return bits == 8 ? nil : unsupported("JPEG of \(bits) bits a sample", name)
    }

    private static func unsupported(_ compression: String, _ name: String) -> Failure {
        .request(
            "image \(name) is compressed with \(compression), which is not supported here: save it anew, as does python -c "
                + "\"import tifffile; tifffile.imwrite('OUT.tif', tifffile.imread('IN.tif'), compression='zlib')\" "
                + "(with imagecodecs installed)")
    }

    /// Whether samples are not kept as they are, of the compressions that can be decoded.
    static func isLossy(_ header: ctiff_header, _ reader: OpaquePointer) -> Bool {
        switch header.compression {
        case 7: return true
        case 34927, 50001:
            // "RIFF", a length, "WEBP", and the kind of the first chunk: VP8L and VP8X may be without loss.
            return firstBytes(reader, 16).dropFirst(12).elementsEqual("VP8 ".utf8)
        case 34887:
            // Lerc2 of version 4 and later has the largest error at this place; integers are rounded back from one half.
            let bytes = firstBytes(reader, 50)
            guard bytes.starts(with: "Lerc2 ".utf8), bytes.count == 50, (4...5).contains(bytes[6]) else { return false }
            let error = Double(bitPattern: bytes[42...].reversed().reduce(0) { $0 << 8 | UInt64($1) })
            return error > (header.format == 3 ? 0 : 0.5)
        default: return false
        }
    }

    private static func firstBytes(_ reader: OpaquePointer, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = ctiff_first_bytes(reader, buffer.baseAddress!, count)
        }
    }

    /// The frame header of a JPEG stream: the number of its SOF marker (0xC0 to 0xCF) and bits of a sample; nil where there
    /// is none (ISO/IEC 10918-1, B.1).
    private static func jpegFrame(_ bytes: [UInt8]) -> (marker: UInt8, bits: UInt8)? {
        // Segments, each with its length, follow the start of the image.
        var at = 2
        while at + 5 <= bytes.count, bytes[at] == 0xFF {
            let kind = bytes[at + 1]
            if (0xC0...0xCF).contains(kind), ![0xC4, 0xC8, 0xCC].contains(kind) { return (kind, bytes[at + 4]) }
            at += 2 + (Int(bytes[at + 2]) << 8 | Int(bytes[at + 3]))
        }
        return nil
    }

    /// What a number of the tag Compression stands for.
    static func name(of compression: UInt16) -> String {
        switch compression {
        case 1: "nothing"
        case 2, 32771: "CCITT run lengths"
        case 3: "CCITT Group 3 fax"
        case 4: "CCITT Group 4 fax"
        case 5: "LZW"
        case 6: "JPEG of the old style"
        case 7: "JPEG"
        case 8, 32946: "Deflate"
        case 9, 10, 34661: "JBIG"
        case 22610, 34934: "JPEG XR"
        case 32773: "PackBits"
        case 33003, 33004, 33005, 34712: "JPEG 2000"
        case 33007: "JPEG 2000 of another kind"
        case 34676, 34677: "SGI LogLuv"
        case 34713: "Nikon NEF"
        case 34887: "LERC"
        case 34892: "lossy JPEG of DNG"
        case 34925: "LZMA"
        case 34926, 50000: "ZSTD"
        case 34927, 50001: "WebP"
        case 34933: "PNG"
        case 50002, 52546: "JPEG XL"
        case 65000...65002: "EER of electron counting"
        default: "a way of its own (Compression \(compression))"
        }
    }
}
