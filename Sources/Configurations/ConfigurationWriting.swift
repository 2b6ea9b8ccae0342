extension Configuration {
    /// The effective configuration, defaults and all, as YAML that decodes to an equal value.
    public var yaml: String { Self.keys.lines(self).map { $0 + "\n" }.joined() }
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
    static func needsNoQuotes(_ text: String) -> Bool {
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

    /// A list in one line, of items that are YAML already.
    package static func list(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }
}
