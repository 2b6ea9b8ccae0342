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
        let records: [CSV.Record]
        do {
            records = try CSV.records(Self.text(path))
        } catch let flaw as CSV.Flaw {
            throw Failure.request("list \(path) line \(flaw.line): \(flaw.problem)")
        }
        guard let header = records.first, header.fields == ["image", "label"] else {
            let first = records.first
            let separator = ["image;label": "semicolons", "image\tlabel": "tabs"][first?.fields.joined() ?? ""]
            throw Failure.request(
                "list \(path) line \(first?.line ?? 1): the first line must be image,label"
                    + (separator.map { ", and \($0) part its fields: save it with commas" } ?? ""))
        }
        let folder = parentFolder(path)
        let place = { (field: String) in field.hasPrefix("/") ? field : ImageFolder.join(folder, field) }
        rows = try records.dropFirst().map { record in
            let (line, fields) = (record.line, record.fields)
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
        // One file may be called in several ways.
        var lines: [String: Int] = [:]
        for row in rows {
            let file = realPath(row.image)
            if let first = lines.updateValue(row.line, forKey: file) {
                throw Failure.request(
                    "list \(path) line \(row.line): image \(row.image) is in line \(first) too: remove one of the two")
            }
        }
    }

    /// A million lines of long paths.
    private static let mostBytes = 1 << 28

    private static func text(_ path: String) throws -> String {
        let bytes = try InputFile(path, called: "list \(path)").contents(atMost: mostBytes, as: "a list")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let isWide = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
            throw Failure.request(
                "list \(path) is not text in UTF-8\(isWide ? " but in UTF-16" : ""): save it as UTF-8")
        }
        return text
    }
}
