import Foundation

/// One record of a TFRecord file: its length in 8 bytes, a checksum of those, its bytes, and a checksum of them, all
/// numbers little-endian. A checksum is a masked CRC-32C.
package enum EventRecord {
    package static func framed(_ bytes: Data) -> Data {
        var record = Data(capacity: bytes.count + 16)
        record.append(littleEndian: UInt64(bytes.count))
        record.append(littleEndian: CRC32C.masked(record))
        record.append(bytes)
        record.append(littleEndian: CRC32C.masked(bytes))
        return record
    }
}

extension Data {
    fileprivate mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// The cyclic redundancy check with Castagnoli's polynomial (RFC 3720, appendix B.4).
package enum CRC32C {
    /// What a byte changes, for each byte; the polynomial's bits are reflected.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in (value >> 1) ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
    }

    package static func value(_ bytes: Data) -> UInt32 {
        ~table.withUnsafeBufferPointer { table in
            bytes.reduce(~0) { ($0 >> 8) ^ table[Int(($0 ^ UInt32($1)) & 0xFF)] }
        }
    }

    /// As TFRecord files hold it: a checksum of bytes that hold their own checksum would say little.
    package static func masked(_ bytes: Data) -> UInt32 {
        let value = value(bytes)
        return (value >> 15 | value << 17) &+ 0xA282_EAD8
    }
}
