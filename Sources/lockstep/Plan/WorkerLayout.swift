/// How many workers train on each host, and with how many threads each.
struct WorkerLayout: Hashable, Sendable {
    /// Of each host, in the hosts' order.
    let workersOfHosts: [Int]
    /// Of each worker.
    let threads: Int

    var workers: Int { workersOfHosts.reduce(0, +) }
    var mostOnAHost: Int { workersOfHosts.max() ?? 0 }

    /// Images of a step that the busiest worker computes.
    func slots(ofBatch batch: Int) -> Int { (batch + workers - 1) / workers }
}

/// The cores of a host that a job may use.
struct HostCores: Hashable, Sendable {
    /// Each has memory of its own, which the cores of others reach more slowly.
    var sockets = 1
    let coresOfSocket: Int

    var cores: Int { sockets * coresOfSocket }

    /// Workers of so many threads that find a core for each thread, all of a worker's on one socket where one has as many.
    func places(threads: Int) -> Int {
        threads <= coresOfSocket ? sockets * (coresOfSocket / threads) : cores / threads
    }

    /// Reads "8", or "2x32": two sockets of 32 cores; nil for anything else.
    init?(_ text: some StringProtocol) {
        let numbers = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(numbers.count), numbers.allSatisfy({ $0.map { (1...4096).contains($0) } ?? false })
        else { return nil }
        self.init(sockets: numbers.count == 2 ? numbers[0]! : 1, coresOfSocket: numbers.last!!)
    }

    init(sockets: Int = 1, coresOfSocket: Int) {
        self.sockets = sockets
        self.coresOfSocket = coresOfSocket
    }
}

/// The layouts among which a job on these hosts has its best, and a first judgement of them.
struct LayoutCandidates {
    let hosts: [HostCores]
    /// Images of a step.
    let batch: Int
    /// Given by the user, if so.
    var workers: Int?
    var threads: Int?

    /// For each number of images that the busiest worker may have, the layout with the fewest workers and the most threads.
    ///
    /// Never empty: workers that find no core of their own take turns.
    var all: [WorkerLayout] {
        var counts: [Int] = []
        if let workers {
            counts = [workers]
        } else {
            for slots in 1...batch where (batch + slots - 1) / slots != counts.last {
                counts.append((batch + slots - 1) / slots)
            }
        }
        let layouts = counts.compactMap(layout(workers:))
        return layouts.isEmpty ? [crowded(workers ?? 1)] : layouts
    }

    /// With the most threads that leave so many workers a place; nil where there is none.
    private func layout(workers: Int) -> WorkerLayout? {
        let most = hosts.map(\.cores).max() ?? 1
        let counts = threads.map { [$0] } ?? Array(stride(from: most, through: 1, by: -1))
        for threads in counts {
            let places = hosts.map { $0.places(threads: threads) }
            if places.reduce(0, +) >= workers {
                return WorkerLayout(workersOfHosts: Self.share(workers, over: places), threads: threads)
            }
        }
        return nil
    }

    private func crowded(_ workers: Int) -> WorkerLayout {
        WorkerLayout(workersOfHosts: Self.share(workers, over: hosts.map(\.cores)), threads: threads ?? 1)
    }

    /// Workers over hosts, to each as its part of all places.
    static func share(_ workers: Int, over places: [Int]) -> [Int] {
        let all = max(places.reduce(0, +), 1)
        var before = 0
        return places.map { own in
            defer { before += own }
            return (before + own) * workers / all - before * workers / all
        }
    }

    /// Those of the layouts that a measurement has to decide between. Threads that share images are nowhere worth more than
    /// in the paper's network; with it, the others would be slower by a twentieth, more than an exchange of gradients within
    /// a host takes.
    func contenders(of layouts: [WorkerLayout]) -> [WorkerLayout] {
        func least(_ layout: WorkerLayout) -> Double {
            Double(layout.slots(ofBatch: batch)) / Double(layout.threads) * (1 + 0.02 * Double(layout.threads - 1))
        }
        let best = layouts.map(least).min() ?? 0
        return layouts.filter { least($0) <= 1.05 * best }
    }
}
