import Images

/// The type of a key's value, as the reference names it.
package enum ConfigurationType: Sendable, Equatable, CustomStringConvertible {
    case integer, number, truth, text
    case word([String])
    /// A value that may have several forms, named in words.
    case form(String)
    case section
    /// A section, or `false`.
    case switchableSection

    package var description: String {
        switch self {
        case .integer: "whole number"
        case .number: "number"
        case .truth: "true or false"
        case .text: "text"
        case .word(let words): SectionReader.choice(words)
        case .form(let words): words
        case .section: "section"
        case .switchableSection: "section, or false"
        }
    }
}

/// How a value of one type is read from a configuration and written into it.
struct ConfigurationCodec<Value: Sendable>: Sendable {
    /// A key below one whose value has several forms.
    struct Part: Sendable {
        let name: String
        let type: ConfigurationType
        let meaning: String

        func entry(below key: String) -> ConfigurationReference.Entry {
            ConfigurationReference.Entry(key: "\(key).\(name)", type: type, meaning: meaning)
        }
    }

    let type: ConfigurationType
    let parts: [Part]
    /// Reads the key of a section; nil where it is missing or null.
    let read: @Sendable (SectionReader, String) throws -> Value?
    let write: @Sendable (Value) -> String

    init(
        _ type: ConfigurationType, parts: [Part] = [],
        read: @escaping @Sendable (SectionReader, String) throws -> Value?,
        write: @escaping @Sendable (Value) -> String
    ) {
        (self.type, self.parts, self.read, self.write) = (type, parts, read, write)
    }

    /// Refuses unknown keys where the value is a section of its parts.
    func open(_ key: String, in section: SectionReader) throws {
        if !parts.isEmpty, case .section = section.node(key)?.content {
            _ = try section.section(key, keys: parts.map(\.name))
        }
    }
}

extension ConfigurationCodec<Int> {
    static var integer: Self { Self(.integer, read: { try $0.integer($1) }, write: { String($0) }) }
}

extension ConfigurationCodec<UInt64> {
    /// A whole number, 0 or more.
    static var natural: Self {
        Self(
            .integer,
            read: { section, key in
                try section.integer(key).map { value in
                    guard let value = UInt64(exactly: value) else {
                        throw section.failure(key, "must be 0 or more, not \(value)")
                    }
                    return value
                }
            }, write: { String($0) })
    }
}

extension ConfigurationCodec<Double> {
    static var number: Self { Self(.number, read: { try $0.number($1) }, write: { YAMLText.number($0) }) }
}

extension ConfigurationCodec<Bool> {
    static var truth: Self { Self(.truth, read: { try $0.truth($1) }, write: { String($0) }) }
}

extension ConfigurationCodec<String> {
    static var text: Self { Self(.text, read: { try $0.text($1) }, write: { YAMLText.string($0) }) }
}

extension ConfigurationCodec<[String]> {
    static var texts: Self {
        Self(.form("list of texts"), read: { try $0.texts($1) }, write: { YAMLText.list($0.map(YAMLText.string)) })
    }
}

extension ConfigurationCodec<RGBColor> {
    static var color: Self {
        Self(
            .form("colour"),
            read: { section, key in
                guard let node = section.node(key) else { return nil }
                guard case .scalar(let text, _) = node.content, let color = RGBColor(hex: text) else {
                    throw section.failure(key, "must be a colour such as \"#FF8000\" in quotes, not \(node.kind)")
                }
                return color
            }, write: { YAMLText.quoted($0.hex) })
    }
}

extension ConfigurationCodec<[RGBColor]> {
    static var colors: Self {
        Self(
            .form("list of colours"), read: { try $0.colors($1) },
            write: { YAMLText.list($0.map { YAMLText.quoted($0.hex) }) })
    }
}

extension ConfigurationCodec where Value: RawRepresentable<String> & CaseIterable {
    /// A case of an enumeration, by its raw value.
    static var word: Self {
        Self(
            .word(Value.allCases.map(\.rawValue)), read: { try $0.word($1, as: Value.self) }, write: { $0.rawValue })
    }
}
