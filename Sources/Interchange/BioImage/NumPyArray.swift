import Foundation

/// An array in NumPy's file format (`numpy.lib.format`, version 1.0), row-major and little-endian.
enum NumPyArray {
    static func bytes(_ values: [Float], shape: [Int]) -> Data {
        bytes("<f4", shape) { values.withUnsafeBytes { Data($0) } }
    }

    static func bytes(_ values: [UInt16], shape: [Int]) -> Data {
        bytes("<u2", shape) { values.withUnsafeBytes { Data($0) } }
    }

    static func bytes(_ values: [UInt8], shape: [Int]) -> Data { bytes("|u1", shape) { Data(values) } }

    private static func bytes(_ type: String, _ shape: [Int], _ values: () -> Data) -> Data {
        let sides = shape.map { "\($0)," }.joined(separator: " ")
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sides)), }"
        // The values begin at a multiple of 64 bytes: magic, version and the header's length take ten.
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        let count = header.utf8.count
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(count & 0xFF), UInt8(count >> 8)]) + Data(header.utf8)
            + values()
    }
}
