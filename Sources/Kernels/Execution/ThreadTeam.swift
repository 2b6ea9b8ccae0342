import Dispatch
import Synchronization

/// The threads that share the work of one rank.
///
/// Work is cut into parts by the caller, by sizes alone; the team only decides which thread does which part.
public struct ThreadTeam: Sendable {
    public let threads: Int

    /// A team of one.
    public static let solo = ThreadTeam(threads: 1)

    public init(threads: Int) {
        precondition(threads >= 1, "\(threads) threads")
        self.threads = threads
    }

    /// Calls `body(lane, part)` once for every part in 0..<`parts`; `lane`, below `threads`, names the thread, so that
    /// each can have scratch memory of its own. Returns when all are done.
    package func forEach(_ parts: Int, _ body: (_ lane: Int, _ part: Int) -> Void) {
        let lanes = min(threads, parts)
        guard lanes > 1 else {
            for part in 0..<parts { body(0, part) }
            return
        }
        withoutActuallyEscaping(body) { body in
            let shared = Shared(body: body)
            DispatchQueue.concurrentPerform(iterations: lanes) { lane in
                // Whoever is free takes the next part: a thread that another program holds up delays none of the rest.
                while let part = shared.next(below: parts) { shared.body(lane, part) }
            }
        }
    }

    /// Sendable although the closure is not: parts write to places of their own, and none outlives the call.
    private final class Shared: @unchecked Sendable {
        let body: (Int, Int) -> Void
        private let taken = Atomic<Int>(0)

        init(body: @escaping (Int, Int) -> Void) { self.body = body }

        func next(below parts: Int) -> Int? {
            let part = taken.add(1, ordering: .relaxed).oldValue
            return part < parts ? part : nil
        }
    }

    /// Calls `body` with ranges that together cover 0..<`count`, for work in which every element stands alone.
    public func forRanges(of count: Int, atLeast smallest: Int = 16_384, _ body: (Range<Int>) -> Void) {
        let parts = max(1, min(threads, count / max(smallest, 1)))
        forEach(parts) { _, part in body(count * part / parts..<count * (part + 1) / parts) }
    }
}
