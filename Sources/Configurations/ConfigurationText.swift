import Support
internal import Yams

extension ConfigurationNode {
    /// Reads one YAML document.
    ///
    /// - Parameters:
    ///   - yaml: the document's text.
    ///   - name: the file's name, as errors give it.
    /// - Throws: a request's failure with the line for text that is not YAML or gives a key twice.
    package static func parse(yaml: String, name: String) throws -> ConfigurationNode {
        let origin = { (line: Int) in ConfigurationOrigin.line(file: name, line) }
        try YAMLBounds.check(yaml) { origin($0).description }
        let node: Node?
        do {
            node = try compose(yaml: yaml)
        } catch let error as YamlError {
            throw failure(of: error, yaml: yaml, name: name)
        }
        guard let node else { return ConfigurationNode(.null, at: origin(1)) }
        let document = try convert(node) { origin($0?.line ?? 1) }
        if let (line, mistake) = YAMLMistake.silent(in: searchedLines(yaml)) {
            throw Failure.request("\(name) line \(line): \(mistake)")
        }
        return document
    }

    /// The lines as the parser counts them.
    static func lines(_ yaml: String) -> [Substring] {
        yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }

    /// The lines in which people's mistakes are looked for; longer ones are empty.
    static func searchedLines(_ yaml: String) -> [Substring] {
        lines(yaml).map { $0.utf8.count <= YAMLBounds.mostSearched ? $0 : "" }
    }

    /// Applies one `--set KEY=VALUE` to a document: VALUE is YAML, and takes the place of whatever KEY had.
    package mutating func apply(setting: String) throws {
        let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let path = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, path.allSatisfy({ !$0.isEmpty }) else {
            throw Failure.request(
                "--set \(setting): expected KEY=VALUE with a dotted key, as in --set optimizer.learning_rate=0.01")
        }
        let origin = ConfigurationOrigin.setting(setting)
        do {
            try YAMLBounds.check(parts[1]) { _ in origin.description }
            let node = try compose(yaml: parts[1])
            let value = try node.map { try Self.convert($0) { _ in origin } } ?? Self(.null, at: origin)
            set(path[...], to: value)
        } catch let error as YamlError {
            let hint =
                YAMLMistake.near(line: 1, in: Self.searchedLines("\(path.last ?? ""): \(parts[1])")).map {
                    ": \($0.words)"
                } ?? ""
            throw Failure.request("--set \(setting): the value is not YAML: \(Self.problem(of: error))\(hint)")
        }
        if let (_, mistake) = YAMLMistake.silent(in: Self.searchedLines("\(path.last ?? ""): \(parts[1])")) {
            throw Failure.request("--set \(setting): \(mistake)")
        }
    }

    private static func convert(_ node: Node, origin: (Mark?) -> ConfigurationOrigin) throws -> ConfigurationNode {
        var count = 0
        return try convert(node, &count, origin: origin)
    }

    /// - Parameter count: values so far.
    private static func convert(
        _ node: Node, _ count: inout Int, origin: (Mark?) -> ConfigurationOrigin
    ) throws -> ConfigurationNode {
        let here = origin(node.mark)
        count += 1
        guard count <= YAMLBounds.mostValues else {
            throw Failure.request(
                "\(here): more than \(grouped(YAMLBounds.mostValues)) values, those of aliases counted each time: shorten it"
            )
        }
        guard !"\(node.tag)".hasPrefix("!") || "\(node.tag)" == "!" else {
            throw Failure.request(
                "\(here): '\("\(node.tag)".shortened)' is taken for a type, since it begins with '!': put the whole value in "
                    + "quotes")
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            let isNull = isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return Self(isNull ? .null : .scalar(scalar.string, isPlain: isPlain), at: here)
        case .sequence(let sequence):
            return Self(.list(try sequence.map { try convert($0, &count, origin: origin) }), at: here)
        case .mapping(let mapping):
            let entries = try mapping.map { key, value in
                guard case .scalar(let name) = key else {
                    throw Failure.request("\(origin(key.mark)): a key must be a word, not a list or a section")
                }
                if case .scalar(let text) = value, text.style == .doubleQuoted, YAMLMistake.paths.contains(name.string),
                    text.string.unicodeScalars.contains(where: { $0.value < 0x20 })
                {
                    throw Failure.request(
                        "\(origin(value.mark)): in double quotes a backslash begins an escape, and what was read is "
                            + "\(YAMLText.quoted(text.string)): write / in paths, or single quotes")
                }
                return Entry(
                    key: name.string, origin: origin(key.mark), value: try convert(value, &count, origin: origin))
            }
            return Self(.section(entries), at: here)
        case .alias:
            throw Failure.request("\(here): an alias that names no anchor: write the value out")
        }
    }

    private static func problem(of error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _),
            .reader(let problem, _, _, _), .writer(let problem), .emitter(let problem), .representer(let problem):
            // What the parser says of it speaks to programmers.
            problem.hasPrefix("Maximum nesting level") ? "values lie in each other more than 1,000 deep" : problem
        case .duplicatedKeysInMapping(let keys, _):
            "key '\((keys.first ?? "").shortened)' is given twice: keep one of the two"
        default: "\(error)".split(separator: "\n").joined(separator: " ")
        }
    }

    private static func failure(of error: YamlError, yaml: String, name: String) -> Failure {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            let mistake = YAMLMistake.near(line: mark.line, in: searchedLines(yaml))
            return .request(
                "\(name) line \(mistake?.line ?? mark.line): not YAML: \(problem(of: error))"
                    + (mistake.map { ": \($0.words)" } ?? ""))
        case .duplicatedKeysInMapping(_, let context):
            let found = (try? duplicate(at: context.mark, yaml: yaml, name: name)) ?? nil
            return found ?? .request("\(name) line \(context.mark.line): \(problem(of: error))")
        default:
            return .request("\(name): not YAML: \(problem(of: error))")
        }
    }

    /// Says which dotted key is given twice, and where; nil where that takes too long. The parser tells only where the first
    /// of the two stands: with that one renamed, the document can be read and both be found in it, unless another key is
    /// given twice too, which is then renamed as well.
    private static func duplicate(at first: Mark, yaml: String, name: String) throws -> Failure? {
        var lines = lines(yaml).map(String.init)
        guard lines.count <= mostLines else { return nil }
        var mark = first
        for number in 0..<mostDuplicates {
            guard mark.line <= lines.count else { return nil }
            let scalars = lines[mark.line - 1].unicodeScalars
            guard mark.column >= 1, mark.column <= scalars.count else { return nil }
            let renamed = "first-of-two-\(number)-"
            let split = scalars.index(scalars.startIndex, offsetBy: mark.column - 1)
            lines[mark.line - 1] = String(scalars[..<split]) + renamed + String(scalars[split...])
            do {
                guard let node = try compose(yaml: lines.joined(separator: "\n")) else { return nil }
                let document = try convert(node) { .line(file: name, $0?.line ?? 1) }
                return document.find(renamed, path: "").map { key, second in
                    .request(
                        "\(second): key '\(key.shortened)' is given twice (\(name) line \(mark.line) too): "
                            + "keep one of the two")
                }
            } catch YamlError.duplicatedKeysInMapping(_, let context) {
                mark = context.mark
            }
        }
        return nil
    }

    /// Each costs a pass over the text, in which the parser compares every key with its likes.
    private static let mostDuplicates = 8
    private static let mostLines = 5000

    /// The dotted key and place of the entry whose twin was renamed.
    private func find(_ renamed: String, path: String) -> (String, ConfigurationOrigin)? {
        switch content {
        case .section(let entries):
            if let first = entries.first(where: { $0.key.hasPrefix(renamed) }),
                let second = entries.first(where: { $0.key == String(first.key.dropFirst(renamed.count)) })
            {
                return (path + second.key, second.origin)
            }
            return entries.lazy.compactMap { $0.value.find(renamed, path: "\(path)\($0.key).") }.first
        case .list(let items): return items.lazy.compactMap { $0.find(renamed, path: path) }.first
        case .null, .scalar: return nil
        }
    }
}
