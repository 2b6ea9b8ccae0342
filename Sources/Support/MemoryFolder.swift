import Foundation
import Synchronization

/// A machine's folder of files in memory, which outlive the processes that made them: this program's files in it.
///
/// Anybody may write to the folder, so a file is made where none is, opened where it is none but this user's, and no link
/// is followed. Whoever makes one keeps it locked (`flock`), until the process has ended, however it has.
package struct MemoryFolder: Sendable {
    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// The system's own.
    package static let system = MemoryFolder(folder: "/dev/shm")

    /// Whether there is such a folder.
    package var exists: Bool { isFolder(folder) == true }

    /// Bytes that are free in it; 0 where the system does not say.
    package var freeBytes: Double {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return 0 }
        return Double(status.f_bavail) * Double(status.f_frsize)
    }

    /// The beginning of the names of this user's files.
    private static var prefix: String { "lockstep-\(geteuid())-" }

    /// How a run is called in names: its identity, or a hash of one that cannot stand in a name.
    private static func word(_ run: String) -> String {
        let isPlain = run.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        if isPlain, (1...64).contains(run.utf8.count) { return run }
        let hash = SHA256()
        hash.update(Data(run.utf8))
        return String(hash.finish().hexadecimal.prefix(32))
    }

    /// The name of another file of this process: `lockstep-USER-RUN-PROCESS-NUMBER`.
    package static func nextName(run: String) -> String {
        "\(prefix)\(word(run))-\(getpid())-\(made.add(1, ordering: .relaxed).oldValue)"
    }

    /// Files of this process so far.
    private static let made = Atomic<Int>(0)

    /// The names of this user's files, and of one run alone where that is named.
    package func names(run: String? = nil) -> [String] {
        let start = Self.prefix + (run.map { "\(Self.word($0))-" } ?? "")
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { name in
            // What follows a run's name is a process and a number, and no more of a longer name.
            name.hasPrefix(start) && (run == nil || name.dropFirst(start.count).split(separator: "-").count == 2)
        }.sorted()
    }

    package func path(_ name: String) -> String { "\(folder)/\(name)" }

    package func remove(_ name: String) { unlink(path(name)) }

    /// Opens a file of this user's to read it; nil where it is gone, or is none.
    package func open(_ name: String) -> FileHandle? {
        let descriptor = Foundation.open(path(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else {
            return nil
        }
        return file
    }
}

/// A file in shared memory of this process's own, mapped, with all its memory taken. One that goes away stays where it
/// is, unless it is removed.
package final class MemoryFile {
    package let path: String
    package let size: Int
    /// The file's bytes.
    package let base: UnsafeMutableRawPointer
    private let descriptor: Int32
    /// O_TMPFILE of open(2), which makes a file in a folder and no name for it.
    private static let unnamed = O_DIRECTORY | 0o20000000

    /// Makes a file; throws where there is no room for it.
    package init(_ name: String, in memory: MemoryFolder, size: Int) throws {
        let path = memory.path(name)
        func failure(_ code: Int32) -> Failure {
            .running("\(path) cannot be made with \(MachineMemory.size(Double(size))): \(Failure.systemReason(code))")
        }
        // Without a name until it is locked: one that is not is taken for a file that was left.
        let descriptor = open(memory.folder, O_RDWR | Self.unnamed | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(errno) }
        var code: Int32 = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
        // Taken now: to write to memory that is not there would end the process.
        if code == 0 { code = posix_fallocate(descriptor, 0, off_t(size)) }
        if code == 0 {
            // What is called so was left by a process of the same number, or is a link that somebody laid.
            unlink(path)
            let own = "/proc/self/fd/\(descriptor)"
            code = linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno
        }
        let populate: Int32 = 0x8000
        let place =
            code == 0 ? mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | populate, descriptor, 0) : MAP_FAILED
        guard let place, place != MAP_FAILED else {
            if code == 0 {
                code = errno
                unlink(path)
            }
            close(descriptor)
            throw failure(code)
        }
        (self.path, self.size, self.descriptor, base) = (path, size, descriptor, place)
    }

    deinit {
        munmap(base, size)
        close(descriptor)
    }

    package func remove() { unlink(path) }

    /// Writes bytes at a place by one call of the system, behind whatever was written to the memory before; returns
    /// whether that went well.
    package func write(_ bytes: Data, at offset: Int) -> Bool {
        bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) == $0.count }
    }
}
