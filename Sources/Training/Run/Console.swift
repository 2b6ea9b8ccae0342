import Foundation
import Logging

/// What a run says to the person who started it: one progress line that is drawn again and again on a terminal, plain
/// lines elsewhere, all on standard error; every line but the progress also goes to the run's `train.log`.
public final class Console: @unchecked Sendable {
    private let lock = NSLock()
    /// Columns of the terminal; nil where standard error is none.
    private let columns: Int?
    private var file: FileHandle?
    private var drawn = false
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

    /// Adds the lines from here on to a file as well.
    public func open(log path: String) {
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        lock.withLock {
            file = FileHandle(forWritingAtPath: path)
            _ = try? file?.seekToEnd()
        }
    }

    /// Shows how far the run is.
    public func progress(_ line: @autoclosure () -> String) {
        guard !silent else { return }
        lock.lock()
        defer { lock.unlock() }
        if let columns {
            write("\r\u{1B}[K" + line().prefix(max(columns - 1, 20)))
            drawn = true
        } else if Date().timeIntervalSince(lastPlain) >= Self.plainInterval {
            lastPlain = Date()
            let line = line()
            write(line + "\n")
            log(line)
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

    /// Takes the progress line away.
    public func endProgress() {
        lock.withLock {
            if drawn { write("\r\u{1B}[K") }
            drawn = false
        }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    private func log(_ line: String) {
        let time = Date().formatted(.iso8601)
        try? file?.write(contentsOf: Data("\(time) \(line)\n".utf8))
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
