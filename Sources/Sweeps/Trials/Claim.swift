import Foundation
import Support
import Synchronization

/// A process's claim on a trial, so that of several, on this machine or others that share the folder, one alone trains it.
///
/// Claims are the files `claims/0001`, `0002`, … of a trial's folder, and none is ever removed: the last one counts. A
/// trial whose last claim is released or stale is claimed by making the next file, which exactly one process can: a file
/// that is written elsewhere gets its name by `link`, which is atomic on NFS too, where locks are not to be relied on. A
/// claim is stale where its process is on this machine and has ended, or, of another machine, where its count of
/// heartbeats has stood still for a while, by the clock of whoever watches: clocks need not agree.
package final class Claim {
    /// What a claim's file says: one line of JSON, filled up with blanks, so that a new one covers the old.
    struct Content: Codable, Equatable {
        /// The machine, its start and the process's namespace: only there does the number mean something.
        var machine: String
        var host: String
        var process: Int32
        /// When the process began, in the kernel's ticks.
        var started: UInt64
        /// Tells claims of one process apart.
        var identity: String
        var beats = 0
        var isReleased = false

        /// Whether the process is, or was, one of this machine's.
        fileprivate var isHere: Bool { machine == Self.thisMachine }

        /// Whether the process is one of this machine's that has ended.
        fileprivate var hasEnded: Bool { machine == Self.thisMachine && Self.start(of: process) != started }

        fileprivate static func own() -> Content {
            Content(
                machine: thisMachine, host: thisHost, process: getpid(), started: start(of: getpid()) ?? 0,
                identity: UUID().uuidString)
        }

        private static let thisHost: String = {
            var name = [CChar](repeating: 0, count: 256)
            gethostname(&name, name.count - 1)
            return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }()

        private static let thisMachine: String = {
            let boot = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id") ?? Data()
            let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
            return String(decoding: boot, as: UTF8.self).filter { !$0.isNewline } + "/" + (space ?? "")
        }()

        /// This process in a word: its machine and that one's start, its number and its own start.
        static let thisProcess = "\(machineMark)_\(getpid())_\(start(of: getpid()) ?? 0)"

        private static let machineMark = String(thisMachine.filter { $0.isLetter || $0.isNumber })

        /// Whether the process that `thisProcess` names, at the beginning of a text, is one of this machine's that has ended.
        static func hasEnded(process text: some StringProtocol) -> Bool {
            let parts = text.split(separator: "_")
            guard parts.count > 2, parts[0] == machineMark, let process = Int32(parts[1]), let began = UInt64(parts[2])
            else { return false }
            return start(of: process) != began
        }

        /// When a process began; nil where there is none.
        private static func start(of process: Int32) -> UInt64? {
            let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat").map {
                String(decoding: $0, as: UTF8.self)
            }
            // Behind the program's name, which may hold anything, the state is the first field and the start the 20th.
            guard let stat, let end = stat.lastIndex(of: ")") else { return nil }
            let fields = stat[end...].split(separator: " ").dropFirst()
            guard fields.count > 19, fields.first != "Z" else { return nil }
            return UInt64(fields[fields.startIndex + 19])
        }
    }

    private let folder: String
    private let number: Int
    private let descriptor: Int32
    private var content: Content

    private static let bytes = 512

    private init(folder: String, number: Int, descriptor: Int32, content: Content) {
        (self.folder, self.number, self.descriptor, self.content) = (folder, number, descriptor, content)
    }

    deinit { close(descriptor) }

    private static func path(_ folder: String, _ number: Int) -> String {
        "\(folder)/\(zeroPadded(number, digits: 4))"
    }

    private static func last(in folder: String) -> Int {
        // A number that nobody comes to is somebody else's name.
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
            Int(name).flatMap { $0 < 1 << 40 && zeroPadded($0, digits: 4) == name ? $0 : nil }
        }.max() ?? 0
    }

    /// Claims the trial whose claims are in `folder`; nil where another process has it.
    package static func take(in folder: String, watch: ClaimWatch) throws -> Claim? {
        try makeFolder(folder, called: "\(folder):", advice: "check the permissions of the folder that it is in")
        let last = last(in: folder)
        if last > 0, watch.holder(of: path(folder, last)) != nil { return nil }
        let content = Content.own()
        let temporary = "\(folder)/\(SharedFile.ownName()).part"
        let descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(temporary, errno) }
        defer { unlink(temporary) }
        let claim = Claim(folder: folder, number: last + 1, descriptor: descriptor, content: content)
        let written = claim.write()
        guard written == 0 else { throw failure(temporary, written) }
        // An answer that was lost on its way from an NFS server looks like a failure: the number of names does not lie.
        let code = link(temporary, path(folder, last + 1)) == 0 ? 0 : errno
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_nlink == 2 else {
            if code == EEXIST || code == 0 { return nil }
            throw failure(path(folder, last + 1), code)
        }
        SharedFile.clean(folder)
        SharedFile.clean(parentFolder(folder), of: "trial.json")
        return claim
    }

    /// Says that the claim's process is alive; returns whether the claim is still this process's: another takes it where
    /// it was not heard of for long.
    package func beat() -> Bool {
        content.beats += 1
        _ = write()
        return access(Self.path(folder, number + 1), F_OK) != 0
    }

    /// Gives the trial back.
    package func release() {
        content.isReleased = true
        _ = write()
    }

    /// Returns `errno`, 0 = done.
    private func write() -> Int32 {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Array((try? encoder.encode(content)) ?? Data())
        text += [UInt8](repeating: UInt8(ascii: " "), count: max(0, Self.bytes - 1 - text.count)) + [UInt8(ascii: "\n")]
        var start = 0
        while start < text.count {
            let count = text[start...].withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(start)) }
            guard count > 0 else { return count == 0 ? EIO : errno }
            start += count
        }
        return fsync(descriptor) == 0 ? 0 : errno
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        .running("\(path): cannot be written: \(Failure.writingReason(code))")
    }

    /// Whether somebody holds a trial, as far as one look tells.
    static func isHeld(in folder: String, watch: ClaimWatch) -> Bool {
        let last = last(in: folder)
        return last > 0 && watch.holder(of: path(folder, last)) != nil
    }

    /// Whether somebody who is known to live holds a trial.
    static func isAlive(in folder: String, watch: ClaimWatch) -> Bool { watch.isAlive(path(folder, last(in: folder))) }
}

/// Watches the claims of others, which are stale once their heartbeats stand still for so long.
package final class ClaimWatch: Sendable {
    private let patience: Double
    /// What claims said when they last changed, when that was seen, and whether they have changed since the first look.
    private let seen = Mutex<[String: (content: Claim.Content, time: Double, hasBeaten: Bool)]>([:])

    /// - Parameter patience: seconds without a heartbeat; some beats are lost where a machine is busy.
    package init(patience: Double = 60) { self.patience = patience }

    /// Who holds a claim; nil where it is released or stale.
    func holder(of path: String) -> Claim.Content? {
        // Opened anew, so that NFS asks the server.
        guard let bytes = FileManager.default.contents(atPath: path),
            let content = try? JSONDecoder().decode(Claim.Content.self, from: bytes)
        else {
            // Never to be read otherwise than whole: who made it had no room on the disk, say. It does not change.
            return watched(path, Claim.Content(machine: "", host: "", process: 0, started: 0, identity: ""))
        }
        return content.isReleased || content.hasEnded ? nil : watched(path, content)
    }

    /// Whether a claim's process is of this machine, or was heard of since the first look.
    func isAlive(_ path: String) -> Bool {
        guard let holder = holder(of: path) else { return false }
        return holder.isHere || seen.withLock { $0[path]?.hasBeaten ?? false }
    }

    private func watched(_ path: String, _ content: Claim.Content) -> Claim.Content? {
        let now = Timeline.now
        return seen.withLock { seen in
            guard let before = seen[path], before.content == content else {
                seen[path] = (content, now, seen[path]?.content.identity == content.identity)
                return content
            }
            return now - before.time < patience ? content : nil
        }
    }
}
