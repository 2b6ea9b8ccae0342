import Communication
import Support

/// Where a worker runs.
package struct WorkerPlace: Codable, Sendable, Hashable {
    /// Its rank in the job.
    package let rank: Int
    package let host: String

    package init(rank: Int, host: String) {
        self.rank = rank
        self.host = host
    }
}

/// A worker that costs the others time.
package struct WorkerBehind: Codable, Sendable, Equatable {
    package let rank: Int
    package let host: String
    /// The part of the step by which it would be shorter if this worker were as fast as the others.
    package let share: Double
}

/// Finds the straggler: the worker that the others wait for, step by step.
///
/// Workers are compared by the time of one of their slots, since a batch that the workers do not divide gives some of
/// them one more. Times are moving averages, so that one slow step makes nobody slow.
package struct SlowestWorker {
    private let workers: [WorkerPlace]
    private let slots: [Int]
    private var averages: [Double] = []
    private var seconds = 0.0
    /// Steps that were taken in; the first ones are not.
    private var steps = -SlowestWorker.warmup
    private var elapsed = 0.0
    private var named: Int?

    /// What is to be said now, once for a worker that has become slow.
    package private(set) var warning: String?

    /// The share of a step from which on a worker is named.
    private static let limit = 0.1
    /// Steps at the beginning that say nothing: images are read for the first time, and memory is touched.
    private static let warmup = 5
    /// Steps, and seconds of steps, behind those before anybody is named.
    private static let patience = (steps: 20, seconds: 5.0)

    /// - Parameters:
    ///   - slots: of the global batch.
    package init(workers: [WorkerPlace], slots: Int) {
        self.workers = workers
        let tree = SlotTree(slots: slots, workers: workers.count)
        self.slots = workers.indices.map { tree.slots(ofWorker: $0).count }
    }

    /// Takes in a step; returns the slowest worker where it costs more than a tenth.
    package mutating func judge(workers times: [WorkerTimes], seconds stepSeconds: Double) -> WorkerBehind? {
        warning = nil
        guard workers.count > 1, times.count == workers.count else { return nil }
        steps += 1
        guard steps > 0 else { return nil }
        let slotTimes = zip(times, slots).map { $0.total / Double($1) }
        let weight = max(0.05, 1 / Double(steps))
        averages = steps == 1 ? slotTimes : zip(averages, slotTimes).map { $0 + weight * ($1 - $0) }
        seconds += weight * (stepSeconds - seconds)
        elapsed += stepSeconds
        let whole = zip(averages, slots).map { $0 * Double($1) }
        guard let last = whole.indices.max(by: { whole[$0] < whole[$1] }) else { return nil }
        let others = averages.indices.filter { $0 != last }.map { averages[$0] }
        let usual = (median(others) ?? 0) * Double(slots[last])
        let next = whole.indices.filter { $0 != last }.map { whole[$0] }.max() ?? 0
        let share = (whole[last] - max(usual, next)) / seconds
        guard steps >= Self.patience.steps, elapsed >= Self.patience.seconds, share > Self.limit else {
            if share < Self.limit / 2 { named = nil }
            return nil
        }
        let place = workers[last]
        if named != last {
            named = last
            warning =
                "rank \(place.rank) on \(place.host) is the slowest: steps would be \(Int((share * 100).rounded())) % shorter if it were as fast as the others; look for other programs on that machine"
        }
        return WorkerBehind(rank: place.rank, host: place.host, share: share)
    }
}
