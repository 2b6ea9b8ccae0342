internal import CTIFF
import Support

/// Compressions of TIFF files that cannot be read here, by their names.
enum TIFFCompression {
    /// The failure of an image whose compression cannot be decoded; nil where it can.
    static func refusal(_ header: ctiff_header, _ reader: OpaquePointer, name: String) -> Failure? {
        guard ctiff_is_decodable(reader) != 0 else { return unsupported(self.name(of: header.compression), name) }
        guard header.compression == 7 else { return nil }
        var (marker, bits) = (UInt8(0), UInt8(0))
        guard ctiff_jpeg_frame(reader, &marker, &bits) != 0 else { return nil }
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

    /// Whether samples are not kept as they are, of the compressions that can be decoded; WebP and LERC may keep them.
    static func isLossy(_ compression: UInt16) -> Bool { compression == 7 }

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
