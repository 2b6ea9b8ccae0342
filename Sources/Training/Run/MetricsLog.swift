import Foundation
import Support
import Synchronization

/// `metrics.jsonl`: one JSON object an event; a validation follows the steps that went on meanwhile.
///
/// The coordinator's two threads write to it, in turn. What cannot be written is kept, and goes out before what follows.
final class MetricsLog: Sendable {
    private let file: Mutex<AppendedFile>
    /// The last audited step among the events that were there when the log was opened; 0 without one.
    let lastAudit: Int
    private let path: String
    private let encoder: JSONEncoder

    /// Opens the log to add to it.
    ///
    /// A log with lines that cannot be read is put aside whole, as `metrics.jsonl.damaged-1` say, before what can be read
    /// takes its place.
    ///
    /// - Parameters:
    ///   - lastStep: events of later steps are dropped first, and what ended the run: a resumed run repeats them.
    ///   - repeatedValidations: steps whose validation it repeats too.
    ///   - remark: is told what was put aside.
    init(
        path: String, lastStep: Int, repeatedValidations: Set<Int>, remark: (String) -> Void
    ) throws {
        self.path = path
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.encoder = encoder
        let (file, lastAudit) = try Self.open(path, lastStep, repeatedValidations, remark)
        self.file = Mutex(file)
        self.lastAudit = lastAudit
    }

    /// Drops the events of later steps: the run has ended at `step`.
    func drop(after step: Int) throws {
        try file.withLock { try $0.replace { try Self.open(path, step, []) { _ in }.file } }
    }

    /// Adds an event; throws where it, or one before it, could not be written. It is not lost then: it is written with the
    /// next.
    func append(_ event: some Encodable) throws {
        let line = try encoder.encode(event) + Data("\n".utf8)
        try file.withLock { try $0.append(line) }
    }

    /// Brings all events to the disk.
    func sync() throws { try file.withLock { try $0.sync() } }

    /// Whether every event is in the file.
    var isComplete: Bool { file.withLock { $0.isComplete } }

    // MARK: - The file

    /// The log without the events of steps later than `lastStep`, to be added to.
    private static func open(
        _ path: String, _ lastStep: Int, _ repeated: Set<Int>, _ remark: (String) -> Void
    ) throws -> (file: AppendedFile, lastAudit: Int) {
        struct Place: Decodable {
            let step: Int
            let event: String?
            let audited: Int?
        }
        let old = try read(path)
        var kept = Data()
        var (damaged, lastAudit) = (0, 0)
        let newline = UInt8(ascii: "\n")
        for line in old.split(separator: newline) {
            guard let place = try? JSONDecoder().decode(Place.self, from: line) else {
                // The last line may have been cut off by a crash: it is of a step that is repeated.
                if line.endIndex < old.endIndex || !isBeginning(line) { damaged += 1 }
                continue
            }
            // An audit of a later step vouches for those before it, too.
            if place.audited ?? 0 > 0 { lastAudit = max(lastAudit, min(place.step, lastStep)) }
            let isRepeated = place.event == "validation" && repeated.contains(place.step)
            // A run that goes on has not ended by whatever it was.
            guard place.step <= lastStep, !isRepeated, place.event != "failure" else { continue }
            kept += line + [newline]
        }
        if damaged > 0 {
            let aside = try putAside(path)
            remark(
                "\(damaged) line\(damaged == 1 ? "" : "s") of \(shownPath(path)) cannot be read: the log as it was is kept as "
                    + shownPath(aside))
        }
        if kept != old || old.isEmpty { try AtomicFile.write(path) { try $0.write(contentsOf: kept) } }
        // O_APPEND: whatever was cut off, a line goes behind the last whole one.
        let descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw AppendedFile.failure(path, errno) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return (AppendedFile(path) { file }, lastAudit)
    }

    /// Whether it may be the beginning of an event: what a power cut leaves may be zeros instead.
    private static func isBeginning(_ line: Data) -> Bool {
        line.first == UInt8(ascii: "{") && !line.contains(0)
    }

    /// The log's bytes; none where there is no log. Never less than there is: what cannot be read must not be overwritten.
    private static func read(_ path: String) throws -> Data {
        if access(path, F_OK) != 0, errno == ENOENT { return Data() }
        return try InputFile(path, called: shownPath(path)).contents(atMost: 1 << 40, as: "a log")
    }

    /// Gives the log a name that no file has, and returns that.
    private static func putAside(_ path: String) throws -> String {
        for number in 1... {
            let aside = "\(path).damaged-\(number)"
            if link(path, aside) == 0 { return aside }
            guard errno == EEXIST else { throw AppendedFile.failure(aside, errno) }
        }
        return path
    }
}
