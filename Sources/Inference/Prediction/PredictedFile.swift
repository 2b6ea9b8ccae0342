import Foundation
import Support

/// A file of results as it was written: what a resume compares with what it finds.
struct PredictedFile: Codable, Hashable, Sendable {
    /// In the folder of the results.
    let name: String
    let bytes: Int
    /// SHA-256 of its bytes. To take it costs a thousandth of what the prediction does, so that all of them are read.
    let sha256: String

    init(_ name: String, in folder: String) throws {
        let path = "\(folder)/\(name)"
        let file = try InputFile(path, called: path)
        self.name = name
        bytes = file.size
        sha256 = try Self.hash(file)
    }

    /// Whether the file is there as it was written.
    func isThere(in folder: String) -> Bool {
        let path = "\(folder)/\(name)"
        guard let file = try? InputFile(path, called: path), file.size == bytes else { return false }
        return (try? Self.hash(file)) == sha256
    }

    private static func hash(_ file: borrowing InputFile) throws -> String {
        let hash = SHA256()
        let step = 1 << 20
        for offset in stride(from: 0, to: file.size, by: step) {
            let part = try file.bytes(at: offset, count: min(step, file.size - offset))
            part.withUnsafeBytes { hash.update($0) }
        }
        return hash.finish().hexadecimal
    }
}
