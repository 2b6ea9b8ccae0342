import Support

/// The JSON header of a safetensors file: an object of tensors by name, and the texts of `__metadata__`.
///
/// Of JSON (RFC 8259) it takes what the format has, and passes over the rest of it where it may stand. It is read in one
/// pass, and a name that is given twice is refused, which a general reader resolves without a word.
struct SafetensorsHeader {
    struct Entry {
        let name: String
        let type: String
        let shape: [Int]
        /// From the end of the header.
        let begin: Int
        let end: Int
    }

    /// What is wrong, to follow the file's name and a colon.
    struct Flaw: Error {
        let problem: String
    }

    private(set) var entries: [Entry] = []
    private(set) var metadata: [String: String] = [:]

    /// Bytes that a header may have: the format's own limit (huggingface/safetensors, MAX_HEADER_SIZE).
    static let mostBytes = 100_000_000
    /// Tensors that a file may have.
    private static let mostTensors = 1 << 17

    init(_ bytes: UnsafeRawBufferPointer) throws(Flaw) {
        var scanner = JSONScanner(bytes)
        var names: Set<String> = []
        var hasMetadata = false
        try scanner.object { name, scanner throws(Flaw) in
            if name == "__metadata__" {
                guard !hasMetadata else { throw Flaw(problem: "its metadata are given twice") }
                hasMetadata = true
                metadata = try Self.metadata(&scanner)
                return
            }
            guard names.insert(name).inserted else { throw Flaw(problem: "\(name.shortened) is given twice") }
            guard names.count <= Self.mostTensors else {
                throw Flaw(problem: "it has more than \(Self.mostTensors) tensors")
            }
            guard let entry = try? Self.entry(name, &scanner) else {
                throw Flaw(problem: "the entry of \(name.shortened) makes no sense")
            }
            entries.append(entry)
        }
        guard scanner.isAtEnd else { throw Flaw.noJSON }
    }

    private static func metadata(_ scanner: inout JSONScanner) throws(Flaw) -> [String: String] {
        var found: [String: String] = [:]
        if scanner.takesNull() { return [:] }
        try scanner.object { key, scanner throws(Flaw) in
            let value = try scanner.string()
            guard found.updateValue(value, forKey: key) == nil else {
                throw Flaw(problem: "its metadata give \(key.shortened) twice")
            }
        }
        return found
    }

    private static func entry(_ name: String, _ scanner: inout JSONScanner) throws(Flaw) -> Entry {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { key, scanner throws(Flaw) in
            switch key {
            case "dtype" where type == nil: type = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.numbers()
            case "data_offsets" where offsets == nil: offsets = try scanner.numbers()
            default: throw Flaw.noJSON
            }
        }
        guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else { throw Flaw.noJSON }
        return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }
}

extension SafetensorsHeader.Flaw {
    static let noJSON = Self(problem: "its header is not JSON")
}

/// Reads the parts of JSON of which a header consists.
private struct JSONScanner {
    typealias Flaw = SafetensorsHeader.Flaw

    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether nothing but blanks follows.
    var isAtEnd: Bool {
        mutating get {
            skipBlanks()
            return at == bytes.count
        }
    }

    private mutating func skipBlanks() {
        while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    private mutating func takes(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    mutating func takesNull() -> Bool {
        skipBlanks()
        guard bytes[at...].starts(with: "null".utf8) else { return false }
        at += 4
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Flaw) {
        guard takes(character) else { throw Flaw.noJSON }
    }

    /// An object; `value` reads the value of each name.
    mutating func object(_ value: (String, inout JSONScanner) throws(Flaw) -> Void) throws(Flaw) {
        try expect("{")
        if takes("}") { return }
        repeat {
            let name = try string()
            try expect(":")
            try value(name, &self)
        } while takes(",")
        try expect("}")
    }

    /// A list of whole numbers from 0 up.
    mutating func numbers() throws(Flaw) -> [Int] {
        var numbers: [Int] = []
        try expect("[")
        if takes("]") { return [] }
        repeat {
            skipBlanks()
            let start = at
            var number = 0
            while at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) {
                let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
                let (sum, overflows) = tens.addingReportingOverflow(Int(bytes[at] - UInt8(ascii: "0")))
                guard !isTooLarge, !overflows else { throw Flaw.noJSON }
                number = sum
                at += 1
            }
            // No tensor has so many axes.
            guard at > start, numbers.count < 64 else { throw Flaw.noJSON }
            numbers.append(number)
        } while takes(",")
        try expect("]")
        return numbers
    }

    mutating func string() throws(Flaw) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while at < bytes.count {
            let start = at
            while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20
            {
                at += 1
            }
            text.append(contentsOf: bytes[start..<at])
            guard at < bytes.count else { break }
            if bytes[at] == UInt8(ascii: "\"") {
                at += 1
                guard let string = String(validating: text, as: UTF8.self) else { throw Flaw.noJSON }
                return string
            }
            guard bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count else { break }
            at += 2
            text.append(contentsOf: try escaped(bytes[at - 1]))
        }
        throw Flaw.noJSON
    }

    /// What a backslash and this character stand for, in UTF-8.
    private mutating func escaped(_ character: UInt8) throws(Flaw) -> [UInt8] {
        switch Unicode.Scalar(character) {
        case "\"", "\\", "/": return [character]
        case "b": return [0x08]
        case "f": return [0x0C]
        case "n": return [0x0A]
        case "r": return [0x0D]
        case "t": return [0x09]
        case "u":
            let first = try hexadecimal()
            guard (0xD800..<0xDC00).contains(first) else { return try encoded(first) }
            // Half of a pair (RFC 8259, section 7).
            guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
                break
            }
            at += 2
            let second = try hexadecimal()
            guard (0xDC00..<0xE000).contains(second) else { break }
            return try encoded(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        default: break
        }
        throw Flaw.noJSON
    }

    private mutating func hexadecimal() throws(Flaw) -> UInt32 {
        guard at + 4 <= bytes.count else { throw Flaw.noJSON }
        var value: UInt32 = 0
        for byte in bytes[at..<at + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw Flaw.noJSON }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }

    private func encoded(_ value: UInt32) throws(Flaw) -> [UInt8] {
        guard let scalar = Unicode.Scalar(value) else { throw Flaw.noJSON }
        return Array(String(scalar).utf8)
    }
}
