import Configurations
import Foundation
import Support
import Testing

/// What people write in YAML and mean otherwise than it is read.
@Suite struct YAMLMistakeTests {
    private func failure(_ yaml: String, _ settings: [String] = []) -> String? {
        do {
            _ = try Configuration.decode(yaml: yaml, name: "a.yaml", settings: settings)
            return nil
        } catch {
            let message = "\(error)"
            return message.contains("\n") ? "several lines: \(message)" : message
        }
    }

    private static let data = "data: {train: {images: a, labels: b}}\n"
    private static let stars = "put a value that begins with '*' in quotes"
    private static let colors = "put colours in quotes, as in \"#FF8000\": # begins a comment"
    private static let blank = "write a blank after the colon"
    private static let backslash = "in double quotes a backslash begins an escape"

    @Test(
        "the line and what to do are named",
        arguments: [
            ("data:\n  train: {images: *.tif, labels: b}\n", 2, stars),
            ("data:\n  train:\n    images: *abc\n    labels: b\n", 3, stars),
            ("data:\n  train: {images: a, labels: *_mask.png}\n", 2, stars),
            ("name: *run\n" + data, 1, stars),
            ("name: @run\n" + data, 1, "begins with '@' in quotes"),
            ("name: %run\n" + data, 1, "begins with '%' in quotes"),
            ("seed: 1\nname: `run`\n" + data, 2, "begins with '`' in quotes"),
            ("name: !run\n" + data, 1, "begins with '!': put the whole value in quotes"),
            ("name: !run x\n" + data, 1, "begins with '!': put the whole value in quotes"),
            ("data:\n  train: {images: my #2/a, labels: b}\n", 2, "a # behind a blank begins a comment"),
            ("name: &run\n" + data, 1, "'&run' gives a name to nothing: put the value in quotes"),
            ("data:\n  train: {images: a, labels: b}\n  labels: {palette: [#000000, #ff0000]}\n", 3, colors),
            (data + "model:\n  class_colors: [#000000, #ff0000]\n", 3, colors),
            (data + "model:\n  class_colors: #000000\n", 3, colors),
            (data + "model:\n  class_colors:\n    - #000000\n    - #ff0000\n", 4, colors),
            (
                "data:\n  train: {images: a, labels: b}\n  labels:\n    palette: [\"#000000\", #ff0000,\n      \"#00ff00\"]\n",
                4, colors
            ),
            ("data:\n  train: {images: a, labels: b}\n  ignore_color: #ffffff\n", 3, colors),
            (data + "optimizer:\n\tmomentum: 0\n", 3, "indent with spaces, not tabs"),
            (data + "optimizer:\n  momentum: 0\n  \tnesterov: false\n", 4, "indent with spaces, not tabs"),
            (data + "optimizer:\n  momentum:0.9\n", 3, blank),
            (data + "optimizer:\n  momentum: 0.9\n  learning_rate:0.1\n", 4, blank),
            ("seed:3\n" + data, 1, blank), (data + "seed:3\n", 2, blank),
            (data + "optimizer: {momentum:0.9}\n", 2, "\(blank), 'momentum: 0.9'"),
            ("data:\n  root: \"C:\\data\\images\"\n  train: {images: a, labels: b}\n", 2, backslash),
            ("data:\n  root: \"C:\\new\\train\"\n  train: {images: a, labels: b}\n", 2, backslash),
            ("data:\n  train: {images: \"cells\\train\", labels: b}\n", 2, backslash),
        ])
    func hints(yaml: String, line: Int, says: String) {
        let message = failure(yaml) ?? "nothing is wrong with it"
        #expect(message.hasPrefix("a.yaml line \(line): ") && message.contains(says), "\(message)")
        // The parser counts other line ends alike.
        for end in ["\r\n", "\r"] {
            let other = failure(yaml.replacingOccurrences(of: "\n", with: end))
            #expect(other == message, "\(other ?? "nothing")")
        }
    }

    @Test func ofSettings() {
        for (setting, says) in [
            ("data.train.images=*.tif", Self.stars), ("model.class_colors=#000000", Self.colors),
            ("name=!x", "begins with '!'"), ("data.labels={palette: [#000000, #ff0000]}", Self.colors),
        ] {
            let message = failure(Self.data, [setting]) ?? "nothing is wrong with it"
            #expect(message.hasPrefix("--set \(setting): ") && message.contains(says), "\(message)")
        }
    }

    @Test(
        "what is right stays right",
        arguments: [
            "name: x # comment\n" + data, "name: \"*x\"\n" + data, "# *: all\n" + data, data + "# palette: [#000000]\n",
            data + "model: {class_names: [\"#000000\", 'a:b']} # [#00ff00]\n", "name: a#b\n" + data,
            "seed: &s 4\n" + data + "training: {steps: *s}\n", "name: !!str 5\n" + data,
            data + "#labels: {palette: [#000000, #ff0000]}\n  #class_colors: #000000\n  #- #ff0000\n",
            data + "seed: 4 #was [#ffffff, #000000]\n", data + "model: {class_names: [a, # first\n  b]}\n",
            "data: &d\n  train: {images: a, labels: b}\n",
            "data:   # colours: #000000\n  train: {images: a, labels: b}\n",
            "data:\n  train: {images: 'C:\\new', labels: C:\\new\\b}\n", "name: \"a\\tb\"\n" + data,
            data + "model:\n  class_names:\n    - one # 1\n    - two\n", "---\n" + data,
            data + "training:\n  initialize_from: \"runs/a b/best\" # *best*\n",
        ])
    func right(yaml: String) {
        #expect(failure(yaml) == nil)
    }

    @Test("a path that a # cuts short is named where the whole of it is there")
    func cutPaths() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-cut-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["my #2/images", "my #2/labels #1"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        func problem(_ root: String, _ images: String, _ labels: String) throws -> String? {
            let file = folder.appending(path: "c.yaml").path
            try "data:\n  root: \(root)\n  train:\n    images: \(images)\n    labels: \(labels)\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            do {
                _ = try Configuration.load(path: file)
                return nil
            } catch {
                return "\(error)".replacingOccurrences(of: file, with: "c.yaml")
            }
        }
        let root = "\(folder.path)/my #2"
        #expect(
            try problem(root, "images", "labels")
                == "c.yaml line 2: '\(folder.path)/my' is what was read of root: a # behind a blank begins a comment, put the path in quotes"
        )
        #expect(try problem("\"\(root)\"", "images", "labels #1")?.hasPrefix("c.yaml line 5: 'labels'") == true)
        #expect(try problem("\"\(root)\"", "images", "\"labels #1\"") == nil)
        // A comment is one where nothing else is there.
        #expect(try problem("\"\(root)\"", "images #mine", "\"labels #1\" #too") == nil)
        #expect(try problem("\(folder.path) #2", "images", "labels") == nil)
    }

    @Test("byte order marks, line ends and other encodings of files")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-yaml-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func load(_ data: Data) throws -> Configuration {
            let file = folder.appending(path: "c.yaml")
            try data.write(to: file)
            return try Configuration.load(path: file.path)
        }
        let mark = Data([0xEF, 0xBB, 0xBF])
        let expected = try load(Data(Self.data.utf8))
        for end in ["\n", "\r\n", "\r"] {
            let text = Data(Self.data.replacingOccurrences(of: "\n", with: end).utf8)
            #expect(try load(text) == expected)
            #expect(try load(mark + text) == expected)
        }
        for (encoding, bytes) in [
            (String.Encoding.utf16LittleEndian, [0xFF, 0xFE] as [UInt8]), (.utf16BigEndian, [0xFE, 0xFF]),
            (.utf16LittleEndian, []), (.utf16BigEndian, []),
        ] {
            let text = try #require(Self.data.data(using: encoding))
            let failure = #expect(throws: Failure.self) { try load(Data(bytes) + text) }
            #expect(failure?.message.hasSuffix("is text in UTF-16: save it as UTF-8") == true)
        }
        let latin = #expect(throws: Failure.self) {
            try load(Data("name: Pr\u{E4}p\n".unicodeScalars.map { UInt8($0.value) }))
        }
        #expect(latin?.message.contains("is not text in UTF-8") == true)
    }
}
