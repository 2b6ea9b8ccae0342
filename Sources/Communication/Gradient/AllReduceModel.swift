/// Predicts a step's time on more workers than are at hand, from one worker's measured step and a model of what
/// `GradientAllReduce` sends.
///
/// Each host has one link, which sends one bucket after another in the order in which they become ready: in a first
/// phase every worker's nodes to those who add, then, once all have arrived and been added, the sums to all. Messages
/// between workers of one host cost nothing.
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
    public var compression: GradientCompression

    public init(
        worker: Worker, link: Link, buckets: GradientBuckets, overlap: Bool = true,
        compression: GradientCompression = .none
    ) {
        precondition(worker.completion.count == buckets.count, "a time for each bucket")
        self.worker = worker
        self.link = link
        self.buckets = buckets
        self.overlap = overlap
        self.compression = compression
    }

    /// A step of `slots` images on so many workers, `perHost` of them on each host.
    public func step(slots: Int, workers: Int, perHost: Int = 1) -> Step {
        let tree = SlotTree(slots: slots, workers: workers)
        let most = (0..<workers).map { tree.slots(ofWorker: $0).count }.max() ?? 0
        let nodes = (0..<workers).map { tree.ownNodes(ofWorker: $0) }
        let mostNodes = nodes.map(\.count).max() ?? 1
        let additions = Double(most - 1) * Double(buckets.gradient) * worker.addition
        let computed = Double(most) * worker.slot + (workers == 1 || mostNodes == 1 ? additions : 0)
        let lastBegins = computed - worker.slot
        let ready = worker.completion.map { overlap ? lastBegins + $0 : computed }

        var sent = (bytes: 0.0, messages: 0)
        var free = 0.0
        var summed = computed
        // Phases that are waiting for the link, by the time at which they could begin.
        var waiting = ready.indices.map { (time: ready[$0], bucket: $0, isSum: false) }
        let perWorker = max(1, min(perHost, workers))
        while let next = waiting.indices.min(by: { waiting[$0].time < waiting[$1].time }) {
            let phase = waiting.remove(at: next)
            let floats = Double(buckets.ranges[phase.bucket].count)
            let width = phase.bucket == buckets.tailBucket || compression == .none ? 4.0 : 2.0
            let copies = phase.isSum ? 1 : mostNodes
            let away = Double(workers - perWorker) / Double(workers)
            let bytes = Double(perWorker * copies) * floats * width * away
            let messages = perWorker * copies * (workers - perWorker)
            let end = max(free, phase.time) + bytes / link.bytesPerSecond + Double(messages) * link.gap
            if messages > 0 {
                free = end
                sent.bytes += bytes
                sent.messages += messages
            }
            let arrived = end + (messages > 0 ? link.latency : 0)
            if phase.isSum {
                summed = max(summed, arrived + floats * worker.norm)
            } else {
                let parts = Double(nodes.reduce(0) { $0 + $1.count } - 1)
                waiting.append((arrived + parts * floats / Double(workers) * worker.addition, phase.bucket, true))
            }
        }
        return Step(
            seconds: summed + worker.update, computed: computed, waiting: summed - computed,
            bytesPerHost: sent.bytes, messagesPerHost: sent.messages,
            records: nodes.map(Self.records).max() ?? 1)
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

    /// Records of a worker with these nodes: one for each that is done, and on the way down to a slot one a level.
    private static func records(_ nodes: [Range<Int>]) -> Int {
        nodes.enumerated().map { place, node in
            place + 1 + (Int.bitWidth - max(node.count - 1, 0).leadingZeroBitCount)
        }.max() ?? 1
    }
}
