import Foundation
import Support

/// A list of samples: a CSV file (RFC 4180) with the header `image,label` and one sample a line. Paths are relative to the
/// list's own folder unless absolute. Fields may stand in quotes; empty lines are passed over.
struct SampleList {
    struct Row {
        /// Where it begins, from 1.
        let line: Int
        let image: String
        let labels: String
    }

    let rows: [Row]

    /// Throws `Failure.request`, with the line, where the file cannot be read or is no such list.
    init(_ path: String) throws {
        let records = try Self.records(Self.text(path), path: path)
        guard let header = records.first, header.fields == ["image", "label"] else {
            throw Failure.request("list \(path) line \(records.first?.line ?? 1): the first line must be image,label")
        }
        let folder = (path as NSString).deletingLastPathComponent
        let place = { (field: String) in field.hasPrefix("/") ? field : ImageFolder.join(folder, field) }
        rows = try records.dropFirst().map { line, fields in
            guard fields.count == 2, !fields[0].isEmpty, !fields[1].isEmpty else {
                let problem =
                    fields.count == 1
                    ? "has no comma" : fields.count == 2 ? "a path is empty" : "has \(fields.count) fields"
                throw Failure.request(
                    "list \(path) line \(line): \(problem): write the image's path, a comma and the label's; quote a path "
                        + "that holds a comma")
            }
            return Row(line: line, image: place(fields[0]), labels: place(fields[1]))
        }
        guard !rows.isEmpty else {
            throw Failure.request("list \(path) names no image: add a line for each, such as images/a.png,labels/a.png")
        }
        var lines: [String: Int] = [:]
        for row in rows {
            if let first = lines.updateValue(row.line, forKey: row.image) {
                throw Failure.request(
                    "list \(path) line \(row.line): image \(row.image) is in line \(first) too: remove one of the two")
            }
        }
    }

    private static func text(_ path: String) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure.request("list \(path) does not exist: correct the path")
        }
        guard !isFolder.boolValue, let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure.request(
                "list \(path) \(isFolder.boolValue ? "is a folder: name a CSV file" : "cannot be read: check its permissions")"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure.request("list \(path) is not text in UTF-8: save it so")
        }
        return text
    }

    /// The records of a CSV text, each with the line that it begins in.
    private static func records(_ text: String, path: String) throws -> [(line: Int, fields: [String])] {
        var records: [(line: Int, fields: [String])] = []
        // Of a quoted field only the last quote is not known to be its end until the next character.
        enum State { case start, plain, quoted, quoteInQuoted }
        var state = State.start
        var (line, first) = (1, 1)
        var fields: [String] = []
        var field = String.UnicodeScalarView()
        func endField() {
            fields.append(String(field))
            field = String.UnicodeScalarView()
            state = .start
        }
        func endRecord() {
            if !(fields.isEmpty && field.isEmpty && state == .start) {
                endField()
                records.append((first, fields))
            }
            fields = []
        }
        // Spreadsheets write a byte order mark; a carriage return belongs to the end of the line.
        var rest = text.unicodeScalars[...]
        if rest.first == "\u{FEFF}" { rest.removeFirst() }
        while let scalar = rest.popFirst() {
            if state == .quoted {
                if scalar == "\"" { state = .quoteInQuoted } else { field.append(scalar) }
                if scalar == "\n" { line += 1 }
                continue
            }
            switch scalar {
            case "\"" where state == .start: state = .quoted
            case "\"" where state == .quoteInQuoted:
                field.append(scalar)
                state = .quoted
            case ",": endField()
            case "\r" where rest.first == "\n": break
            case "\n":
                endRecord()
                line += 1
                first = line
            case _ where state == .quoteInQuoted:
                throw Failure.request(
                    "list \(path) line \(line): text follows a closing quote: double the quotes inside of a field")
            default:
                field.append(scalar)
                state = .plain
            }
        }
        guard state != .quoted else {
            throw Failure.request("list \(path) line \(first): a quote is not closed: add the second one")
        }
        endRecord()
        return records
    }
}
