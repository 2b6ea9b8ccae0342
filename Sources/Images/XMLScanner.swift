/// Goes through an XML document tag by tag: what OME's metadata need, without entities of their own and without checks
/// that tags fit each other.
struct XMLScanner {
    enum Event {
        /// Names are without their prefixes. An element that is opened and closed at once is opened, and not closed.
        case open(name: String, attributes: [String: String])
        case close(name: String)
        case text(String)
    }

    private let bytes: [UInt8]
    private var at = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// False where the scan has stopped at something that is no XML.
    var isAtEnd: Bool { at == bytes.count }

    /// The next event; nil at the end, and where something is no XML.
    mutating func next() -> Event? {
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "<") else { return text() }
            if starts("<!--") {
                guard skip(past: "-->") else { return nil }
            } else if starts("<![CDATA[") {
                let start = at + 9
                guard skip(past: "]]>") else { return nil }
                return .text(String(decoding: bytes[start..<at - 3], as: UTF8.self))
            } else if starts("<?") {
                guard skip(past: "?>") else { return nil }
            } else if starts("<!") {
                guard skip(past: ">") else { return nil }
            } else {
                return tag()
            }
        }
        return nil
    }

    private func starts(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    private mutating func skip(past end: String) -> Bool {
        guard let found = bytes[at...].firstRange(of: Array(end.utf8)) else { return false }
        at = found.upperBound
        return true
    }

    private mutating func text() -> Event {
        let start = at
        at = bytes[at...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
        return .text(Self.decoded(bytes[start..<at]))
    }

    /// A tag from its `<` to its `>`; the scan stays at the `<` where it is none.
    private mutating func tag() -> Event? {
        var place = at + 1
        func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        func skipSpace() { while place < bytes.count, isSpace(bytes[place]) { place += 1 } }
        func word() -> String {
            let start = place
            let ends = Array("=/> \t\r\n<\"'".utf8)
            while place < bytes.count, !ends.contains(bytes[place]) { place += 1 }
            let name = String(decoding: bytes[start..<place], as: UTF8.self)
            return name.split(separator: ":").last.map(String.init) ?? name
        }
        let isClosing = place < bytes.count && bytes[place] == UInt8(ascii: "/")
        if isClosing { place += 1 }
        let name = word()
        guard !name.isEmpty else { return nil }
        var attributes: [String: String] = [:]
        while true {
            skipSpace()
            guard place < bytes.count else { return nil }
            if bytes[place] == UInt8(ascii: ">") {
                at = place + 1
                return isClosing ? .close(name: name) : .open(name: name, attributes: attributes)
            }
            if bytes[place] == UInt8(ascii: "/") {
                place += 1
                continue
            }
            let key = word()
            skipSpace()
            guard !key.isEmpty, place < bytes.count, bytes[place] == UInt8(ascii: "=") else { return nil }
            place += 1
            skipSpace()
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") || bytes[place] == UInt8(ascii: "'"),
                let end = bytes[(place + 1)...].firstIndex(of: bytes[place])
            else { return nil }
            attributes[key] = Self.decoded(bytes[place + 1..<end])
            place = end + 1
        }
    }

    /// Text with the entities that XML knows by itself resolved.
    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("&") else { return text }
        let named = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"]
        var parts = text.split(separator: "&", omittingEmptySubsequences: false)
        var result = String(parts.removeFirst())
        for part in parts {
            guard let end = part.firstIndex(of: ";") else {
                result += "&" + part
                continue
            }
            let entity = part[..<end]
            let code =
                entity.hasPrefix("#x") ? UInt32(entity.dropFirst(2), radix: 16) : UInt32(entity.dropFirst())
            let numbered = entity.hasPrefix("#") ? code.flatMap(UnicodeScalar.init).map { String($0) } : nil
            result += (named[String(entity)] ?? numbered ?? "&\(entity);") + part[part.index(after: end)...]
        }
        return result
    }
}
