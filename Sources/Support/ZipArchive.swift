internal import CZip
import Foundation

/// A zip, made in memory by libzip.
package enum ZipArchive {
    /// Writes a file of these entries, whole or not at all. They bear no time, so that the same entries are the same bytes.
    ///
    /// Throws `Failure.running` with libzip's or the system's reason.
    package static func write(_ entries: [(name: String, bytes: Data)], to path: String) throws {
        let bytes = try archive(entries, path)
        try AtomicFile.write(path) { try $0.write(contentsOf: bytes) }
    }

    private static func archive(_ entries: [(name: String, bytes: Data)], _ path: String) throws -> Data {
        // One without entries is the end record alone, and no file to libzip.
        guard !entries.isEmpty else { return Data([0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)) }
        var error = zip_error_t()
        func failure(_ reason: String) -> Failure { AtomicFile.failure(path, reason) }
        guard let source = zip_source_buffer_create(nil, 0, 0, &error) else {
            throw failure(Failure.systemReason(ENOMEM))
        }
        // One of its owners is the archive; it is read when that is closed.
        zip_source_keep(source)
        defer { zip_source_free(source) }
        guard let archive = zip_open_from_source(source, ZIP_TRUNCATE, &error) else {
            zip_source_free(source)
            throw failure(text(&error))
        }
        for (name, bytes) in entries {
            // The archive frees it.
            guard let copy = malloc(max(bytes.count, 1)) else {
                zip_discard(archive)
                throw failure(Failure.systemReason(ENOMEM))
            }
            bytes.copyBytes(to: copy.assumingMemoryBound(to: UInt8.self), count: bytes.count)
            guard let entry = zip_source_buffer(archive, copy, UInt64(bytes.count), 1) else {
                free(copy)
                zip_discard(archive)
                throw failure(Failure.systemReason(ENOMEM))
            }
            let index = zip_file_add(archive, name, entry, UInt32(ZIP_FL_ENC_UTF_8))
            guard index >= 0 else {
                zip_source_free(entry)
                let reason = text(zip_get_error(archive))
                zip_discard(archive)
                throw failure(reason)
            }
            // 1 January 1980, the first day that a zip knows.
            zip_file_set_dostime(archive, UInt64(index), 0, 0x21, 0)
        }
        guard zip_close(archive) == 0 else {
            let reason = text(zip_get_error(archive))
            zip_discard(archive)
            throw failure(reason)
        }
        return try contents(of: source) ?? { throw failure(text(zip_source_error(source))) }()
    }

    /// All bytes of a source; nil where they cannot be read.
    private static func contents(of source: OpaquePointer) -> Data? {
        var status = zip_stat_t()
        guard zip_source_stat(source, &status) == 0, zip_source_open(source) == 0 else { return nil }
        defer { zip_source_close(source) }
        var data = Data(count: Int(status.size))
        let count = data.withUnsafeMutableBytes { zip_source_read(source, $0.baseAddress, UInt64($0.count)) }
        return count == data.count ? data : nil
    }

    private static func text(_ error: UnsafeMutablePointer<zip_error_t>?) -> String {
        error.map { String(cString: zip_error_strerror($0)) } ?? "the archive cannot be made"
    }
}
