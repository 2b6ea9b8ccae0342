import Glibc
import Support
import Synchronization

/// A file that is written under another name beside its own and takes that when it is whole, so that no one takes the
/// file for an image before it is one.
struct UnfinishedFile {
    let path: String
    private let temporary: String
    /// Open for reading and writing (libtiff looks back at what it wrote); whoever writes closes it.
    let descriptor: Int32

    /// Tells apart the temporary files of this process.
    private static let serial = Atomic<Int>(0)

    /// Throws `Failure.running` with the system's reason.
    init(besides path: String) throws {
        let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let number = Self.serial.add(1, ordering: .relaxed).newValue
        self.path = path
        temporary = "\(path[..<cut]).\(path[cut...]).\(getpid())-\(number).part"
        descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(writing: path, reason: Failure.systemReason(errno)) }
    }

    /// Gives the file its name; an older file there is replaced.
    func keep() throws {
        guard rename(temporary, path) == 0 else {
            let reason = Failure.systemReason(errno)
            discard()
            throw Self.failure(writing: path, reason: reason)
        }
    }

    func discard() { unlink(temporary) }

    static func failure(writing path: String, reason: String) -> Failure {
        .running("image \(path) cannot be written: \(reason)")
    }
}
