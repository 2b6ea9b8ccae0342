import Foundation
import Glibc
import Logging
import Synchronization

/// What a run says to the person who started it: one progress line that is drawn again and again on a terminal, plain
/// lines elsewhere, all on standard error. The run's `train.log` gets every line, and the progress now and then.
public final class Console: Sendable {
    private struct State {
        var file: FileHandle?
        /// Whether a progress line stands on the terminal.
        var drawn = false
        /// What was said before the log was opened.
        var earlier: [String] = []
        var lastPlain = Date.distantPast

        mutating func log(_ line: String) {
            guard let file else { return earlier.append(line) }
            try? file.write(contentsOf: Data("\(Date().formatted(.iso8601)) \(line.printable())\n".utf8))
        }

        /// Whether the last line was written: one that was not, since nobody reads, is not waited for again.
        var isRead = true

        /// Writes to the terminal, or what stands in its place.
        mutating func write(_ text: String, patience: Double = Console.patience) {
            isRead = StandardStream.write(text, to: STDERR_FILENO, patience: isRead ? patience : 0) != ETIMEDOUT
        }

        /// Takes the progress line away.
        mutating func erase() {
            if drawn { write(Console.erasing) }
            drawn = false
        }
    }

    private let state = Mutex(State())
    private let silent: Bool
    private let saysProgressAlone: Bool
    /// Columns of the terminal; nil where standard error is none.
    private let columns: Int?

    /// Seconds between plain progress lines.
    private static let plainInterval = 10.0
    /// Seconds that whoever reads may take nothing, a pager say: then lines are left out there, until it reads again.
    private static let patience = 5.0
    /// The same for the last words, behind which the end of the process waits.
    private static let lastPatience = 1.0
    /// Clears the terminal's line.
    private static let erasing = "\r\u{1B}[K"

    /// - Parameters:
    ///   - silent: says nothing at all: ranks that do not coordinate.
    public convenience init(silent: Bool = false) { self.init(silent: silent, saysProgressAlone: false) }

    private init(silent: Bool, saysProgressAlone: Bool) {
        self.silent = silent
        self.saysProgressAlone = saysProgressAlone
        columns = JobEnvironment.terminalColumns ?? (isatty(STDERR_FILENO) == 1 ? Self.terminalColumns : nil)
    }

    private static var terminalColumns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Another, for work of which no more is to be seen than how far it is.
    public var showingProgressAlone: Console { Console(silent: silent, saysProgressAlone: true) }

    /// Adds the lines to a file as well, those that have been said already included.
    public func open(log path: String) throws {
        // Where others may write too, a link in its place would lead to any file of this user's.
        // A named pipe would keep whoever opens it until somebody reads.
        let descriptor = Glibc.open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure.running("\(shownPath(path)) cannot be written: \(Failure.writingReason(errno))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure.request("\(shownPath(path)) is no file that can be written: move it away")
        }
        state.withLock { state in
            state.file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            for line in state.earlier { state.log(line) }
            state.earlier = []
        }
    }

    /// Shows how far the run is. Of a line of parts with two blanks between them, a terminal shows those that it has room
    /// for.
    public func progress(_ line: @autoclosure () -> String) {
        guard !silent else { return }
        state.withLock { state in
            let isPlainDue = Date().timeIntervalSince(state.lastPlain) >= Self.plainInterval
            guard columns != nil || isPlainDue else { return }
            let line = line()
            if isPlainDue {
                state.lastPlain = Date()
                state.log(line)
            }
            if let columns {
                state.write(Self.erasing + Self.fitting(line.printable(), columns: max(columns - 1, 20)))
                state.drawn = true
            } else {
                state.write(line.printable() + "\n")
            }
        }
    }

    private static func fitting(_ line: String, columns: Int) -> Substring {
        var rest = line[...]
        while rest.count > columns, let end = rest.range(of: "  ", options: .backwards) {
            rest = rest[..<end.lowerBound]
        }
        return rest.prefix(columns)
    }

    /// Says something that stays.
    public func say(_ line: String) {
        guard !silent else { return }
        state.withLock { state in
            if !saysProgressAlone {
                state.erase()
                state.write(line.printable() + "\n")
            }
            state.log(line)
        }
    }

    /// Says the last words of a job, also on a console that is silent otherwise. Waits for no other thread for long: one
    /// that holds the console may be stuck, and then the line is not in the log.
    public func complain(_ message: String) {
        let deadline = Timeline.now + 0.2
        while true {
            let isSaid: Void? = state.withLockIfAvailable { state in
                state.erase()
                state.write("error: \(message.printable())\n", patience: Self.lastPatience)
                if !silent { state.log("error: \(message)") }
            }
            if isSaid != nil { return }
            guard Timeline.now < deadline else { break }
            usleep(10_000)
        }
        StandardStream.write(
            "\(columns == nil ? "" : Self.erasing)error: \(message.printable())\n", to: STDERR_FILENO,
            patience: Self.lastPatience)
    }

    /// Takes the progress line away.
    public func endProgress() { state.withLock { $0.erase() } }

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
