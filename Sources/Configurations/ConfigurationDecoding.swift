import Foundation
import Support

extension Configuration {
    /// Reads a configuration file.
    ///
    /// - Parameters:
    ///   - path: the file, relative to the working directory.
    ///   - settings: `KEY=VALUE` as given to `--set`, the later ones winning.
    /// - Throws: a request's failure with file, line and dotted key for anything that is wrong with it.
    public static func load(path: String, settings: [String] = []) throws -> Configuration {
        let yaml = try readText(path: path, what: "configuration")
        let configuration = try decode(yaml: yaml, name: path, settings: settings)
        let isOfData: Set = ["images", "labels", "list"]
        let cut = YAMLMistake.cutPath(in: ConfigurationNode.searchedLines(yaml)) { key, path in
            FileManager.default.fileExists(atPath: isOfData.contains(key) ? configuration.data.resolve(path) : path)
        }
        if let cut { throw Failure.request("\(path) line \(cut.line): \(cut.words)") }
        return configuration
    }

    /// Reads a configuration from its text; `name` is what errors call the file.
    public static func decode(yaml: String, name: String, settings: [String] = []) throws -> Configuration {
        var document = try ConfigurationNode.parse(yaml: yaml, name: name)
        for setting in settings { try document.apply(setting: setting) }
        let reader = try SectionReader(document, name: name, keys: keys.names, everyKey: everyKey)
        // The samples have no default: reading fails where they are missing.
        var configuration = Configuration(data: Data(train: .files(images: "", labels: "")))
        try keys.open(reader)
        try keys.read(reader, into: &configuration)
        try configuration.validate(placing: reader.origins.place)
        return configuration
    }

    /// Bytes of a text that a person writes, or a sweep's table of results.
    private static let mostTextBytes = 1 << 24

    /// The text of a file that the user named.
    package static func readText(path: String, what: String) throws -> String {
        let file = try InputFile(path, called: "\(path):", missing: "no such file: check the path of the \(what)")
        let bytes = try file.contents(atMost: mostTextBytes, as: "a \(what)")
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            // UTF-16 begins with a mark, or has a zero beside each Latin character.
            let start = Array(bytes.prefix(4))
            let zeros = start.map { $0 == 0 }
            let isWide =
                start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF])
                || zeros == [false, true, false, true] || zeros == [true, false, true, false]
            throw Failure.request(
                isWide
                    ? "\(path): is text in UTF-16: save it as UTF-8"
                    : "\(path): is not text in UTF-8: give the path of a YAML file")
        }
        // What Windows' editors begin a file with.
        return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// Every dotted key, sections included.
    package static let everyKey = keys.everyName
}
