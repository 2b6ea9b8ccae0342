import Datasets
import Support

/// The reference of a configuration's keys: what `lockstep config` prints.
package struct ConfigurationReference: Sendable, Encodable {
    /// One key or section.
    package struct Entry: Sendable, Encodable, Equatable {
        /// With its sections before it: `optimizer.momentum`.
        package private(set) var key: String
        package let type: ConfigurationType
        /// Which values of the type are possible; nil: all, or it takes other keys to say.
        package let allowed: String?
        /// The value where the key is missing, as YAML; nil: none.
        package let `default`: String?
        /// Whether a configuration must have the key.
        package let isRequired: Bool
        /// One or two sentences.
        package let meaning: String

        init(
            key: String, type: ConfigurationType, allowed: String? = nil, default: String? = nil,
            isRequired: Bool = false, meaning: String
        ) {
            (self.key, self.type, self.allowed) = (key, type, allowed)
            (self.default, self.isRequired, self.meaning) = (`default`, isRequired, meaning)
        }

        /// The same key of a section that is itself below another.
        func below(_ section: String) -> Self {
            var entry = self
            entry.key = "\(section).\(key)"
            return entry
        }

        private enum CodingKeys: CodingKey { case key, type, values, allowed, `default`, required, meaning }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(key, forKey: .key)
            try container.encode("\(type)", forKey: .type)
            if case .word(let words) = type { try container.encode(words, forKey: .values) }
            try container.encodeIfPresent(allowed, forKey: .allowed)
            try container.encodeIfPresent(`default`, forKey: .default)
            try container.encode(isRequired, forKey: .required)
            try container.encode(meaning, forKey: .meaning)
        }
    }

    /// Each section before its keys, in the order of a `config.yaml`.
    package let keys: [Entry]

    /// All keys.
    package static let all = ConfigurationReference(
        keys: Configuration.keys.describe(Configuration(data: .init(train: .files(images: "", labels: "")))))

    private init(keys: [Entry]) { self.keys = keys }

    /// A key or a section with all that is below it.
    ///
    /// - Throws: a request's failure that names the nearest key where there is none of that name.
    package init(key: String) throws {
        keys = Self.all.keys.filter { $0.key == key || $0.key.hasPrefix("\(key).") }
        guard keys.isEmpty else { return }
        let path = key.split(separator: ".").dropLast().joined(separator: ".")
        let beside = Configuration.everyKey.filter {
            $0.split(separator: ".").dropLast().joined(separator: ".") == path
        }
        let leaf = { (key: String) in String(key.split(separator: ".").last ?? "") }
        let guess = SectionReader.guess(
            leaf(key), in: path, keys: beside.map(leaf), everyKey: Configuration.everyKey)
        throw Failure.request(
            "unknown key '\(key)': "
                + (guess.map { "did you mean '\($0)'?" } ?? "lockstep config without a key lists all of them"))
    }

    /// The keys for a person to read: of each, a line with type and default in columns, and what it means below.
    package var text: String {
        let entries = keys.map { entry in
            let type = "\(entry.type)"
            // A long list of words would push the default out of sight.
            let isLong = type.count > 60
            let fact = isLong ? "one of the words below" : entry.allowed.map { "\(type), \($0)" } ?? type
            let lines = Self.wrapped(entry.meaning) + (isLong ? Self.wrapped("One of \(type).") : [])
            return (columns: [entry.key, fact, Self.value(of: entry)], lines: lines)
        }
        return zip(alignedLines(entries.map(\.columns), left: 3), entries).map { line, entry in
            ([line] + entry.lines.map { "    \($0)" }).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private static func value(of entry: Entry) -> String {
        if entry.isRequired { return "required" }
        return entry.default.map { "default \($0)" } ?? ""
    }

    /// Breaks a text into lines of `width` characters at most, where no word is longer.
    private static func wrapped(_ text: String, width: Int = 96) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
