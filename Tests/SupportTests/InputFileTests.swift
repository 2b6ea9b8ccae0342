import Foundation
import Support
import Testing

/// The one way to open a file for reading.
@Suite struct InputFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-input-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func refusal(_ path: String) -> Failure? {
        do {
            _ = try InputFile(path, called: "the file")
            return nil
        } catch {
            return error as? Failure
        }
    }

    @Test("what is no regular file is refused at once, by its kind, and without being opened")
    func kinds() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (pipe, socketPath, link) = (path("pipe"), path("s"), path("link"))
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(symlink(pipe, link) == 0)
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8.prefix($0.count - 1)) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(server, $0, length) }
        }
        for (place, kind) in [
            (pipe, "a named pipe"), (link, "a named pipe"), (folder.path, "a folder"), ("/dev/null", "a device"),
            ("/dev/zero", "a device"),
        ] + (isBound == 0 ? [(socketPath, "a socket")] : []) {
            let failure = try #require(refusal(place), "\(place)")
            #expect(failure.kind == .request && failure.message.contains("the file is \(kind)"), "\(place): \(failure)")
        }
        // Nobody was made to believe that somebody reads.
        #expect(open(pipe, O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO)
    }

    @Test func linksAreFollowedAndBytesAreRead() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("0123456789".utf8).write(to: URL(filePath: path("a")))
        #expect(symlink("a", path("link")) == 0)
        let file = try InputFile(path("link"), called: "the file")
        #expect(file.size == 10)
        #expect(try file.bytes(at: 7, count: 100) == Array("789".utf8))
        #expect(try file.contents(atMost: 10, as: "a file") == Data("0123456789".utf8))
        #expect(throws: Failure.self) { try file.contents(atMost: 9, as: "a file") }
        // Its size is said to be 0.
        #expect(try InputFile("/proc/self/stat", called: "").contents(atMost: 1 << 20, as: "a file").count > 10)
        #expect(throws: Failure.self) {
            try InputFile("/proc/self/stat", called: "").contents(atMost: 10, as: "a file")
        }
        #expect(refusal(path("none")) == .request("the file does not exist: correct the path"))
        #expect(refusal(path("a/b"))?.kind == .request)
    }

    @Test(
        "only what stays as it is makes a request wrong; the system's own reason is said",
        arguments: [
            (ENOENT, false), (ENOTDIR, false), (EACCES, false), (EPERM, false), (EISDIR, false), (ELOOP, false),
            (EIO, true), (ESTALE, true), (EMFILE, true), (ENFILE, true), (ENOMEM, true), (ETIMEDOUT, true),
            (EINTR, true),
            (EAGAIN, true), (ENOTCONN, true), (EHOSTDOWN, true), (EREMOTEIO, true), (EBADF, true),
        ])
    func reasons(_ code: Int32, passes: Bool) {
        let failure = InputFile.failure(code, called: "image a.png")
        #expect(failure.kind == (passes ? .running : .request))
        #expect(failure.repeats == !passes)
        #expect(failure.message.hasPrefix("image a.png "))
        if passes { #expect(failure.message.contains(Failure.systemReason(code))) }
    }

    @Test("too many open files are no wrong request, and leave nothing open")
    func descriptors() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("a".utf8).write(to: URL(filePath: path("a")))
        func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        let before = try count()
        for _ in 0..<2000 {
            _ = try InputFile(path("a"), called: "a")
            _ = refusal(folder.path)
            _ = refusal(path("none"))
        }
        // Other tests open files meanwhile.
        #expect(try count() < before + 1000)
    }

    @Test func whatWasGoodAtTheStartMayBeAgain() {
        let gone = Failure.request("image a.png does not exist: correct the path").sinceStart
        #expect(gone.kind == .running && !gone.repeats && gone.message.contains("was good when the job began"))
        let other = Failure.running("the disk is full", repeats: true)
        #expect(other.sinceStart == other)
    }
}
