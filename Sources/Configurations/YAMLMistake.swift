/// What people write in YAML and mean otherwise than it is read: paths and colours without quotes, tabs, a colon without
/// a blank, backslashes. Found in the text, since the parser is at a loss elsewhere, or content with less.
enum YAMLMistake {
    /// Where the mistake is, and what to do.
    typealias Finding = (line: Int, words: String)

    /// The mistake behind an error of the parser at a line (from 1); nil where none is recognised.
    ///
    /// A bracket that a colour's # leaves open is missed lines later, so that those before are looked at too.
    static func near(line: Int, in lines: [Substring]) -> Finding? {
        let here = min(max(line, 1), max(lines.count, 1))
        for number in [here, here - 1, here - 2] where lines.indices.contains(number - 1) {
            // Where a colon lacks a blank the parser stumbles on the next line.
            if let words = words(of: lines[number - 1], isBefore: number < here) { return (number, words) }
        }
        for number in (max(1, here - 20)...here).reversed() where lines.indices.contains(number - 1) {
            if hasBareColor(unquoted(lines[number - 1])) { return (number, colorWords) }
        }
        return nil
    }

    /// A mistake in a text that can be read, but not as it was meant: a colour that is a comment, an anchor of nothing.
    static func silent(in lines: [Substring]) -> Finding? {
        for (index, line) in lines.enumerated() {
            let bare = unquoted(line)
            let isColors = bare.contains(#/(class_colors|ignore_color|palette|labels)\s*:\s*#[0-9A-Fa-f]{6}\b/#)
            // Of a list in brackets the rest of the line would be missing, of an item all of it.
            let isInList = bare.contains(#/[\[,]\s*#[0-9A-Fa-f]{6}\b/#)
            if isColors || isInList || bare.contains(#/^\s*-\s+#([0-9A-Fa-f]{6})\s*$/#) {
                return (index + 1, colorWords)
            }
            if let match = bare.firstMatch(of: #/^\s*\w+:\s+(&\S*)\s*$/#), !hasAlias(match.output.1, in: lines),
                !continues(index, in: lines)
            {
                return (index + 1, "'\(match.output.1)' gives a name to nothing: put the value in quotes")
            }
        }
        return nil
    }

    /// A path without quotes that a # behind a blank cuts short: not there as it is read, and there as it is written.
    ///
    /// - Parameter exists: whether a path of this key leads to something.
    static func cutPath(in lines: [Substring], exists: (_ key: String, _ path: String) -> Bool) -> Finding? {
        for (index, line) in lines.enumerated() {
            guard let match = line.firstMatch(of: #/^\s*(\w+):\s+(([^"'#\[{][^#]*?)\s+#\S.*?)\s*$/#),
                case (let key, let whole, let part) = (String(match.1), String(match.2), String(match.3)),
                paths.contains(key),
                !exists(key, part), exists(key, whole)
            else { continue }
            return (
                index + 1,
                "'\(part)' is what was read of \(key): a # behind a blank begins a comment, put the path in quotes"
            )
        }
        return nil
    }

    /// Keys whose values are paths, which hold no tabs and no line ends.
    static let paths: Set = ["root", "images", "labels", "list", "output", "initialize_from"]

    // MARK: - Parts

    private static let colorWords = "put colours in quotes, as in \"#FF8000\": # begins a comment"

    private static func words(of line: Substring, isBefore: Bool) -> String? {
        if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") { return "indent with spaces, not tabs" }
        let bare = unquoted(line)
        if hasBareColor(bare) { return colorWords }
        if let match = bare.firstMatch(of: #/(?:[:\-]\s+|[\[,{]\s*)([*&!%@`][^\s,\]}]*)/#) {
            return "put a value that begins with '\(match.output.1.prefix(1))' in quotes, as in \"\(match.output.1)\""
        }
        if !isBefore, line.contains(#/"[^"]*\\[^"]*/#) {
            return "in double quotes a backslash begins an escape: write / in paths, or single quotes"
        }
        if bare.contains(#/^\s*(?:-\s+)?[A-Za-z_]+:[^\s:\/\\]/#) || bare.contains(#/[{,]\s*[a-z_]+:[^\s\/\\]/#) {
            return "write a blank after the colon"
        }
        if line.contains(#/\S\s+#\S/#), !line.contains(#/^\s*#/#) {
            return "a # behind a blank begins a comment: put a value that holds one in quotes"
        }
        return nil
    }

    private static func hasBareColor(_ bare: String) -> Bool {
        bare.contains(#/(?:[\[,:]|-\s)\s*#[0-9A-Fa-f]{3,8}\b/#)
    }

    private static func hasAlias(_ anchor: Substring, in lines: [Substring]) -> Bool {
        anchor.count > 1 && lines.contains { unquoted($0).contains("*\(anchor.dropFirst())") }
    }

    /// Whether the value of the key on a line stands below it.
    private static func continues(_ index: Int, in lines: [Substring]) -> Bool {
        func indentation(_ line: Substring) -> Int { line.prefix { $0 == " " }.count }
        let next = lines[(index + 1)...].first { line in
            let text = line.drop { $0 == " " }
            return !text.isEmpty && !text.hasPrefix("#")
        }
        return next.map { indentation($0) > indentation(lines[index]) || $0.drop { $0 == " " }.hasPrefix("- ") }
            ?? false
    }

    /// The line with blanks where it has quoted texts, and without its comment, unless that is where a colour belongs.
    private static func unquoted(_ line: Substring) -> String {
        var quote: Character?
        var result = ""
        var last: Character = " "
        for (offset, character) in line.enumerated() {
            if let open = quote {
                if character == open, !(open == "\"" && last == "\\") { quote = nil }
                result.append(" ")
            } else if character == "\"" || character == "'", " [{,:-".contains(last) {
                quote = character
                result.append(" ")
            } else if character == "#", " \t[,".contains(last) {
                let before = result.last { $0 != " " && $0 != "\t" }
                let isColor = line.dropFirst(offset).prefixMatch(of: #/#[0-9A-Fa-f]{3,8}\b/#) != nil
                guard isColor, before.map({ "[,:-".contains($0) }) == true else { break }
                result.append(character)
            } else {
                result.append(character)
            }
            last = character
        }
        return result
    }
}
