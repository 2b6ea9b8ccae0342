import Foundation
import Glibc
import Logging

/// What a run says to the person who started it: one progress line that is drawn again and again on a terminal, plain
/// lines elsewhere, all on standard error. The run's `train.log` gets every line, and the progress now and then.
public final class Console: @unchecked Sendable {
    private let lock = NSLock()
    /// Columns of the terminal; nil where standard error is none.
    private let columns: Int?
    private var file: FileHandle?
    private var drawn = false
    /// What was said before the log was opened.
    private var earlier: [String] = []
    private var lastPlain = Date.distantPast

    /// Seconds between plain progress lines.
    private static let plainInterval = 10.0

    /// - Parameters:
    ///   - silent: says nothing at all: ranks that do not coordinate.
    public init(silent: Bool = false) {
        self.silent = silent
        // mpirun puts a pipe between its ranks and the terminal; the launch script says what is behind it.
        let told = ProcessInfo.processInfo.environment["LOCKSTEP_TERMINAL"].flatMap(Int.init)
        columns = told ?? (isatty(STDERR_FILENO) == 1 ? Self.terminalColumns : nil)
    }

    private let silent: Bool

    private static var terminalColumns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Adds the lines to a file as well, those that have been said already included.
    public func open(log path: String) throws {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure.running("\(path) cannot be written: \(Failure.systemReason(errno))")
        }
        lock.withLock {
            file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            for line in earlier { log(line) }
            earlier = []
        }
    }

    /// Shows how far the run is.
    public func progress(_ line: @autoclosure () -> String) {
        guard !silent else { return }
        lock.lock()
        defer { lock.unlock() }
        let isPlainDue = Date().timeIntervalSince(lastPlain) >= Self.plainInterval
        guard columns != nil || isPlainDue else { return }
        let line = line()
        if isPlainDue {
            lastPlain = Date()
            log(line)
        }
        if let columns {
            write("\r\u{1B}[K" + line.prefix(max(columns - 1, 20)))
            drawn = true
        } else {
            write(line + "\n")
        }
    }

    /// Says something that stays.
    public func say(_ line: String) {
        guard !silent else { return }
        lock.lock()
        defer { lock.unlock() }
        if drawn { write("\r\u{1B}[K") }
        drawn = false
        write(line + "\n")
        log(line)
    }

    /// Says the last words of a job, also on a console that is silent otherwise. Waits for no other thread, which may be
    /// stuck.
    public func complain(_ message: String) {
        let isLocked = lock.lock(before: Date(timeIntervalSinceNow: 0.2))
        defer { if isLocked { lock.unlock() } }
        write("\(drawn ? "\r\u{1B}[K" : "")error: \(message)\n")
        drawn = false
        if !silent { log("error: \(message)") }
    }

    /// Takes the progress line away.
    public func endProgress() {
        lock.withLock {
            if drawn { write("\r\u{1B}[K") }
            drawn = false
        }
    }

    /// A terminal that is gone or a full disk behind standard error must not end a run.
    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    private func log(_ line: String) {
        guard let file else { return earlier.append(line) }
        try? file.write(contentsOf: Data("\(Date().formatted(.iso8601)) \(line)\n".utf8))
    }

    /// A logger whose messages appear here.
    public var logger: Logger {
        Logger(label: "lockstep") { _ in ConsoleLogHandler(console: self) }
    }
}

/// swift-log's messages, on a console.
private struct ConsoleLogHandler: LogHandler {
    let console: Console
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        console.say(event.level >= .warning ? "\(event.level): \(event.message)" : "\(event.message)")
    }
}
