import Foundation

/// A regular file, open for reading: the one way in which the program opens what it reads.
///
/// Links are followed. What is no regular file is refused without being opened: a named pipe would hang its reader until
/// somebody writes, a device may never end, and opening either may have effects of its own. One that goes away is closed.
package struct InputFile: ~Copyable {
    /// At the file's beginning, and closed with this value, unless it is handed on by `release`.
    package let descriptor: Int32
    /// Bytes of the file as it was opened.
    package let size: Int
    private let caller: String
    private var isOwned = true

    /// - Parameters:
    ///   - caller: what errors call the file, the beginning of their sentence: "image a.png", "a.yaml:".
    ///   - missing: what they say where there is nothing: "does not exist: correct the path".
    ///
    /// Throws `Failure.request` where there is nothing, where it is no regular file, and where it may not be read, and
    /// `Failure.running` where the system fails otherwise, which may pass.
    package init(_ path: String, called caller: String, missing: String = Self.missing) throws {
        self.caller = caller
        (descriptor, size) = try Self.open(path, called: caller, missing: missing)
    }

    private static func open(
        _ path: String, called caller: String, missing: String
    ) throws -> (descriptor: Int32, size: Int) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(errno, called: caller, missing: missing) }
        try check(status, called: caller)
        // What is laid there between the two calls does not block either.
        let descriptor = retried { Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard descriptor >= 0 else { throw failure(errno, called: caller, missing: missing) }
        do {
            guard fstat(descriptor, &status) == 0 else { throw failure(errno, called: caller) }
            try check(status, called: caller)
            // From here on a read may wait for the disk.
            guard fcntl(descriptor, F_SETFL, 0) == 0 else { throw failure(errno, called: caller) }
        } catch {
            close(descriptor)
            throw error
        }
        return (descriptor, Int(status.st_size))
    }

    deinit { if isOwned { close(descriptor) } }

    /// Where the file itself is that was opened, whatever a link on the way to it leads to by now; nil where the system
    /// does not say.
    package var place: String? {
        guard let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
        else {
            return nil
        }
        // What the kernel adds for a file that another one has replaced.
        let replaced = " (deleted)"
        return place.hasSuffix(replaced) ? String(place.dropLast(replaced.count)) : place
    }

    /// The descriptor, which the caller closes.
    package consuming func release() -> Int32 {
        isOwned = false
        return descriptor
    }

    package static let missing = "does not exist: correct the path"

    // MARK: - Bytes

    /// The bytes at a place, fewer only at the file's end.
    package func bytes(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try fill(UnsafeMutableRawBufferPointer(buffer), from: offset)
        }
    }

    /// Reads as many bytes as there is room for, fewer only at the file's end; returns how many.
    private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws -> Int {
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            let (place, count) = (base + filled, buffer.count - filled)
            let more = retried { pread(descriptor, place, count, off_t(offset + filled)) }
            guard more >= 0 else { throw Self.failure(errno, called: caller) }
            guard more > 0 else { break }
            filled += more
        }
        return filled
    }

    /// The whole file.
    ///
    /// - Parameters:
    ///   - most: bytes that it may have.
    ///   - what: a file of this kind is, for the error about a larger one: "a configuration".
    package func contents(atMost most: Int, as what: String) throws -> Data {
        guard size <= most else { throw tooLarge(most, what) }
        var all = Data(count: size)
        let count = try all.withUnsafeMutableBytes { try fill($0, from: 0) }
        if count < size { return all.prefix(count) }
        // A file of /proc says that it has no bytes; one that grows has more than it said.
        while true {
            let part = try bytes(at: all.count, count: 1 << 12)
            if part.isEmpty { return all }
            guard part.count <= most - all.count else { throw tooLarge(most, what) }
            all.append(contentsOf: part)
        }
    }

    private func tooLarge(_ most: Int, _ what: String) -> Failure {
        .request("\(caller) is larger than \(most >> 20) MiB, the most that \(what) may have: name another file")
    }

    // MARK: - Errors

    /// The failure of reading a file for the system's reason.
    ///
    /// A wrong request is only what stays as it is: nothing there, no file, no permission. Anything else may pass, and the
    /// job may be started again.
    package static func failure(_ code: Int32, called caller: String, missing: String = Self.missing) -> Failure {
        let reason = Failure.systemReason(code)
        switch code {
        case ENOENT: return .request("\(caller) \(missing)")
        case EACCES, EPERM: return .request("\(caller) cannot be read: \(reason): check its permissions")
        case ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, ENXIO, ENODEV, EOVERFLOW:
            return .request("\(caller) cannot be read: \(reason): correct the path")
        case EMFILE, ENFILE:
            return .running("\(caller) cannot be read: \(reason): raise the limit (ulimit -n), or end other programs")
        default: return .running("\(caller) cannot be read: \(reason): try again, or check the disk or its server")
        }
    }

    private static func check(_ status: stat, called caller: String) throws {
        let kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: String?.none
            case S_IFDIR: "a folder"
            case S_IFIFO: "a named pipe"
            case S_IFSOCK: "a socket"
            case S_IFCHR, S_IFBLK: "a device"
            default: "no regular file"
            }
        guard let kind else { return }
        throw Failure.request("\(caller) is \(kind), and only a file can be read: give the path of a file")
    }
}

/// A system call, made again as long as a signal interrupts it.
private func retried<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        guard result == -1, errno == EINTR else { return result }
    }
}
