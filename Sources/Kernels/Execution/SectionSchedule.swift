/// Predicts how long a team takes over sections that were recorded part by part on one thread.
///
/// Parts are taken as `ThreadTeam` has it: each thread begins with its own run of neighbours, and helps the next ones when it is
/// through. A section takes as long as its last thread, plus a fork and join, and no less than its bytes take
/// over the memory's bandwidth; one of a single part is not shared out.
public struct SectionSchedule: Sendable {
    public var threads: Int
    /// Seconds of a fork and join.
    public var fork: Double
    /// Bytes a second that all threads together read and write.
    public var bandwidth: Double

    public init(threads: Int, fork: Double, bandwidth: Double) {
        precondition(threads >= 1, "\(threads) threads")
        self.threads = threads
        self.fork = fork
        self.bandwidth = bandwidth
    }

    /// A section as predicted.
    public struct Prediction: Sendable {
        /// Seconds, fork and join included.
        public let seconds: Double
        /// Whether threads were called for it.
        public let isForked: Bool
        /// Whether the memory decides.
        public let isBoundByMemory: Bool
    }

    public func prediction(_ section: SectionRecorder.Section) -> Prediction {
        let work = section.parts.reduce(0, +)
        guard threads > 1, section.parts.count > 1 else {
            return Prediction(seconds: work, isForked: false, isBoundByMemory: false)
        }
        let busy = longest(section.parts)
        let memory = Double(section.bytes) / bandwidth
        return Prediction(seconds: max(busy, memory) + fork, isForked: true, isBoundByMemory: memory > busy)
    }

    /// When the last thread is through.
    private func longest(_ parts: [Double]) -> Double {
        var next = (0..<threads).map { parts.count * $0 / threads }
        let end = (0..<threads).map { parts.count * ($0 + 1) / threads }
        // The part that a thread takes next: its own, or one of the nearest that has any left.
        func take(_ thread: Int) -> Int? {
            for turn in 0..<threads {
                let owner = (thread + turn) % threads
                guard next[owner] < end[owner] else { continue }
                next[owner] += 1
                return next[owner] - 1
            }
            return nil
        }
        var free = Array(repeating: 0.0, count: threads)
        for _ in parts {
            guard let first = free.indices.min(by: { free[$0] < free[$1] }), let part = take(first) else { break }
            free[first] += parts[part]
        }
        return free.max() ?? 0
    }
}
