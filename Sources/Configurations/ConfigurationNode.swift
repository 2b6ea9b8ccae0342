/// Where a value of a configuration was written, for the beginning of an error message.
package enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    /// A line of a file, from 1.
    case line(file: String, Int)
    /// A `--set KEY=VALUE` as it was typed.
    case setting(String)

    package var description: String {
        switch self {
        case .line(let file, let line): "\(file) line \(line)"
        case .setting(let text): "--set \(text.shortened)"
        }
    }

    var isSetting: Bool { if case .setting = self { true } else { false } }
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
        case .scalar(let text, isPlain: true): "'\(text.shortened)'"
        case .scalar(let text, isPlain: false): "the text \(YAMLText.quoted(text.shortened))"
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
