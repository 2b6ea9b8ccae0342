extension String {
    /// The text without characters that move a terminal's cursor, change its colours, or turn the reading direction
    /// round: names of files, hosts, keys and tensors come from outside. Each is shown as its number, `\u{1B}` say.
    ///
    /// - Parameter keepingLines: leaves line feeds and tabs as they are, in a text of several lines.
    package func printable(keepingLines: Bool = false) -> String {
        guard unicodeScalars.contains(where: { $0.isUnprintable(keepingLines) }) else { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.isUnprintable(keepingLines) {
                text.append(contentsOf: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }

    /// A JSON document with the same characters written as JSON's escapes: inside its strings, the only place where they
    /// can be, they stay what they are.
    package var printableJSON: String {
        guard unicodeScalars.contains(where: { $0.isUnprintable(true) }) else { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.isUnprintable(true), scalar.value <= 0xFFFF {
                let digits = String(scalar.value, radix: 16)
                text.append(
                    contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }
}

extension Unicode.Scalar {
    /// Controls (C0, DEL, C1), the separators of lines and paragraphs, and what sets the direction of text.
    fileprivate func isUnprintable(_ keepingLines: Bool) -> Bool {
        switch value {
        case 0x09, 0x0A: !keepingLines
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
