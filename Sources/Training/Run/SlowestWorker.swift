import Communication

/// Where a worker runs.
struct WorkerPlace: Codable, Sendable, Hashable {
    /// Its rank in the job.
    let rank: Int
    let host: String
}

/// A worker that costs the others time.
struct WorkerBehind: Codable, Sendable {
    let rank: Int
    let host: String
    /// The part of the step by which it would be shorter if this worker were as fast as the others.
    let share: Double
}

/// Looks for the worker that the others wait for, step by step.
///
/// Workers are compared by the time of one of their slots, since a batch that the workers do not divide gives some of
/// them one more. Times are moving averages, so that one slow step makes nobody slow.
struct SlowestWorker {
    private let workers: [WorkerPlace]
    private let slots: [Int]
    private var averages: [Double] = []
    private var seconds = 0.0
    private var steps = 0
    private var named: Int?

    /// What is to be said now, once for a worker that has become slow.
    private(set) var warning: String?

    /// The share of a step from which on a worker is named.
    private static let limit = 0.1
    /// Steps before anybody is.
    private static let patience = 10

    /// - Parameters:
    ///   - slots: of the global batch.
    init(workers: [WorkerPlace], slots: Int) {
        self.workers = workers
        let tree = SlotTree(slots: slots, workers: workers.count)
        self.slots = workers.indices.map { tree.slots(ofWorker: $0).count }
    }

    /// Takes in a step; returns the slowest worker where it costs more than a tenth.
    mutating func judge(_ report: StepReport) -> WorkerBehind? {
        warning = nil
        guard workers.count > 1, report.workers.count == workers.count else { return nil }
        let times = zip(report.workers, slots).map { $0.total / Double($1) }
        let weight = max(0.05, 1 / Double(steps + 1))
        averages = steps == 0 ? times : zip(averages, times).map { $0 + weight * ($1 - $0) }
        seconds += weight * (report.seconds - seconds)
        steps += 1
        let whole = zip(averages, slots).map { $0 * Double($1) }
        guard let last = whole.indices.max(by: { whole[$0] < whole[$1] }) else { return nil }
        let others = averages.indices.filter { $0 != last }.map { averages[$0] }.sorted()
        let usual = others[others.count / 2] * Double(slots[last])
        let next = whole.indices.filter { $0 != last }.map { whole[$0] }.max() ?? 0
        let share = (whole[last] - max(usual, next)) / seconds
        guard share > Self.limit else {
            if share < Self.limit / 2 { named = nil }
            return nil
        }
        let place = workers[last]
        if steps >= Self.patience && named != last {
            named = last
            warning =
                "rank \(place.rank) on \(place.host) is the slowest: steps would be \(Int(share * 100)) % shorter if it were as fast as the others; look for other programs on that machine"
        }
        return WorkerBehind(rank: place.rank, host: place.host, share: share)
    }
}
