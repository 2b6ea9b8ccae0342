import Glibc

/// Standard output and standard error, whatever is behind them: a terminal that is closed, a pipe that nobody reads any
/// more or not at the moment, a full disk. None of these may end a run, nor hold it up.
package enum StandardStream {
    /// A pipe that can be written to has room for so many bytes (`PIPE_BUF`).
    private static let chunk = 4096

    /// Makes the streams safe to write to; called first of all.
    ///
    /// A write into a pipe that has no reader fails instead of ending the process, and so does one beyond a limit on the
    /// size of files. A stream that was closed when the program started leads to nowhere: the next file to be opened
    /// would get its number, and be written into.
    package static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Writes a text, as much of it as goes.
    ///
    /// - Parameter patience: seconds that whoever reads may take nothing; nil: as long as it takes.
    /// - Returns: 0, or `errno`; ETIMEDOUT where the reader took nothing for so long.
    @discardableResult
    package static func write(_ text: String, to descriptor: Int32, patience: Double? = nil) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            if let patience {
                var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                let count = poll(&polled, 1, Int32(patience * 1000))
                if count < 0, errno == EINTR { continue }
                if count == 0 { return ETIMEDOUT }
            }
            let count = rest.prefix(chunk).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                if poll(&polled, 1, patience.map { Int32($0 * 1000) } ?? -1) == 0 { return ETIMEDOUT }
                continue
            }
            guard count > 0 else { return count < 0 ? errno : EIO }
            rest = rest.dropFirst(count)
        }
        return 0
    }
}
