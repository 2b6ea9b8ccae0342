import Glibc
import Support
import Synchronization

/// How image files are written: under a hidden name beside their own until they are whole, so that no one takes a file for
/// an image before it is one.
enum ImageOutput {
    /// Tells apart the temporary files of this process.
    private static let serial = Atomic<Int>(0)

    /// Throws `Failure.running` with the system's reason.
    static func begin(_ path: String) throws -> AtomicFile {
        let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let number = serial.add(1, ordering: .relaxed).newValue
        return try AtomicFile(
            path, by: "\(path[..<cut]).\(path[cut...]).\(getpid())-\(number).part", failure: failure)
    }

    static func failure(writing path: String, reason: String) -> Failure {
        .running("image \(shownPath(path)) cannot be written: \(reason)")
    }
}
