internal import CTarget
import Dispatch
import Synchronization

/// The threads that share the work of one rank.
///
/// Work is cut into parts by the caller; the team only decides which thread does which part. One thread at a time gives a
/// team work, and takes part in it.
public final class ThreadTeam: Sendable {
    public let threads: Int
    private let crew: ThreadCrew?
    private let recorder: SectionRecorder?

    /// A team of one.
    public static let solo = ThreadTeam(threads: 1)

    /// - Parameter recorder: has all parts done one after another by the calling thread, and records each; a team that only
    ///   cuts its work for so many threads, to be measured on a machine with fewer cores.
    public init(threads: Int, recorder: SectionRecorder? = nil) {
        precondition(threads >= 1, "\(threads) threads")
        self.threads = threads
        self.recorder = recorder
        crew = threads > 1 && recorder == nil ? ThreadCrew(threads: threads) : nil
    }

    deinit { crew?.end() }

    /// Calls `body(lane, part)` once for every part in 0..<`parts`; `lane`, below `threads`, names the thread, so that
    /// each can have scratch memory of its own. Returns when all are done.
    ///
    /// A thread does neighbouring parts one after another: with the same cut in the next layer it finds what it wrote.
    ///
    /// - Parameter bytes: what all parts together read from memory and write to it.
    package func forEach(_ parts: Int, moving bytes: Int = 0, _ body: (_ lane: Int, _ part: Int) -> Void) {
        if let recorder { return recorder.record(parts, bytes: bytes, body) }
        guard let crew, parts > 1 else {
            for part in 0..<parts { body(0, part) }
            return
        }
        crew.run(parts, body)
    }

    /// Calls `body` with ranges that together cover 0..<`count`, for work in which every element stands alone.
    ///
    /// - Parameter width: bytes that the work on an element reads and writes.
    public func forRanges(
        of count: Int, atLeast smallest: Int = 16_384, moving width: Int = 0, _ body: (Range<Int>) -> Void
    ) {
        let parts = max(1, min(threads, count / max(smallest, 1)))
        forEach(parts, moving: width * count) { _, part in body(count * part / parts..<count * (part + 1) / parts) }
    }

    /// The median seconds of a section in which every thread of the team has one part and nothing to do.
    public func secondsOfForkAndJoin() -> Double {
        let arrived = Atomic<Int>(0)
        let times = (0..<2000).map { round in
            let begin = DispatchTime.now().uptimeNanoseconds
            forEach(threads) { _, _ in
                // None ends before all have begun: else one thread might do it all.
                arrived.add(1, ordering: .relaxed)
                while arrived.load(ordering: .relaxed) < (round + 1) * threads { lockstep_pause() }
            }
            return DispatchTime.now().uptimeNanoseconds - begin
        }
        return Double(times.sorted()[times.count / 2]) * 1e-9
    }

    /// The number of pieces to cut `count` alike units into, so that each thread has a few, none smaller than `smallest` units;
    /// 1 for a team of one.
    ///
    /// For work whose bits do not depend on where it is cut.
    func cuts(of count: Int, atLeast smallest: Int = 1) -> Int {
        threads == 1 ? 1 : max(1, min(2 * threads, count / max(smallest, 1)))
    }
}
