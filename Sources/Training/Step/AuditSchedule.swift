import Kernels

/// Which slots are computed a second time, and by whom: a function of seed, step, and the workers.
///
/// In an audited step each worker computes as many slots of another one again as every other worker does, where all have
/// as many, so that none waits for one.
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
    /// The number of each worker's host.
    private let hosts: [Int]

    /// - Parameter hosts: the workers of each host.
    package init(share: Double, seed: UInt64, slots: [Range<Int>], hosts: [[Int]]) {
        (self.share, self.seed, self.slots) = (share, seed, slots)
        order = Array(hosts.joined())
        precondition(order.sorted() == Array(slots.indices), "hosts \(hosts) of \(slots.count) workers")
        var places = order
        for (place, worker) in order.enumerated() { places[worker] = place }
        self.places = places
        var numbers = order
        for (number, workers) in hosts.enumerated() { for worker in workers { numbers[worker] = number } }
        self.hosts = numbers
        let most = hosts.map(\.count).max() ?? 0
        distance = most < order.count ? most : 1
    }

    /// Who computes a worker's slots again.
    package func auditor(of worker: Int) -> Int { order[(places[worker] + distance) % order.count] }

    /// Whose slots a worker computes again.
    package func audited(by worker: Int) -> Int { order[(places[worker] + order.count - distance) % order.count] }

    /// A third worker, which decides between those two, on a third host where there is one; nil where there are two.
    package func arbiter(of worker: Int) -> Int? {
        let two = [worker, auditor(of: worker)]
        let others = (1..<order.count).map { order[(places[worker] + $0) % order.count] }.filter { !two.contains($0) }
        return others.first { other in !two.contains { hosts[$0] == hosts[other] } } ?? others.first
    }

    /// The slots of a worker that are computed again in a step, ascending.
    ///
    /// - Parameter step: steps done before.
    package func slots(ofWorker worker: Int, step: Int) -> [Int] {
        guard share > 0, order.count > 1 else { return [] }
        var stream = RandomStream(seed: seed, use: .audit, step)
        let own = slots[worker]
        // With one number for all workers, those that have as many slots have as many looked at.
        let count = Int(share * Double(own.count) + stream.uniform())
        let first = stream.integer(below: slots.reduce(0) { $0 + $1.count })
        return (0..<min(count, own.count)).map { own.lowerBound + (first + $0) % own.count }.sorted()
    }
}
