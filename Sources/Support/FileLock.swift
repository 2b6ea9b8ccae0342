import Foundation

extension FileHandle {
    /// Locks an open file or folder (`flock`) against other processes, until this one and those that inherited the
    /// descriptor have closed it, however they end. File systems without locks are taken as they are.
    ///
    /// - Parameters:
    ///   - patience: seconds to wait for another process that has the lock.
    ///   - isWanted: asked while waiting; false ends it.
    /// - Returns: whether the lock is held; false where another process has it still.
    package func lock(patience: Double = 0, while isWanted: () -> Bool = { true }) -> Bool {
        let deadline = Timeline.now + patience
        while flock(fileDescriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            guard Timeline.now < deadline, isWanted() else { return false }
            usleep(100_000)
        }
        return true
    }
}

extension FileHandle {
    /// A path to the open folder itself, wherever it was moved, and whatever has taken its place: once it is removed,
    /// nothing can be made in it.
    package var folderPath: String { "\(openFolders)\(fileDescriptor)" }

    /// Whether the open folder was removed.
    package var isRemoved: Bool {
        var status = stat()
        return fstat(fileDescriptor, &status) == 0 && status.st_nlink == 0
    }
}

private let openFolders = "/proc/self/fd/"

/// A path for people: of one that goes by an open folder (`folderPath`), the folder's own.
package func shownPath(_ path: String) -> String {
    guard path.hasPrefix(openFolders) else { return path }
    let rest = path.dropFirst(openFolders.count)
    let end = rest.firstIndex(of: "/") ?? rest.endIndex
    guard let folder = try? FileManager.default.destinationOfSymbolicLink(atPath: openFolders + rest[..<end]) else {
        return path
    }
    // What the kernel says behind the name of one that was removed.
    let removed = " (deleted)"
    return (folder.hasSuffix(removed) ? String(folder.dropLast(removed.count)) : folder) + rest[end...]
}

extension FileHandle {
    /// Whether another process has locked a folder; false where that cannot be told. The look takes a shared lock for some
    /// microseconds.
    package static func isLocked(folder: String) -> Bool {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { Foundation.close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
}
