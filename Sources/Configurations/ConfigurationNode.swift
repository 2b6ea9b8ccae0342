/// Where a value of a configuration was written, for the beginning of an error message.
package enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    /// A line of a file, from 1.
    case line(file: String, Int)
    /// A `--set KEY=VALUE` as it was typed.
    case setting(String)

    package var description: String {
        switch self {
        case .line(let file, let line): "\(file) line \(line)"
        case .setting(let text): "--set \(text)"
        }
    }

    package var isSetting: Bool { if case .setting = self { true } else { false } }
}

/// A YAML document as a tree whose every value remembers where it came from.
package struct ConfigurationNode: Sendable {
    package enum Content: Sendable {
        /// `null`, `~`, or nothing after the colon.
        case null
        /// `isPlain` where there are no quotes around it: only then may it be a number or a truth value.
        case scalar(String, isPlain: Bool)
        case list([ConfigurationNode])
        case section([Entry])
    }

    package struct Entry: Sendable {
        package var key: String
        /// Where the key stands; the value's own origin may be a line below.
        package var origin: ConfigurationOrigin
        package var value: ConfigurationNode
    }

    package var content: Content
    package var origin: ConfigurationOrigin

    package init(_ content: Content, at origin: ConfigurationOrigin) {
        self.content = content
        self.origin = origin
    }

    /// The entries of a section, none for `null`; nil for anything else.
    package var entries: [Entry]? {
        switch content {
        case .section(let entries): entries
        case .null: []
        case .scalar, .list: nil
        }
    }

    /// Puts `value` at the dotted key `path`, making the sections that lead there; whatever stood there is replaced,
    /// a scalar or list on the way too.
    package mutating func set(_ path: ArraySlice<String>, to value: ConfigurationNode) {
        guard let key = path.first else {
            self = value
            return
        }
        var entries = entries ?? []
        let index = entries.firstIndex { $0.key == key } ?? entries.count
        if index == entries.count {
            entries.append(Entry(key: key, origin: value.origin, value: Self(.null, at: value.origin)))
        }
        entries[index].value.set(path.dropFirst(), to: value)
        // The entry is the setting's only where all of it is: an unknown key in the file remains the file's.
        if path.count == 1 { entries[index].origin = value.origin }
        content = .section(entries)
    }

    /// The value as YAML in one line.
    package var text: String {
        switch content {
        case .null: "null"
        case .scalar(let text, let isPlain):
            isPlain && YAMLText.needsNoQuotes(text) ? text : YAMLText.quoted(text)
        case .list(let items): "[" + items.map(\.text).joined(separator: ", ") + "]"
        case .section(let entries):
            "{" + entries.map { "\(YAMLText.string($0.key)): \($0.value.text)" }.joined(separator: ", ") + "}"
        }
    }

    /// What the value is, in an error message: "text 'abc'", "a list", "nothing".
    package var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar(let text, isPlain: true): "'\(text)'"
        case .scalar(let text, isPlain: false): "the text \(YAMLText.quoted(text))"
        case .list: "a list"
        case .section: "a section"
        }
    }

    /// Every value that is not a section, by its dotted key, in the document's order.
    package var leaves: [(key: String, value: ConfigurationNode)] { leaves(below: "") }

    private func leaves(below path: String) -> [(key: String, value: ConfigurationNode)] {
        guard case .section(let entries) = content else { return [(path, self)] }
        return entries.flatMap { $0.value.leaves(below: path.isEmpty ? $0.key : "\(path).\($0.key)") }
    }
}

/// Values as YAML that reads back the same.
package enum YAMLText {
    /// Without quotes where YAML would read the same text.
    package static func string(_ text: String) -> String {
        let taken = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan", ".", "..."]
        let isText = !taken.contains(text.lowercased()) && Double(text) == nil && Double(text + "0") == nil
        return isText && text.first?.isNumber == false && needsNoQuotes(text) ? text : quoted(text)
    }

    /// Whether the text, number or truth value, can stand anywhere in YAML without quotes.
    package static func needsNoQuotes(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, !"*-".unicodeScalars.contains(first) || Double(text) != nil
        else { return false }
        return text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                || "_/.*+-".unicodeScalars.contains($0)
        }
    }

    /// In double quotes, with YAML's escapes.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0xFEFF:
                result +=
                    "\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count)
                    + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// The shortest digits that read back as the same number; whole numbers without a point.
    package static func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        let text = "\(value)"
        // YAML 1.1 takes 1e-05 for text: other programs that read the file want a point.
        guard let e = text.firstIndex(of: "e"), !text.contains(".") else { return text }
        return text[..<e] + ".0" + text[e...]
    }
}
