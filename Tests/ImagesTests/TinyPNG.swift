import Foundation

/// PNG files put together byte by byte, so that the reader is not only tested against our own writer: every colour
/// type, bit depth and interlacing, stored in deflate's uncompressed blocks.
struct TinyPNG {
    /// Colour types of the standard's table 11.1.
    enum Color: UInt8, CaseIterable {
        case grey = 0
        case rgb = 2
        case palette = 3
        case greyAlpha = 4
        case rgba = 6

        var samplesOfPixel: Int {
            switch self {
            case .grey, .palette: 1
            case .greyAlpha: 2
            case .rgb: 3
            case .rgba: 4
            }
        }
    }

    var width: Int
    var height: Int
    var color: Color
    var depth: Int
    var interlaced = false
    /// All samples, alpha included, row by row.
    var samples: [Int]
    var palette: [UInt8] = []
    /// A `tRNS` chunk, if not empty.
    var transparency: [UInt8] = []

    /// The whole file.
    var bytes: [UInt8] {
        var header = big(width, 4) + big(height, 4)
        header += [UInt8(depth), color.rawValue, 0, 0, interlaced ? 1 : 0]
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
        if !palette.isEmpty { file += Self.chunk("PLTE", palette) }
        if !transparency.isEmpty { file += Self.chunk("tRNS", transparency) }
        return file + Self.chunk("IDAT", Self.zlibStored(rows)) + Self.chunk("IEND", [])
    }

    /// Filter bytes and packed rows, pass after pass.
    private var rows: [UInt8] {
        guard interlaced else { return pass(x0: 0, y0: 0, dx: 1, dy: 1) }
        let adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        return adam7.flatMap { pass(x0: $0.0, y0: $0.1, dx: $0.2, dy: $0.3) }
    }

    private func pass(x0: Int, y0: Int, dx: Int, dy: Int) -> [UInt8] {
        guard x0 < width else { return [] }
        let channels = color.samplesOfPixel
        return stride(from: y0, to: height, by: dy).flatMap { y -> [UInt8] in
            let row = stride(from: x0, to: width, by: dx).flatMap { x in
                (0..<channels).map { samples[(y * width + x) * channels + $0] }
            }
            return [0] + packed(row)
        }
    }

    private func packed(_ row: [Int]) -> [UInt8] {
        if depth == 16 { return row.flatMap { big($0, 2) } }
        var bytes = [UInt8](repeating: 0, count: (row.count * depth + 7) / 8)
        for (i, sample) in row.enumerated() {
            bytes[i * depth / 8] |= UInt8(sample) << UInt8(8 - depth - i * depth % 8)
        }
        return bytes
    }

    static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        return big(data.count, 4) + body + big(Int(crc32(body)), 4)
    }

    private static func zlibStored(_ data: [UInt8]) -> [UInt8] {
        precondition(data.count <= 65535)
        var a = 1
        var b = 0
        for byte in data {
            a = (a + Int(byte)) % 65521
            b = (b + a) % 65521
        }
        let count = [UInt8(data.count & 0xFF), UInt8(data.count >> 8)]
        return [0x78, 0x01, 0x01] + count + count.map { ~$0 } + data + big(b << 16 | a, 4)
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = ~0
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}

private func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(value >> (8 * $0) & 0xFF) }
}

/// A new folder that goes away with the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in the folder.
    func file(_ name: String) -> String { path + "/" + name }

    /// Writes bytes to a file and gives its path.
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}
