/// One key of a section: how it is read, written, checked and documented. `Root` is what stores the section's values.
struct ConfigurationKey<Root: Sendable>: Sendable {
    /// The name within the section, as in `momentum`.
    let name: String
    /// Names of the keys below this one, dotted and relative to it.
    let below: [String]
    /// Refuses unknown keys below this one, before any value is read.
    let open: @Sendable (SectionReader) throws -> Void
    /// Stores the value that the section gives; where it gives none, what is stored stays.
    let read: @Sendable (SectionReader, inout Root) throws -> Void
    /// The value as YAML; nil: the key is not written.
    let write: @Sendable (Root) -> String?
    /// Throws where the value is impossible, whatever the other keys have.
    let check: @Sendable (Root, ConfigurationCheck) throws -> Void
    /// This key and those below, for the reference; what is stored in `Root` is the default.
    let describe: @Sendable (Root) -> [ConfigurationReference.Entry]

    /// A key with one value, stored at `path`.
    ///
    /// - Parameter missing: the words of the error where the key is missing; nil: it has a default.
    static func key<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value> & Sendable, _ codec: ConfigurationCodec<Value>,
        _ rule: ConfigurationRule<Value> = .any, missing: String? = nil, meaning: String
    ) -> Self {
        Self(
            name: name, below: codec.parts.map(\.name), open: { try codec.open(name, in: $0) },
            read: { section, root in
                if let missing, !section.has(name) { throw section.failure(name, missing) }
                if let value = try codec.read(section, name) { root[keyPath: path] = value }
            },
            write: { codec.write($0[keyPath: path]) },
            check: { root, check in try check(rule.problem(root[keyPath: path]), name) },
            describe: { root in
                let value = missing == nil ? codec.write(root[keyPath: path]) : nil
                return [
                    ConfigurationReference.Entry(
                        key: name, type: codec.type, allowed: rule.allowed, default: value,
                        isRequired: missing != nil, meaning: meaning)
                ] + codec.parts.map { $0.entry(below: name) }
            })
    }

    /// A key whose value may be missing, stored at `path` as nil.
    ///
    /// - Parameters:
    ///   - absent: what is written for nil; nil: the key is left out, since others say the same.
    ///   - example: what has the default that the reference shows, where it is not the section's own.
    static func optional<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value?> & Sendable, _ codec: ConfigurationCodec<Value>,
        _ rule: ConfigurationRule<Value> = .any, absent: String? = "null", example: Root? = nil, meaning: String
    ) -> Self {
        let write: @Sendable (Root) -> String? = { $0[keyPath: path].map(codec.write) ?? absent }
        return Self(
            name: name, below: codec.parts.map(\.name), open: { try codec.open(name, in: $0) },
            read: { section, root in
                if let value = try codec.read(section, name) { root[keyPath: path] = value }
            },
            write: write,
            check: { root, check in
                if let value = root[keyPath: path] { try check(rule.problem(value), name) }
            },
            describe: { root in
                [
                    ConfigurationReference.Entry(
                        key: name, type: codec.type, allowed: rule.allowed, default: write(example ?? root),
                        meaning: meaning)
                ] + codec.parts.map { $0.entry(below: name) }
            })
    }

    /// A section below this one, whose values are stored at `path`.
    static func section<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value> & Sendable, _ section: ConfigurationSection<Value>,
        meaning: String
    ) -> Self {
        Self(
            name: name, below: section.everyName,
            open: { try section.open(try $0.section(name, keys: section.names)) },
            read: { try section.read(try $0.section(name, keys: section.names), into: &$1[keyPath: path]) },
            write: { section.write($0[keyPath: path]) },
            check: { try section.check($0[keyPath: path], $1.below(name)) },
            describe: { root in
                [ConfigurationReference.Entry(key: name, type: .section, meaning: meaning)]
                    + section.describe(root[keyPath: path]).map { $0.below(name) }
            })
    }

    /// A section that can be switched off, stored at `path` as nil.
    ///
    /// - Parameters:
    ///   - initial: has the defaults of the section's keys where it is there.
    ///   - off: what is written for nil.
    ///   - takesFalse: whether `false` switches the section off in a file.
    static func section<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value?> & Sendable, _ section: ConfigurationSection<Value>,
        initial: Value, off: String, takesFalse: Bool = true, meaning: String
    ) -> Self {
        let isOff: @Sendable (SectionReader) -> Bool = { takesFalse && $0.isFalse(name) }
        return Self(
            name: name, below: section.everyName,
            open: { reader in
                if !isOff(reader) { try section.open(try reader.section(name, keys: section.names)) }
            },
            read: { reader, root in
                guard reader.has(name) else { return }
                guard !isOff(reader) else {
                    root[keyPath: path] = nil
                    return
                }
                var value = initial
                try section.read(try reader.section(name, keys: section.names), into: &value)
                root[keyPath: path] = value
            },
            write: { $0[keyPath: path].map(section.write) ?? off },
            check: { root, check in
                if let value = root[keyPath: path] { try section.check(value, check.below(name)) }
            },
            describe: { root in
                [
                    ConfigurationReference.Entry(
                        key: name, type: takesFalse ? .switchableSection : .section,
                        default: root[keyPath: path].map(section.write) ?? off, meaning: meaning)
                ] + section.describe(initial).map { $0.below(name) }
            })
    }
}

/// The keys of one section, in the order in which they are read, written and listed.
struct ConfigurationSection<Root: Sendable>: Sendable {
    /// How a section is written.
    enum Style {
        /// Each key on a line of its own.
        case block
        /// In braces on one line.
        case flow
    }

    let style: Style
    let keys: [ConfigurationKey<Root>]
    /// Names the keys that a section gives and that do not count; throws where keys contradict each other.
    let passedOver: @Sendable (SectionReader) throws -> Set<String>

    init(
        _ style: Style = .block, _ keys: [ConfigurationKey<Root>],
        passingOver passedOver: @escaping @Sendable (SectionReader) throws -> Set<String> = { _ in [] }
    ) {
        (self.style, self.keys, self.passedOver) = (style, keys, passedOver)
    }

    var names: [String] { keys.map(\.name) }

    /// All names down to the last level, dotted and relative to this section.
    var everyName: [String] { names + keys.flatMap { key in key.below.map { "\(key.name).\($0)" } } }

    /// Refuses unknown keys in this section and those below. An unknown key is so reported before a missing one, which
    /// it may have meant.
    func open(_ reader: SectionReader) throws { for key in keys { try key.open(reader) } }

    func read(_ reader: SectionReader, into root: inout Root) throws {
        let passedOver = try passedOver(reader)
        for key in keys where !passedOver.contains(key.name) { try key.read(reader, &root) }
    }

    /// One line a key; the lines of a section in block style follow their key's.
    func lines(_ root: Root) -> [String] {
        keys.compactMap { key in
            key.write(root).map { "\(key.name):\($0.hasPrefix("\n") ? "" : " ")\($0)" }
        }
    }

    func write(_ root: Root) -> String {
        let lines = lines(root)
        return switch style {
        case .block: lines.map { "\n  \($0)" }.joined()
        case .flow: "{\(lines.joined(separator: ", "))}"
        }
    }

    func check(_ root: Root, _ check: ConfigurationCheck) throws { for key in keys { try key.check(root, check) } }

    func describe(_ root: Root) -> [ConfigurationReference.Entry] { keys.flatMap { $0.describe(root) } }
}
