import Foundation

/// Files that are there whole or not at all, also after a crash.
public enum AtomicFile {
    /// Writes `path` by way of a temporary file: written, synced to the disk, renamed over the old one, and the folder
    /// synced. What goes wrong leaves `path` as it was and nothing else behind; a kill leaves the temporary file.
    ///
    /// - Parameter temporary: the temporary file, on the same file system; if nil, `path` with `.part` behind it.
    public static func write(
        _ path: String, by temporary: String? = nil, _ body: (FileHandle) throws -> Void
    ) throws {
        let folder = (path as NSString).deletingLastPathComponent
        let temporary = temporary ?? path + ".part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(path, errno) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        do {
            defer { close(descriptor) }
            try body(handle)
            guard fsync(descriptor) == 0 else { throw failure(path, errno) }
        } catch {
            unlink(temporary)
            throw (error as? Failure) ?? failure(path, systemCode(error))
        }
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            // The folder was mounted from elsewhere: there is no way but beside the file.
            if code == EXDEV, temporary != path + ".part" { return try write(path, body) }
            throw failure(path, code)
        }
        syncFolder(folder.isEmpty ? "." : folder)
    }

    /// Writes text.
    public static func write(_ text: String, to path: String) throws {
        try write(path) { try $0.write(contentsOf: Data(text.utf8)) }
    }

    /// Makes `path` a symbolic link to `target`, in place of what was there; `temporary` as in `write`.
    public static func link(_ path: String, to target: String, by temporary: String? = nil) throws {
        let temporary = temporary ?? path + ".part"
        unlink(temporary)
        guard symlink(target, temporary) == 0 else { throw failure(path, errno) }
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            if code == EXDEV, temporary != path + ".part" { return try link(path, to: target) }
            throw failure(path, code)
        }
    }

    private static func syncFolder(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        .running("\(path) could not be written: \(Failure.systemReason(code))")
    }

    /// The `errno` behind what Foundation threw.
    private static func systemCode(_ error: any Error) -> Int32 {
        let error = error as NSError
        if let below = error.userInfo[NSUnderlyingErrorKey] as? NSError { return Int32(below.code) }
        return error.domain == NSPOSIXErrorDomain ? Int32(error.code) : EIO
    }
}
