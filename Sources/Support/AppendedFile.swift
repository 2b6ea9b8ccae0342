import Foundation

/// A file that grows by records, each of which is there whole or not at all. What cannot be written is kept, and goes out
/// before what follows.
package struct AppendedFile: Sendable {
    private let path: String
    private let open: @Sendable () throws -> FileHandle
    private var file: FileHandle?
    /// Records that could not be written yet.
    private var pending = Data()
    /// Whether records had to be given up.
    private var isIncomplete = false
    /// Bytes of records that a file beyond the disk's end may wait with: a day of steps, or more.
    private static let mostPending = 16 << 20

    /// - Parameters:
    ///   - path: what errors call the file.
    ///   - open: opens it to append to (`O_APPEND`); called with the first record, and again where that has failed.
    package init(_ path: String, open: @escaping @Sendable () throws -> FileHandle) {
        (self.path, self.open) = (path, open)
    }

    /// Adds a record; throws where it, or one before it, could not be written. It is not lost then: it is written with the
    /// next.
    package mutating func append(_ record: Data) throws {
        if pending.count + record.count <= Self.mostPending {
            pending += record
        } else {
            isIncomplete = true
        }
        try flush()
    }

    /// Writes what is kept.
    package mutating func flush() throws {
        guard !pending.isEmpty else { return }
        let file = try opened()
        var status = stat()
        guard fstat(file.fileDescriptor, &status) == 0 else { throw Self.failure(path, errno) }
        do {
            try file.write(contentsOf: pending)
            pending = Data()
        } catch {
            // A record is there whole or not at all.
            var after = stat()
            if fstat(file.fileDescriptor, &after) == 0, after.st_ino == status.st_ino, after.st_size > status.st_size {
                ftruncate(file.fileDescriptor, status.st_size)
            }
            throw Self.failure(path, AtomicFile.systemCode(error))
        }
    }

    /// Puts another file, with records of its own, in the place of this one, once all that is kept is written.
    package mutating func replace(by make: () throws -> AppendedFile) throws {
        try flush()
        var other = try make()
        other.isIncomplete = isIncomplete
        self = other
    }

    /// Brings all records to the disk.
    package mutating func sync() throws {
        try flush()
        guard fsync(try opened().fileDescriptor) == 0 else { throw Self.failure(path, errno) }
    }

    private mutating func opened() throws -> FileHandle {
        if let file { return file }
        let file = try open()
        self.file = file
        return file
    }

    /// Whether every record is in the file.
    package var isComplete: Bool { !isIncomplete && pending.isEmpty }

    package static func failure(_ path: String, _ code: Int32) -> Failure {
        .running("\(shownPath(path)) cannot be written: \(Failure.writingReason(code))")
    }
}
