internal import CMPI
import Communication
import Foundation

/// The ranks that `mpirun` started, or some of them.
package final class MPICommunicator: Communicator {
    package let rank: Int
    package let size: Int
    package let name: String
    package var libraryDescription: String { Self.libraryDescription }
    private let handle: MPI_Comm
    private let worldRank: Int

    /// Bytes of one MPI message at most: MPI counts with 32 bits.
    private static let chunk = 1 << 30

    private init(_ handle: MPI_Comm, worldRank: Int? = nil) throws {
        // Errors come back as codes instead of ending the process inside MPI.
        try check(lockstep_mpi_return_errors(handle), "setting the error handler")
        var rank: Int32 = 0
        var size: Int32 = 0
        try check(MPI_Comm_rank(handle, &rank), "asking for the rank")
        try check(MPI_Comm_size(handle, &size), "asking for the number of ranks")
        self.handle = handle
        self.rank = Int(rank)
        self.size = Int(size)
        self.worldRank = worldRank ?? Int(rank)
        name = "rank \(self.worldRank) on \(ProcessInfo.processInfo.hostName)"
    }

    /// Joins the job that `mpirun` started. MPI is called from one thread only, the caller's.
    package static func initialize() throws -> MPICommunicator {
        var provided: Int32 = 0
        try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided), "starting MPI")
        return try MPICommunicator(lockstep_mpi_comm_world())
    }

    /// Leaves the job; waits for all ranks.
    package static func finalize() { MPI_Finalize() }

    /// Leaves a job whose launcher is gone: MPI's own way would wait for it. Removes the files of shared memory and of
    /// the job's session that MPI or the launcher would have removed.
    package static func abandon() {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        for line in maps.split(separator: "\n") {
            guard let start = line.range(of: "/dev/shm/vader_segment.")?.lowerBound else { continue }
            unlink(String(line[start...]))
        }
        // Open MPI's daemons have a folder each, named by their process.
        guard let session = ProcessInfo.processInfo.environment["PMIX_SERVER_TMPDIR"],
            session.split(separator: "/").last?.hasPrefix("pid.") == true
        else { return }
        try? FileManager.default.removeItem(atPath: session)
    }

    /// Ends all ranks of the job at once with this exit status.
    package static func abort(status: Int32) { MPI_Abort(lockstep_mpi_comm_world(), status) }

    package func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        try wait(for: sendRequests(bytes, to: rank, tag: tag), "sending to rank \(rank)")
    }

    package func startSending(
        _ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        PendingRequests(try sendRequests(bytes, to: rank, tag: tag))
    }

    private func sendRequests(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> [MPI_Request?] {
        try chunks(of: bytes.count).map { range in
            var request: MPI_Request?
            let start = bytes.baseAddress.map { $0 + range.lowerBound }
            let begin = tag.waitsForReceiver ? MPI_Issend : MPI_Isend
            try check(
                begin(start, Int32(range.count), lockstep_mpi_byte(), Int32(rank), tag.rawValue, handle, &request),
                "sending to rank \(rank)")
            return request
        }
    }

    package func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        try wait(for: receiveRequests(bytes, from: rank, tag: tag), "receiving from rank \(rank)")
    }

    package func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer {
        PendingRequests(try receiveRequests(bytes, from: rank, tag: tag))
    }

    private func receiveRequests(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> [MPI_Request?] {
        try chunks(of: bytes.count).map { range in
            var request: MPI_Request?
            let start = bytes.baseAddress.map { $0 + range.lowerBound }
            try check(
                MPI_Irecv(
                    start, Int32(range.count), lockstep_mpi_byte(), Int32(rank), tag.rawValue, handle, &request),
                "receiving from rank \(rank)")
            return request
        }
    }

    package func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? {
        var flag: Int32 = 0
        var status = MPI_Status()
        try check(
            MPI_Iprobe(Int32(rank), tag.rawValue, handle, &flag, &status), "looking for a message of rank \(rank)")
        guard flag != 0 else { return nil }
        var count: Int32 = 0
        try check(MPI_Get_count(&status, lockstep_mpi_byte(), &count), "measuring a message of rank \(rank)")
        return Int(count)
    }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        for range in chunks(of: bytes.count) {
            let start = bytes.baseAddress.map { $0 + range.lowerBound }
            try check(
                MPI_Bcast(start, Int32(range.count), lockstep_mpi_byte(), Int32(root), handle),
                "broadcasting from rank \(root)")
        }
    }

    package func split(_ members: [Int]) throws -> (any Communicator)? {
        let place = members.firstIndex(of: rank)
        var part: MPI_Comm?
        try check(
            MPI_Comm_split(
                handle, place == nil ? lockstep_mpi_undefined() : 0, Int32(place ?? 0), &part),
            "forming a group of ranks")
        guard place != nil, let part else { return nil }
        return try MPICommunicator(part, worldRank: worldRank)
    }

    package func splitByHost() throws -> any Communicator {
        var part: MPI_Comm?
        try check(lockstep_mpi_split_by_host(handle, Int32(rank), &part), "finding the ranks of this host")
        guard let part else { throw CommunicationFailure("MPI failed finding the ranks of this host") }
        return try MPICommunicator(part, worldRank: worldRank)
    }

    package func progress() throws { try check(lockstep_mpi_progress(handle), "moving messages") }

    /// At least one range, so that an empty message is a message too.
    private func chunks(of count: Int) -> [Range<Int>] {
        count == 0
            ? [0..<0]
            : stride(from: 0, to: count, by: Self.chunk).map { $0..<min($0 + Self.chunk, count) }
    }

    /// Tests until all are done. MPI's own waiting would hold the core even where ranks outnumber cores.
    private func wait(for requests: [MPI_Request?], _ what: String) throws {
        for var request in requests {
            var done: Int32 = 0
            var tries = 0
            while true {
                try check(MPI_Test(&request, &done, lockstep_mpi_status_ignore()), what)
                if done != 0 { break }
                tries += 1
                if tries > 100 { sched_yield() }
            }
        }
    }
}

/// Messages under way.
private final class PendingRequests: PendingTransfer {
    private var requests: [MPI_Request?]

    init(_ requests: [MPI_Request?]) { self.requests = requests }

    func isFinished() throws -> Bool {
        while var request = requests.last {
            var done: Int32 = 0
            try check(MPI_Test(&request, &done, lockstep_mpi_status_ignore()), "moving a message")
            requests[requests.count - 1] = request
            guard done != 0 else { return false }
            requests.removeLast()
        }
        return true
    }
}

/// Throws MPI's own words for a code that is not success.
private func check(_ code: Int32, _ what: String) throws {
    guard code != lockstep_mpi_success() else { return }
    var length: Int32 = 0
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING) + 1) { buffer in
        buffer.initialize(repeating: 0)
        MPI_Error_string(code, buffer.baseAddress, &length)
        return buffer.baseAddress.map { String(cString: $0) } ?? "code \(code)"
    }
    throw CommunicationFailure("MPI failed \(what): \(text)")
}

extension MPICommunicator {
    /// MPI's name and version, in its own words; works before MPI is started.
    package static var libraryDescription: String {
        var length: Int32 = 0
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1) {
            $0.initialize(repeating: 0)
            MPI_Get_library_version($0.baseAddress, &length)
            let text = $0.baseAddress.map { String(cString: $0) } ?? ""
            return text.split(separator: ",").first.map(String.init) ?? "unknown"
        }
    }
}
