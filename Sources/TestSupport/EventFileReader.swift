import Foundation

/// What TensorBoard's reader makes of the event files of a folder: written for tests from the formats' descriptions, and
/// knowing nothing of how the files are made.
package struct EventFileReader {
    package struct Point: Equatable {
        package let step: Int
        package let value: Float

        package init(step: Int, value: Float) { (self.step, self.value) = (step, value) }
    }

    package struct Picture: Equatable {
        package let step: Int
        package let width: Int
        package let height: Int
        package let channels: Int
        package let bytes: Data

        package init(step: Int, width: Int, height: Int, channels: Int, bytes: Data) {
            (self.step, self.width, self.height, self.channels, self.bytes) = (step, width, height, channels, bytes)
        }
    }

    package struct Damage: Error, CustomStringConvertible {
        package let description: String
    }

    /// Curves and pictures by their tags, in the order of the files.
    package private(set) var scalars: [String: [Point]] = [:]
    package private(set) var pictures: [String: [Picture]] = [:]
    /// The hyperparameters of each file, numbers, truths and texts as text.
    package private(set) var parameters: [[String: String]] = []
    /// Whether the run is said to have ended well.
    package private(set) var isEnded = false
    package private(set) var files: [String] = []

    /// Throws `Damage` where a file is not what it should be.
    package init(folder: String) throws {
        files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("tfevents") }.sorted()
        for name in files {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
            for (number, record) in try Self.records(bytes).enumerated() { try take(record, isFirst: number == 0) }
        }
    }

    // MARK: - Records

    /// Length, checksum of the length, bytes, checksum of the bytes.
    private static func records(_ bytes: [UInt8]) throws -> [[UInt8]] {
        var (rest, records) = (bytes[...], [[UInt8]]())
        while !rest.isEmpty {
            guard rest.count >= 12 else { throw Damage(description: "\(rest.count) bytes behind the last record") }
            let head = Array(rest.prefix(8))
            let length = Int(number(head))
            guard number(rest.dropFirst(8).prefix(4)) == UInt64(maskedChecksum(head)) else {
                throw Damage(description: "the checksum of a length is wrong")
            }
            guard length <= rest.count - 16 else { throw Damage(description: "a record is cut short") }
            let body = Array(rest.dropFirst(12).prefix(length))
            guard number(rest.dropFirst(12 + length).prefix(4)) == UInt64(maskedChecksum(body)) else {
                throw Damage(description: "the checksum of a record is wrong")
            }
            records.append(body)
            rest = rest.dropFirst(16 + length)
        }
        return records
    }

    private static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// CRC-32C bit by bit, rotated by 15 bits and moved.
    private static func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
        var value = UInt32.max
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78 }
        }
        value = ~value
        return (value >> 15 | value << 17) &+ 0xA282_EAD8
    }

    // MARK: - Messages

    /// A field of a message on the wire: a number as its bits, or bytes.
    private enum Field {
        case bits(UInt64)
        case bytes([UInt8])

        var bits: UInt64 { if case .bits(let bits) = self { bits } else { 0 } }
        var bytes: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// The fields of a message, by their number.
    private static func message(_ bytes: [UInt8]) throws -> [Int: [Field]] {
        var (rest, fields) = (bytes[...], [Int: [Field]]())
        func varint() throws -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 { return value }
            }
            throw Damage(description: "a message is cut short")
        }
        func take(_ count: Int) throws -> [UInt8] {
            guard count <= rest.count else { throw Damage(description: "a message is cut short") }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        while !rest.isEmpty {
            let key = try varint()
            let field: Field =
                switch key & 7 {
                case 0: .bits(try varint())
                case 1: .bits(number(try take(8)))
                case 2: .bytes(try take(Int(try varint())))
                case 5: .bits(number(try take(4)))
                default: throw Damage(description: "a field of wire type \(key & 7)")
                }
            fields[Int(key >> 3), default: []].append(field)
        }
        return fields
    }

    private mutating func take(_ record: [UInt8], isFirst: Bool) throws {
        let event = try Self.message(record)
        let step = Int(event[2]?.last?.bits ?? 0)
        let seconds = Double(bitPattern: event[1]?.last?.bits ?? 0)
        guard seconds > 1.5e9 else { throw Damage(description: "an event of the time \(seconds)") }
        guard isFirst == (event[3]?.last?.text == "brain.Event:2") else {
            throw Damage(description: "the version is not the first record of a file")
        }
        if let session = event[7]?.last, try Self.message(session.bytes)[1]?.last?.bits == 1 {
            // A start: what was there of this step and later ones is not any more.
            scalars = scalars.mapValues { $0.filter { $0.step < step } }
            pictures = pictures.mapValues { $0.filter { $0.step < step } }
        }
        for summary in event[5] ?? [] {
            for value in try Self.message(summary.bytes)[1] ?? [] {
                try take(try Self.message(value.bytes), step: step)
            }
        }
    }

    private mutating func take(_ value: [Int: [Field]], step: Int) throws {
        let tag = value[1]?.last?.text ?? ""
        if let scalar = value[2]?.last {
            scalars[tag, default: []].append(Point(step: step, value: Float(bitPattern: UInt32(scalar.bits))))
        }
        if let picture = try value[4]?.last.map({ try Self.message($0.bytes) }) {
            func side(_ number: Int) -> Int { Int(picture[number]?.last?.bits ?? 0) }
            pictures[tag, default: []].append(
                Picture(
                    step: step, width: side(2), height: side(1), channels: side(3),
                    bytes: Data(picture[4]?.last?.bytes ?? [])))
        }
        guard let metadata = value[9]?.last, let plugin = try Self.message(metadata.bytes)[1]?.last else { return }
        let data = try Self.message(plugin.bytes)
        guard data[1]?.last?.text == "hparams", let content = data[2]?.last else { return }
        let session = try Self.message(content.bytes)
        if let start = session[3]?.last, tag == "_hparams_/session_start_info" {
            parameters.append(try Self.parameters(Self.message(start.bytes)))
        }
        if let end = session[4]?.last, tag == "_hparams_/session_end_info" {
            isEnded = try Self.message(end.bytes)[1]?.last?.bits == 1
        }
    }

    private static func parameters(_ start: [Int: [Field]]) throws -> [String: String] {
        var parameters: [String: String] = [:]
        for entry in start[1] ?? [] {
            let pair = try message(entry.bytes)
            let value = try message(pair[2]?.last?.bytes ?? [])
            parameters[pair[1]?.last?.text ?? ""] =
                value[2].map { "\(Double(bitPattern: $0[0].bits))" } ?? value[3].map { $0[0].text }
                ?? value[4].map { $0[0].bits == 1 ? "true" : "false" }
        }
        return parameters
    }
}
