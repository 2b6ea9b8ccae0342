/// Predicts a step's time on more workers than are at hand, from one worker's measured step and a model of what
/// `GradientAllReduce` sends.
///
/// Workers form groups, those of a host where they share memory, or else each alone. Each host has one link, which sends
/// one bucket after another in the order in which they become ready. Directly a bucket goes in two phases: once each
/// group's members have added up their nodes, every group's nodes to those who add, then, once all have arrived and been
/// added, the sums to all. By halving it goes in as many phases as there are rounds. Messages between workers of one host
/// cost nothing.
public struct AllReduceModel: Sendable {
    /// What was measured on one worker.
    public struct Worker: Sendable {
        /// Seconds of one slot, forward and backward.
        public var slot: Double
        /// Seconds from a slot's beginning until each bucket is complete.
        public var completion: [Double]
        public var update: Double
        /// Seconds a float of adding one buffer to another.
        public var addition: Double
        /// Seconds a float of the squared norm.
        public var norm: Double

        public init(slot: Double, completion: [Double], update: Double, addition: Double, norm: Double) {
            self.slot = slot
            self.completion = completion
            self.update = update
            self.addition = addition
            self.norm = norm
        }
    }

    /// The network link of each host.
    public struct Link: Sendable {
        /// Of each host, in either direction.
        public var bytesPerSecond: Double
        /// Seconds from one process to another on another host.
        public var latency: Double

        public init(bytesPerSecond: Double, latency: Double) {
            self.bytesPerSecond = bytesPerSecond
            self.latency = latency
        }

        /// A link of so many bits a second under TCP, with both directions full: four fifths of the bits are ours, the
        /// rest headers, and time in which acknowledgements wait behind data (0.78 and 0.79 were measured at 150 and
        /// 400 Mbit/s).
        public init(tcpBitsPerSecond: Double, latency: Double) {
            self.init(bytesPerSecond: 0.8 * tcpBitsPerSecond / 8, latency: latency)
        }

        /// Seconds between two small messages that leave one after the other: a tenth of the way, as a rule of thumb.
        var gap: Double { latency / 10 }
    }

    /// A step as predicted.
    public struct Step: Sendable {
        public let seconds: Double
        /// Until the slowest worker's slots are done.
        public let computed: Double
        /// From there until the sum is there.
        public let waiting: Double
        /// What a host sends, and in how many messages.
        public let bytesPerHost: Double
        public let messagesPerHost: Int
        /// Gradient records that a worker holds at most.
        public let records: Int
    }

    public var worker: Worker
    public var link: Link
    public var buckets: GradientBuckets
    public var overlap: Bool
    /// Whether workers of one host add up their gradients in memory that they share.
    public var hostSums: Bool
    public var route: GradientRoute
    public var compression: GradientCompression

    public init(
        worker: Worker, link: Link, buckets: GradientBuckets, overlap: Bool = true, hostSums: Bool = true,
        route: GradientRoute = .automatic, compression: GradientCompression = .none
    ) {
        precondition(worker.completion.count == buckets.count, "a time for each bucket")
        self.worker = worker
        self.link = link
        self.buckets = buckets
        self.overlap = overlap
        self.hostSums = hostSums
        self.route = route
        self.compression = compression
    }

    /// A step of `slots` images on so many workers, `perHost` of them on each host.
    public func step(slots: Int, workers: Int, perHost: Int = 1) -> Step {
        let tree = SlotTree(slots: slots, workers: workers)
        let most = (0..<workers).map { tree.slots(ofWorker: $0).count }.max() ?? 0
        let nodes = (0..<workers).map { tree.largestNodes(in: tree.slots(ofWorker: $0)) }
        let mostNodes = nodes.map(\.count).max() ?? 1
        let additions = Double(most - 1) * Double(buckets.gradient) * worker.addition
        let computed = Double(most) * worker.slot + (workers == 1 || mostNodes == 1 ? additions : 0)
        let lastBegins = computed - worker.slot
        let ready = worker.completion.map { overlap ? lastBegins + $0 : computed }

        let perWorker = max(1, min(perHost, workers))
        let groups = Groups(tree, nodes: nodes, members: hostSums ? perWorker : 1)
        let phases = buckets.ranges.indices.map { self.phases(of: $0, groups, perWorker) }
        var sent = (bytes: 0.0, messages: 0)
        var free = 0.0
        var summed = computed
        // Phases that are waiting for the link, by the time at which they could begin.
        var waiting = ready.indices.map {
            (time: ready[$0] + groups.ownAdditions * floats(of: $0) * worker.addition, bucket: $0, number: 0)
        }
        while let next = waiting.indices.min(by: { waiting[$0].time < waiting[$1].time }) {
            let (time, bucket, number) = waiting.remove(at: next)
            let phase = phases[bucket][number]
            let end = max(free, time) + phase.bytes / link.bytesPerSecond + Double(phase.messages) * link.gap
            if phase.messages > 0 {
                free = end
                sent.bytes += phase.bytes
                sent.messages += phase.messages
            }
            let arrived = end + (phase.messages > 0 ? link.latency : 0) + phase.additions * worker.addition
            if number + 1 == phases[bucket].count {
                summed = max(summed, arrived + floats(of: bucket) * worker.norm)
            } else {
                waiting.append((arrived, bucket, number + 1))
            }
        }
        return Step(
            seconds: summed + worker.update, computed: computed, waiting: summed - computed,
            bytesPerHost: sent.bytes, messagesPerHost: sent.messages,
            records: nodes.map(GradientRecords.count).max() ?? 1)
    }

    private func floats(of bucket: Int) -> Double { Double(buckets.ranges[bucket].count) }

    /// What a host sends of a bucket at once, and the additions of a worker once all of it has arrived.
    private struct Phase {
        let bytes: Double
        let messages: Int
        var additions = 0.0
    }

    private func phases(of bucket: Int, _ groups: Groups, _ perHost: Int) -> [Phase] {
        let floats = floats(of: bucket)
        let compression = bucket == buckets.tailBucket ? .none : self.compression
        // Of a host: its groups, and those of other hosts.
        let onHost = perHost / groups.members
        let away = max(0, groups.count - onHost)
        guard !route.halves(groups: groups.count, isPossible: groups.canHalve, compression: self.compression) else {
            let rounds = (0..<groups.count.trailingZeroBitCount).map { round in
                // The nearest groups may be on the same host.
                let isAway = 1 << round >= onHost
                let part = floats / Double(2 << round)
                return Phase(
                    bytes: isAway ? 4 * part * Double(onHost) : 0, messages: isAway ? perHost : 0,
                    additions: part / Double(groups.members))
            }
            return rounds + rounds.reversed().map { Phase(bytes: $0.bytes, messages: $0.messages) }
        }
        let width = compression == .none ? 4.0 : 2.0
        return [groups.mostNodes, 1].enumerated().map { number, copies in
            Phase(
                bytes: Double(onHost * copies) * floats * width * Double(away) / Double(groups.count),
                messages: perHost * copies * away, additions: number == 0 ? groups.allAdditions * floats : 0)
        }
    }

    /// The groups of a job's workers, which follow each other; the last may have fewer members.
    private struct Groups {
        let count: Int
        let members: Int
        let canHalve: Bool
        /// Of a group.
        let mostNodes: Int
        /// Additions that a worker makes for each float of a bucket: of its group's nodes for other groups, and of all
        /// groups' for the sum.
        let ownAdditions: Double
        let allAdditions: Double

        init(_ tree: SlotTree, nodes: [[Range<Int>]], members: Int) {
            let groups = stride(from: 0, to: tree.workers, by: members).map { first in
                let last = min(first + members, tree.workers) - 1
                return (
                    members: last - first + 1, parts: nodes[first...last].reduce(0) { $0 + $1.count },
                    nodes: tree.largestNodes(
                        in: tree.slots(ofWorker: first).lowerBound..<tree.slots(ofWorker: last).upperBound)
                )
            }
            let away = Double(groups.count - 1) / Double(groups.count)
            count = groups.count
            self.members = members
            canHalve = HalvingExchange.isPossible(
                members: groups.map(\.members), nodes: groups.map(\.nodes), tree: tree)
            mostNodes = groups.map(\.nodes.count).max() ?? 1
            // A share each.
            let within = groups.map { Double($0.parts - $0.nodes.count) }.max() ?? 0
            ownAdditions = within * away / Double(members)
            allAdditions =
                (within + Double(groups.reduce(0) { $0 + $1.nodes.count } - 1)) / Double(groups.count * members)
        }
    }

    /// The fewest images a worker with which sums keep the workers waiting for at most `share` of a step; nil where
    /// `atMost` are too few.
    public func imagesHiding(workers: Int, perHost: Int = 1, share: Double = 0.05, atMost: Int = 256) -> Int? {
        func hides(_ images: Int) -> Bool {
            let step = step(slots: images * workers, workers: workers, perHost: perHost)
            return step.waiting <= share * step.seconds
        }
        var (few, enough) = (0, 1)
        while !hides(enough) {
            guard enough < atMost else { return nil }
            (few, enough) = (enough, min(2 * enough, atMost))
        }
        while enough - few > 1 {
            let middle = (few + enough) / 2
            if hides(middle) { enough = middle } else { few = middle }
        }
        return enough
    }
}
