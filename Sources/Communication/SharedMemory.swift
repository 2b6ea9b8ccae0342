internal import CMemory
import Foundation
import Support

/// Memory that the ranks of one host share: each reads and writes all of it, and takes a part of it as its own.
///
/// It is a file without a name (`memfd_create`), which the kernel frees with the last process that has it, however that
/// one ends, and which no file system's size limits: containers have a /dev/shm of 64 MB. A part's pages are taken at
/// once, by the rank whose part it is, so that what does not fit is an error here, and no signal later, and so that they
/// lie in that rank's own memory where a host has several.
///
/// MPI has the like, `MPI_Win_allocate_shared`. Where its file does not fit into /dev/shm, Open MPI 4.1 returns an error
/// to one rank and leaves the others waiting.
public final class SharedMemory {
    /// Where the parts of the ranks begin, at whole pages; at first zeros.
    public let parts: [UnsafeMutableRawPointer]
    private let base: UnsafeMutableRawPointer
    private let bytes: Int

    /// Bytes of a page, and of what parts are multiples of.
    private static let page = 4096

    /// Called by all `ranks`, which must be on one host, each with the bytes of its own part; throws `Failure` on all
    /// alike where it is not to be had. One alone has memory of its own.
    init(among ranks: any Communicator, bytes own: Int) throws {
        let sizes = try ranks.agreeOnAll { (max(own, 1) + Self.page - 1) / Self.page * Self.page }
        // The first page says whose memory this is.
        let total = Self.page + sizes.reduce(0, +)
        let map =
            ranks.size == 1
            ? try Self.map(total, MAP_PRIVATE | MAP_ANONYMOUS, -1)
            : try Self.share(total, among: ranks, own: Self.page + sizes[..<ranks.rank].reduce(0, +), sizes[ranks.rank])
        base = map
        bytes = total
        var place = map + Self.page
        parts = sizes.map { size in
            defer { place += size }
            return place
        }
    }

    deinit { munmap(base, bytes) }

    /// Where a rank finds another one's file.
    private struct Origin: Codable {
        let process: Int32
        let descriptor: Int32
        let mark: UInt64
    }

    private static func share(
        _ total: Int, among ranks: any Communicator, own offset: Int, _ count: Int
    ) throws -> UnsafeMutableRawPointer {
        var file: Int32 = -1
        // Until all have opened it.
        defer { if file >= 0 { close(file) } }
        let origin = try ranks.agreeOnRoot { () throws -> Origin in
            try MachineMemory.require(
                Double(total), for: "the memory that workers of one host share",
                advice: "start fewer workers, or set communication.host_sums: false")
            file = lockstep_memory_file("lockstep")
            guard file >= 0, ftruncate(file, total) == 0 else { throw failure("making \(total) bytes") }
            let mark = UInt64.random(in: 1...UInt64.max)
            guard withUnsafeBytes(of: mark, { pwrite(file, $0.baseAddress, $0.count, 0) }) == 8 else {
                throw failure("writing to it")
            }
            return Origin(process: getpid(), descriptor: file, mark: mark)
        }
        var mapped: UnsafeMutableRawPointer?
        do {
            return try ranks.agree {
                let path = "/proc/\(origin.process)/fd/\(origin.descriptor)"
                let opened = open(path, O_RDWR | O_CLOEXEC)
                guard opened >= 0 else { throw failure("opening \(path)") }
                defer { close(opened) }
                // Seen from another container, the path may be another process's.
                var mark: UInt64 = 0
                let read = withUnsafeMutableBytes(of: &mark) { pread(opened, $0.baseAddress, $0.count, 0) }
                guard read == 8, mark == origin.mark else {
                    throw Failure.running("\(path) is not the memory of a rank beside this one")
                }
                let map = try Self.map(total, MAP_SHARED, opened)
                mapped = map
                try take(offset, count, of: opened)
                return map
            }
        } catch {
            if let mapped { munmap(mapped, total) }
            throw error
        }
    }

    private static func take(_ offset: Int, _ count: Int, of file: Int32) throws {
        while true {
            let code = posix_fallocate(file, offset, count)
            guard code != 0 else { return }
            guard code == EINTR else { throw failure("taking \(count) bytes", code) }
        }
    }

    private static func map(_ bytes: Int, _ flags: Int32, _ file: Int32) throws -> UnsafeMutableRawPointer {
        guard let map = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, file, 0), map != MAP_FAILED else {
            throw failure("mapping \(bytes) bytes")
        }
        // Where the kernel grants it to shared memory too (/sys/kernel/mm/transparent_hugepage/shmem_enabled: advise).
        madvise(map, bytes, MADV_HUGEPAGE)
        return map
    }

    private static func failure(_ what: String, _ code: Int32 = errno) -> Failure {
        .running("shared memory: \(what) failed: \(Failure.systemReason(code))")
    }
}
