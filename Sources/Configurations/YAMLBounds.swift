import Support

/// How much a YAML document may make of its text: a few hundred bytes of aliases, each of which stands for several others,
/// would be gigabytes once they are written out.
enum YAMLBounds {
    /// Bytes of a document's text.
    static let mostBytes = 1 << 20
    /// Values of a document, those that aliases stand for counted each time.
    static let mostValues = 1 << 17
    /// Aliases, and anchors that they may name. With 16 a document is at most 243 times as large as its text, which the
    /// parser, that compares what they stand for where they are keys, is done with in time.
    private static let mostAliases = 16
    private static let mostAnchors = 64
    /// Longer lines are not searched for what people write by mistake.
    static let mostSearched = 512

    /// Throws `Failure.request` where a text is too large, or has too many aliases, before it is parsed.
    ///
    /// - Parameter place: how an error about a line (from 1) begins.
    static func check(_ yaml: String, place: (Int) -> String) throws {
        guard yaml.utf8.count <= mostBytes else {
            throw Failure.request(
                "\(place(1)): the text has \(grouped(yaml.utf8.count)) bytes, and \(grouped(mostBytes)) are the most: shorten it"
            )
        }
        var (aliases, anchors, line) = (0, 0, 1)
        var isStart = true
        var mark: UInt8?
        // Whatever may be an alias counts as one, in quotes and comments too: a word that begins with * or &.
        for byte in yaml.utf8 {
            if let sign = mark {
                let isWord = !isBlank(byte) && !",[]{}".utf8.contains(byte)
                if isWord, sign == UInt8(ascii: "*") { aliases += 1 }
                if isWord, sign == UInt8(ascii: "&") { anchors += 1 }
                guard anchors <= mostAnchors, anchors == 0 || aliases <= mostAliases else {
                    throw Failure.request(
                        "\(place(line)): more than \(anchors > mostAnchors ? "\(mostAnchors) anchors (&name)" : "\(mostAliases) aliases (*name)") "
                            + "are not read: write the values out")
                }
            }
            mark = isStart && (byte == UInt8(ascii: "*") || byte == UInt8(ascii: "&")) ? byte : nil
            // Beyond ASCII there are ends of lines too.
            isStart = isBlank(byte) || byte >= 0x80 || ",[]{}:-?".utf8.contains(byte)
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
