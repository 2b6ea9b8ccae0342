import Kernels

/// Which slots are computed a second time, and by whom: a function of seed, step, and the workers.
///
/// In an audited step each worker computes as many slots of another one again as every other worker does, so that none
/// waits for one.
package struct AuditSchedule {
    /// Of all slots, the share that is computed again.
    let share: Double
    let seed: UInt64
    /// The slots of each worker.
    let slots: [Range<Int>]
    /// The workers by host, and how many places further on, in that order, the worker is that computes one's slots again:
    /// on another host, unless one host has more than half of the workers.
    private let order: [Int]
    private let places: [Int]
    private let distance: Int

    /// - Parameter hosts: the workers of each host.
    package init(share: Double, seed: UInt64, slots: [Range<Int>], hosts: [[Int]]) {
        (self.share, self.seed, self.slots) = (share, seed, slots)
        order = Array(hosts.joined())
        precondition(order.sorted() == Array(slots.indices), "hosts \(hosts) of \(slots.count) workers")
        var places = order
        for (place, worker) in order.enumerated() { places[worker] = place }
        self.places = places
        let most = hosts.map(\.count).max() ?? 0
        distance = most < order.count ? most : 1
    }

    /// Who computes a worker's slots again.
    package func auditor(of worker: Int) -> Int { order[(places[worker] + distance) % order.count] }

    /// Whose slots a worker computes again.
    package func audited(by worker: Int) -> Int { order[(places[worker] + order.count - distance) % order.count] }

    /// A third worker, which decides between those two; nil where there are two.
    package func arbiter(of worker: Int) -> Int? {
        guard order.count > 2 else { return nil }
        let two = [worker, auditor(of: worker)]
        return (2..<order.count + 2).lazy.map { order[(places[worker] + $0 * distance) % order.count] }
            .first { !two.contains($0) } ?? order.first { !two.contains($0) }
    }

    /// The slots of a worker that are computed again in a step, ascending.
    ///
    /// - Parameter step: steps done before.
    package func slots(ofWorker worker: Int, step: Int) -> [Int] {
        guard share > 0, order.count > 1 else { return [] }
        var stream = RandomStream(seed: seed, use: .audit, step)
        let total = slots.reduce(0) { $0 + $1.count }
        let mean = share * Double(total) / Double(order.count)
        let count = Int(mean) + (stream.uniform() < mean - mean.rounded(.down) ? 1 : 0)
        let own = slots[worker]
        let first = stream.integer(below: total)
        return (0..<min(count, own.count)).map { own.lowerBound + (first + $0) % own.count }.sorted()
    }
}
