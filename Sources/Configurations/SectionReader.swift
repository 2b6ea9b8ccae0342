import Support

/// Reads one section of a configuration: hands out typed values by key, and refuses keys that it does not know.
///
/// All sections of a document share the record of where each dotted key was given, for checks that come later.
package final class SectionReader {
    /// Where each dotted key was given, for errors found after the reading.
    package final class Origins {
        package fileprivate(set) var byKey: [String: ConfigurationOrigin] = [:]
        /// The file's name, for keys that were not given at all.
        package let name: String

        init(name: String) { self.name = name }

        /// How an error about `key` begins.
        package func place(of key: String) -> String { byKey[key]?.description ?? name }
    }

    private let path: String
    private let keys: [String]
    private let entries: [ConfigurationNode.Entry]
    package let origins: Origins

    /// Opens a document.
    ///
    /// - Parameters:
    ///   - keys: the keys that the document may have.
    ///   - everyKey: all dotted keys of the format, to guess what an unknown one was meant to be.
    /// - Throws: a request's failure where the document is no section, or has a key that is none of `keys`.
    package convenience init(_ document: ConfigurationNode, name: String, keys: [String], everyKey: [String]) throws {
        try self.init(document, path: "", keys: keys, everyKey: everyKey, origins: Origins(name: name))
    }

    private let everyKey: [String]

    private init(_ node: ConfigurationNode, path: String, keys: [String], everyKey: [String], origins: Origins) throws {
        (self.path, self.keys, self.everyKey, self.origins) = (path, keys, everyKey, origins)
        guard let entries = node.entries else {
            throw Failure.request(
                "\(node.origin): \(path.isEmpty ? "expected" : "\(path) must be a section with") the keys "
                    + "\(keys.joined(separator: ", ")), not \(node.kind)\(node.blankHint)")
        }
        self.entries = entries
        for entry in entries {
            guard keys.contains(entry.key) else { throw unknown(entry) }
            origins.byKey[dotted(entry.key)] = entry.origin
        }
    }

    /// The key with its section's name before it.
    package func dotted(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func unknown(_ entry: ConfigurationNode.Entry) -> Failure {
        let wanted = dotted(entry.key)
        if let colon = entry.key.firstIndex(of: ":"), keys.contains(String(entry.key[..<colon])) {
            return .request(
                "\(entry.origin): '\(wanted.shortened)' is no key: write a blank after the colon, "
                    + "'\(entry.key[...colon]) \(String(entry.key[colon...].dropFirst()).shortened)'")
        }
        let start = "\(entry.origin): unknown key '\(wanted.shortened)'"
        if everyKey.contains(wanted) {
            let parts = wanted.split(separator: ".")
            return .request(
                "\(start) in one word: write '\(parts.last ?? "")' below '\(parts.dropLast().joined(separator: "."))'")
        }
        let use = "use one of \(keys.joined(separator: ", "))"
        if let explanation = ForeignKeys.explanation(of: wanted), everyKey.contains("optimizer.momentum") {
            return .request("\(start): \(explanation); \(use)")
        }
        let guess = Self.guess(entry.key, in: path, keys: keys, everyKey: everyKey)
        return .request("\(start): " + (guess.map { "did you mean '\($0)'?" } ?? use))
    }

    /// The dotted key that the unknown `key` of a section was most likely meant to be; nil where nothing is near.
    ///
    /// - Parameters:
    ///   - path: the section's dotted name; empty for the document.
    ///   - keys: the keys that the section has.
    ///   - everyKey: all dotted keys.
    package static func guess(_ key: String, in path: String, keys: [String], everyKey: [String]) -> String? {
        let dotted = { (key: String) in path.isEmpty ? key : "\(path).\(key)" }
        if let meant = ForeignKeys.key(for: key), everyKey.contains(meant) {
            // A section's name is the section's own key of that name, where it has one: `data.val`.
            return keys.contains(meant) ? dotted(meant) : meant
        }
        let elsewhere = everyKey.filter { String($0.split(separator: ".").last ?? "") == key }
        // Of several sections that have a key of this name, none is more likely than another.
        return nearestName(to: dotted(key), among: elsewhere) ?? (elsewhere.count == 1 ? elsewhere[0] : nil)
            ?? nearestName(to: key, among: keys).map(dotted) ?? nearestName(to: dotted(key), among: everyKey)
    }

    /// A failure about the value of `key`; `problem` continues a sentence that begins with the dotted key.
    package func failure(_ key: String, _ problem: String) -> Failure {
        .request("\(origins.place(of: dotted(key))): \(dotted(key)) \(problem)")
    }

    /// The value as it stands; nil where the key is missing or null.
    package func node(_ key: String) -> ConfigurationNode? {
        precondition(keys.contains(key), "section '\(path)' was not opened with the key '\(key)'")
        guard let value = entries.first(where: { $0.key == key })?.value else { return nil }
        if case .null = value.content { return nil }
        return value
    }

    /// Whether the key is given and not null.
    package func has(_ key: String) -> Bool { node(key) != nil }

    /// The section at `key`, an empty one where it is missing.
    package func section(_ key: String, keys: [String]) throws -> SectionReader {
        let origin = origins.byKey[dotted(key)] ?? .line(file: origins.name, 1)
        let node = node(key) ?? ConfigurationNode(.null, at: origin)
        return try SectionReader(node, path: dotted(key), keys: keys, everyKey: everyKey, origins: origins)
    }

    /// The keys that are given in this section out of `names`, which exclude each other; where a `--set` gives one of
    /// them, those that the file gives are out.
    package func given(amongExclusive names: [String]) -> [String] {
        let given = names.filter(has)
        let settings = given.filter(isSetting)
        return settings.isEmpty ? given : settings
    }

    /// Whether a `--set` gives the key itself.
    func isSetting(_ key: String) -> Bool { origins.byKey[dotted(key)]?.isSetting ?? false }

    package func text(_ key: String) throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, _) = node.content else {
            throw failure(key, "must be text, not \(node.kind)")
        }
        return text
    }

    package func integer(_ key: String) throws -> Int? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, isPlain: true) = node.content, let value = Int(text) else {
            throw failure(key, "must be a whole number, not \(node.kind)")
        }
        return value
    }

    package func number(_ key: String) throws -> Double? {
        guard let node = node(key) else { return nil }
        guard let value = node.number else { throw failure(key, "must be a number, not \(node.kind)") }
        return value
    }

    package func truth(_ key: String) throws -> Bool? {
        guard let node = node(key) else { return nil }
        switch node.content {
        case .scalar("true", isPlain: true): return true
        case .scalar("false", isPlain: true): return false
        default: throw failure(key, "must be true or false, not \(node.kind)")
        }
    }

    package func texts(_ key: String) throws -> [String]? {
        guard let node = node(key) else { return nil }
        guard case .list(let items) = node.content else {
            throw failure(key, "must be a list such as [a, b], not \(node.kind)")
        }
        return try items.map {
            guard case .scalar(let text, _) = $0.content else {
                throw failure(key, "must be a list of texts, but it holds \($0.kind)")
            }
            return text
        }
    }

    package func numbers(_ key: String) throws -> [Double]? {
        guard let node = node(key) else { return nil }
        guard case .list(let items) = node.content else {
            throw failure(key, "must be a list of numbers such as [1, 2], not \(node.kind)")
        }
        return try items.map {
            guard let value = $0.number else {
                throw failure(key, "must be a list of numbers, but it holds \($0.kind)")
            }
            return value
        }
    }

    /// One of a few words.
    package func word(_ key: String, among words: [String]) throws -> String? {
        guard let node = node(key) else { return nil }
        if case .scalar(let text, _) = node.content, words.contains(text) { return text }
        throw failure(key, "must be \(Self.choice(words)), not \(node.kind)")
    }

    /// A case of an enumeration, by its raw value.
    package func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String, as: Word.Type) throws -> Word? {
        try word(key, among: Word.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    /// "a, b or c".
    package static func choice(_ words: [String]) -> String {
        words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}

extension ConfigurationNode {
    /// What to do where a key and its value stand together without a blank, which makes a text of them.
    fileprivate var blankHint: String {
        guard case .scalar(let text, isPlain: true) = content, let colon = text.firstIndex(of: ":"),
            text[..<colon].allSatisfy({ $0.isLetter || $0 == "_" }), colon != text.startIndex
        else { return "" }
        return ": write a blank after the colon"
    }

    /// A finite number; nil for anything else.
    package var number: Double? {
        guard case .scalar(let text, isPlain: true) = content,
            text.unicodeScalars.allSatisfy({ "+-.eE0123456789".unicodeScalars.contains($0) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }
}
