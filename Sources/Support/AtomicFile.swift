import Foundation

/// A file that is there whole or not at all, also after a crash: it is written under a temporary name, synced to the
/// disk, renamed over the old one, and the folder synced.
///
/// What goes wrong leaves the old file as it was and nothing else behind, but for a folder that could not be synced: the
/// new file stands there then, and may be gone after a power cut. A kill leaves the temporary file. One that goes away
/// before `keep` is discarded.
package struct AtomicFile: ~Copyable {
    package let path: String
    /// Open for reading and writing. Who needs a descriptor to close takes a `duplicate`.
    package let descriptor: Int32
    private let temporary: String
    private let failure: (_ path: String, _ reason: String) -> Failure
    private var isUnderWay = true

    /// Opens the temporary file.
    ///
    /// - Parameters:
    ///   - temporary: its name, on the same file system; if nil, `path` with `.part` behind it.
    ///   - failure: what is thrown for the system's reason.
    package init(
        _ path: String, by temporary: String? = nil,
        failure: @escaping (_ path: String, _ reason: String) -> Failure = Self.failure
    ) throws {
        self.path = path
        self.temporary = temporary ?? path + ".part"
        self.failure = failure
        // What stands there was left by a process that was killed, or is a link that someone laid: it is never followed.
        unlink(self.temporary)
        descriptor = open(self.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            let code = errno
            isUnderWay = false
            throw failure(path, Failure.writingReason(code))
        }
    }

    deinit { if isUnderWay { Self.discard(descriptor, temporary) } }

    /// Another descriptor of the open file; -1 where there can be none.
    package func duplicate() -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }

    /// Syncs the file and gives it its name; an older file there is replaced.
    package mutating func keep() throws {
        let code = commit()
        guard code == 0 else { throw failure(path, Failure.writingReason(code)) }
    }

    /// Leaves the old file as it was.
    package mutating func discard() {
        if isUnderWay { Self.discard(descriptor, temporary) }
        isUnderWay = false
    }

    /// `keep`, with the reason as `errno`; 0 = done.
    private mutating func commit() -> Int32 {
        precondition(isUnderWay, "\(path) was kept or discarded before")
        isUnderWay = false
        var code = fsync(descriptor) == 0 ? 0 : errno
        close(descriptor)
        if code == 0 { code = Self.move(temporary, to: path) }
        if code != 0 { unlink(temporary) }
        return code
    }

    private static func discard(_ descriptor: Int32, _ temporary: String) {
        close(descriptor)
        unlink(temporary)
    }

    package static func failure(_ path: String, _ reason: String) -> Failure {
        .running("\(shownPath(path)) could not be written: \(reason)")
    }
}

extension AtomicFile {
    /// Writes `path` by way of `temporary`, as in `init`.
    package static func write(
        _ path: String, by temporary: String? = nil, _ body: (FileHandle) throws -> Void
    ) throws {
        var file = try AtomicFile(path, by: temporary)
        do {
            try body(FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false))
        } catch {
            throw error as? Failure ?? failure(path, Failure.writingReason(systemCode(error)))
        }
        switch file.commit() {
        case 0: return
        // The folder was mounted from elsewhere: there is no way but beside the file.
        case EXDEV where temporary != nil: try write(path, body)
        case let code: throw failure(path, Failure.writingReason(code))
        }
    }

    /// Writes text.
    package static func write(_ text: String, to path: String) throws {
        try write(path) { try $0.write(contentsOf: Data(text.utf8)) }
    }

    /// Makes `path` a symbolic link to `target`, in place of what was there; `temporary` as in `init`.
    package static func link(_ path: String, to target: String, by temporary: String? = nil) throws {
        let place = temporary ?? path + ".part"
        unlink(place)
        guard symlink(target, place) == 0 else { throw failure(path, Failure.writingReason(errno)) }
        let code = move(place, to: path)
        guard code != 0 else { return }
        unlink(place)
        if code == EXDEV, temporary != nil { return try link(path, to: target) }
        throw failure(path, Failure.writingReason(code))
    }

    /// Renames a file, a link or a whole folder, and syncs the folder that it goes to; returns `errno`, 0 = done.
    package static func move(_ old: String, to new: String) -> Int32 {
        guard rename(old, new) == 0 else { return errno }
        let slash = new.lastIndex(of: "/")
        return sync(folder: slash.map { $0 == new.startIndex ? "/" : String(new[..<$0]) } ?? ".")
    }

    /// Syncs a folder, so that the names in it last; returns `errno`, 0 = done.
    private static func sync(folder: String) -> Int32 {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        guard fsync(descriptor) != 0 else { return 0 }
        // Some file systems sync no folder: there is no more to be had there.
        return errno == EINVAL || errno == ENOTSUP ? 0 : errno
    }

    /// The `errno` behind what Foundation threw.
    package static func systemCode(_ error: any Error) -> Int32 {
        let error = error as NSError
        if let below = error.userInfo[NSUnderlyingErrorKey] as? NSError { return Int32(below.code) }
        return error.domain == NSPOSIXErrorDomain ? Int32(error.code) : EIO
    }
}
