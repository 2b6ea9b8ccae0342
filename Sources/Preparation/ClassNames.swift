import Foundation
import Images
import Support

/// The classes' names, and perhaps colours, of a text file beside the data, as data sets bring it: lines of a name, of
/// `64 128 64 Animal`, or of `Animal,64,128,64`.
package struct ClassNames: Equatable {
    package struct Entry: Equatable {
        package let name: String
        package let color: RGBColor?
    }

    package private(set) var entries: [Entry] = []
    /// The file that they are of.
    private(set) var path: String?

    private static let files = [
        "class_dict.csv", "label_colors.txt", "classes.txt", "class_names.txt", "labels.txt", "codes.txt",
        "labelmap.txt",
    ]
    private static let voidNames: Set = ["void", "unlabelled", "unlabeled", "ignore", "ignored", "unknown"]
    private static let mostBytes = 1 << 16
    private static let mostEntries = 256

    package init() {}

    package init(_ entries: [Entry]) { self.entries = entries }

    /// Of the folder's file, if it has one that can be read.
    init(beside root: String) {
        for name in Self.files {
            let path = "\(root)/\(name)"
            guard isFolder(path) == false, let file = try? InputFile(path, called: path),
                let bytes = try? file.contents(atMost: Self.mostBytes, as: "a list of classes"),
                let text = String(validating: bytes, as: UTF8.self)
            else { continue }
            let found = Self.entries(text)
            guard (2...Self.mostEntries).contains(found.count), Set(found.map(\.name)).count == found.count else {
                continue
            }
            (entries, self.path) = (found, path)
            return
        }
    }

    package static func entries(_ text: String) -> [Entry] {
        // Editors on Windows begin a file with a byte-order mark.
        text.drop { $0 == "\u{FEFF}" }.split(whereSeparator: \.isNewline).compactMap { line in
            let line = line.trimmingCharacters(in: .whitespaces)
            guard !line.isEmpty, !line.hasPrefix("#") else { return nil }
            let parts = line.split { ",;:\t ".contains($0) }.map(String.init)
            let numbers = parts.filter { UInt8($0) != nil }
            let words = parts.filter { UInt8($0) == nil }
            guard numbers.count == 3 else {
                // A head, "name,r,g,b", or a name with numbers in it.
                if words.contains(where: { ["r", "red"].contains($0.lowercased()) }) { return nil }
                return Entry(name: line, color: nil)
            }
            let bytes = numbers.compactMap { UInt8($0) }
            return Entry(name: words.joined(separator: " "), color: RGBColor(bytes[0], bytes[1], bytes[2]))
        }.filter { !$0.name.isEmpty }
    }

    var hasColors: Bool { entries.contains { $0.color != nil } }

    private func isVoid(_ entry: Entry) -> Bool { Self.voidNames.contains(entry.name.lowercased()) }

    /// The position of what is no class, by its name.
    var void: Int? { entries.firstIndex(where: isVoid) }
    var voidColor: RGBColor? { entries.first(where: isVoid)?.color }

    func position(of color: RGBColor) -> Int? { entries.firstIndex { $0.color == color } }
    func name(of color: RGBColor) -> String? { position(of: color).map { entries[$0].name } }
}
