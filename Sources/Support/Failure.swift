import Glibc

/// Something from outside (a file, a configuration, another rank, a signal) that ends the program with one line.
///
/// The message says what is wrong, where (file, key, rank), and what to do, in one line without a final full stop.
/// Mistakes of our own are `precondition`s, not failures.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Why the program ends; settles its exit status.
    public enum Kind: Int32, Sendable {
        /// Failed while running: exit status 1.
        case running = 1
        /// The request itself is wrong (usage, configuration, input file): exit status 2.
        case request = 2
        /// Stopped on a signal after saving a checkpoint: exit status 75 (`EX_TEMPFAIL` of sysexits.h).
        case stopped = 75
    }

    public let kind: Kind
    public let message: String
    /// Whether the same would only happen again, so that a supervisor need not start the job anew.
    public let repeats: Bool

    /// - Parameters:
    ///   - repeats: left out: so for a wrong request, and not for what failed while running.
    public init(_ kind: Kind, _ message: String, repeats: Bool? = nil) {
        self.kind = kind
        // One line, whatever it quotes.
        self.message = message.printable()
        self.repeats = repeats ?? (kind == .request)
    }

    /// The request itself is wrong.
    public static func request(_ message: String) -> Failure { Failure(.request, message) }

    /// Something failed while running; `repeats` says whether it would only fail again.
    public static func running(_ message: String, repeats: Bool = false) -> Failure {
        Failure(.running, message, repeats: repeats)
    }

    /// A failure as it is; anything else as a failure while running, in its own words behind `what` failed.
    public init(wrapping error: any Error, _ what: String? = nil) {
        self = error as? Failure ?? .running("\(what.map { "\($0): " } ?? "")\(error)")
    }

    /// The same failure with its place behind the message, "… (rank 2 on node7, step 57)", unless it is there already.
    public func at(_ place: String, step: Int? = nil) -> Failure {
        guard !message.contains("(\(place)") else { return self }
        return Failure(kind, "\(message) (\(place)\(step.map { ", step \($0)" } ?? ""))", repeats: repeats)
    }

    /// A wrong request that was a right one when the job began: what has changed since may change back, so that the job may
    /// be started again; if not, its start finds it.
    public var sinceStart: Failure {
        kind == .request ? .running("\(message) (it was good when the job began)") : self
    }

    public var exitStatus: Int32 { kind.rawValue }

    public var description: String { message }
}

extension Failure {
    /// What the operating system says of `errno`, for the end of a message: "no space left on device".
    public static func systemReason(_ code: Int32) -> String {
        String(cString: strerror(code)).lowercased()
    }

    /// The same of a file that cannot be written, and what to do: "no space left on device: free some space".
    public static func writingReason(_ code: Int32) -> String {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "free some space"
            case EMFILE, ENFILE: "raise the limit (ulimit -n), or end other programs"
            case EFBIG: "raise the limit (ulimit -f)"
            case EACCES, EPERM, EROFS: "check its permissions, or choose another folder"
            case EISDIR, EEXIST, ENOTDIR, ENOTEMPTY, ELOOP: "move away what stands there"
            case ENOENT: "its folder was moved or removed"
            default: "check the disk or its server"
            }
        return "\(systemReason(code)): \(advice)"
    }
}
