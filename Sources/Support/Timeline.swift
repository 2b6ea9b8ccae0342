import Foundation
import Synchronization

/// The timeline of this process's activities, for a trace of all ranks. Any thread may add to it.
public final class Timeline: Sendable {
    /// One activity.
    public struct Span: Codable, Sendable, Hashable {
        public let name: String
        /// Activities of one track follow each other; those of `overlappingTrack` need not.
        public let track: String
        /// Seconds on this machine's clock.
        public let begin: Double
        public let end: Double
        public let step: Int
        public let bytes: Int?
    }

    /// The track of messages under way.
    public static let overlappingTrack = "messages"

    private let kept = Mutex<[Span]>([])
    private let limit: Int

    /// - Parameters:
    ///   - limit: the spans that are kept, the latest ones; up to twice as many are in memory.
    public init(limit: Int = 50_000) { self.limit = limit }

    /// Seconds on this machine's steady clock, which all its processes share.
    public static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Notes an activity.
    ///
    /// - Parameters:
    ///   - begin: when it began, as `now` said then; `end` alike.
    ///   - step: the training step that it belongs to, from 1.
    ///   - bytes: what it moved, if it did.
    public func add(
        _ name: String, on track: String, from begin: Double, to end: Double, step: Int, bytes: Int? = nil
    ) {
        let span = Span(name: name, track: track, begin: begin, end: end, step: step, bytes: bytes)
        kept.withLock {
            $0.append(span)
            if $0.count >= 2 * limit { $0.removeFirst($0.count - limit) }
        }
    }

    /// The latest spans.
    public var spans: [Span] { kept.withLock { Array($0.suffix(limit)) } }
}
