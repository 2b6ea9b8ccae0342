import Foundation
import Kernels
import Support

/// Sums one record of floats a slot (a gradient, and what is agreed on with it) over a global batch along a `SlotTree`,
/// with the same bits on every worker and for every number of workers.
///
/// A thread of its own computes this worker's slots and adds up the nodes whose slots are all its own; the caller's
/// thread meanwhile exchanges what is complete with the other workers, bucket by bucket (`BucketExchange`), while the
/// last slot's backward pass still runs.
public final class GradientTree {
    private let shares: WorkerShares
    public let buckets: GradientBuckets
    private let exchangesEarly: Bool
    private let compression: GradientCompression
    private let team: ThreadTeam
    private let thread = ComputeThread()
    private let staging = StagingPool()
    /// Records at rest. A worker of n slots has no more than log₂ n + 2·log₂ batch in use at a time.
    private var pool: [Record] = []

    private final class Record {
        let base: UnsafeMutablePointer<Float>
        init(_ count: Int) { base = allocateFloats(count) }
        deinit { base.deallocate() }
    }

    /// - Parameters:
    ///   - slots: images of the global batch.
    ///   - communicator: the workers', in order.
    ///   - buckets: how a record travels.
    ///   - overlap: whether buckets leave before all of this worker's slots are done.
    ///   - compression: of gradients; what is behind them always travels as it is.
    public init(
        slots: Int, communicator: any Communicator, buckets: GradientBuckets, overlap: Bool = true,
        compression: GradientCompression = .none, team: ThreadTeam
    ) {
        shares = WorkerShares(slots: slots, communicator: communicator)
        self.buckets = buckets
        exchangesEarly = overlap
        self.compression = compression
        self.team = team
    }

    deinit { thread.end() }

    /// The slots that this worker computes.
    public var ownSlots: Range<Int> { shares.tree.slots(ofWorker: shares.communicator.rank) }

    /// A batch's sum.
    public struct Total {
        /// The record.
        public let base: UnsafeMutablePointer<Float>
        /// Σ g² over the gradient.
        public let squaredNorm: Double
        /// When this worker's slots were done, and when the sum was there, on `Timeline`'s clock.
        public let computed: Double
        public let summed: Double
        /// When each bucket was complete here, and when its sum was.
        public let bucketTimes: [(complete: Double, summed: Double)]
    }

    /// Calls `compute` for each own slot, in order, on another thread, and gives the whole batch's sum to `body`.
    /// Called by all workers.
    ///
    /// - Parameters:
    ///   - compute: overwrites a slot's record; what goes wrong is said in the record. It may call `settled` with the
    ///     offset from which on the record's gradient will not change any more.
    ///   - meanwhile: called again and again on the caller's thread, for other messages; returns whether it has some
    ///     under way, which must not be left for long.
    public func sum<R>(
        compute: (_ slot: Int, _ record: UnsafeMutablePointer<Float>, _ settled: (_ offset: Int) -> Void) -> Void,
        meanwhile: () throws -> Bool = { false }, _ body: (Total) throws -> R
    ) throws -> R {
        let progress = ComputeProgress()
        var records: [Record] = []
        // Only this call's threads use them, one after the other.
        nonisolated(unsafe) var computedRecords: [Record] = []
        var norm = SquaredNorm(count: buckets.gradient)
        var summed = Array(repeating: 0.0, count: buckets.count)
        try withoutActuallyEscaping(compute) { compute in
            thread.begin { [self] in
                computedRecords = computeOwn(compute, progress)
                progress.finish()
            }
            // Whatever happens here, nothing may be freed under the thread.
            defer { thread.waitUntilIdle() }
            try exchange(progress, meanwhile, &norm, &summed)
        }
        records = computedRecords
        defer { pool += records }
        let complete = progress.completionTimes
        return try body(
            Total(
                base: records[0].base, squaredNorm: norm.total, computed: complete.last ?? 0, summed: Timeline.now,
                bucketTimes: Array(zip(complete, summed))))
    }

    /// Exchanges buckets as they are complete, until all are summed.
    private func exchange(
        _ progress: ComputeProgress, _ meanwhile: () throws -> Bool, _ norm: inout SquaredNorm,
        _ summed: inout [Double]
    ) throws {
        var begun = 0
        var underWay: [BucketExchange] = []
        var idleLooks = 0
        while true {
            let (complete, isOver) = progress.state
            var hasMoved = false
            while begun < complete, exchangesEarly || complete == buckets.count {
                underWay.append(try begin(begun, progress.nodes))
                begun += 1
            }
            for exchange in underWay {
                while try exchange.advance() { hasMoved = true }
                guard exchange.isDone else { continue }
                if exchange.bucket != buckets.tailBucket {
                    norm.cover(exchange.range, of: progress.nodes[0], team: isOver ? team : .solo)
                }
                summed[exchange.bucket] = Timeline.now
            }
            underWay.removeAll(where: \.isDone)
            if begun == buckets.count && underWay.isEmpty { return }
            let isBusy = try meanwhile() || !underWay.isEmpty
            idleLooks = hasMoved ? 0 : idleLooks + 1
            guard !hasMoved else { continue }
            if isOver {
                // Nothing else has use for this core, unless ranks outnumber cores.
                if idleLooks > 100 { sched_yield() }
            } else {
                progress.wait(beyond: exchangesEarly ? complete : buckets.count, atMost: isBusy ? Self.nap : nil)
            }
        }
    }

    /// Seconds between looks at messages while this core computes: 1,000 looks a second cost it half a per cent.
    private static let nap = 0.001

    private func begin(_ bucket: Int, _ nodes: [UnsafeMutablePointer<Float>]) throws -> BucketExchange {
        try BucketExchange(
            bucket: bucket, range: buckets.ranges[bucket], own: nodes, shares: shares,
            compression: bucket == buckets.tailBucket ? .none : compression, staging: staging)
    }

    private func take() -> Record { pool.popLast() ?? Record(buckets.recordCount) }

    private typealias Compute = (Int, UnsafeMutablePointer<Float>, (Int) -> Void) -> Void

    /// The sums of this worker's nodes. The last slot's buckets are added up, and published, as they are complete.
    private func computeOwn(_ compute: Compute, _ progress: ComputeProgress) -> [Record] {
        var nodes = shares.nodes[shares.communicator.rank]
        guard var node = nodes.popLast() else { preconditionFailure("a worker without slots") }
        var records = nodes.map { sumWhole($0, compute) }
        // On the way down to the last slot, the sums of all left children, the outermost first.
        var left: [Record] = []
        while node.count > 1 {
            let middle = SlotTree.middle(of: node)
            left.append(sumWhole(node.lowerBound..<middle, compute))
            node = middle..<node.upperBound
        }
        let leaf = take()
        records.append(left.first ?? leaf)
        progress.set(nodes: records.map(\.base))
        var added = 0
        func addUp(to complete: Int) {
            guard complete > added else { return }
            for bucket in added..<complete {
                let range = buckets.ranges[bucket]
                var right = leaf
                for sum in left.reversed() {
                    FlatBuffers.add(
                        right.base + range.lowerBound, to: sum.base + range.lowerBound, count: range.count, team: team)
                    right = sum
                }
            }
            added = complete
            progress.publish(complete: complete)
        }
        compute(node.lowerBound, leaf.base) { addUp(to: buckets.complete(downTo: $0)) }
        addUp(to: buckets.count)
        if !left.isEmpty { pool += left.dropFirst() + [leaf] }
        return records
    }

    /// The sum of a node whose slots are all this worker's.
    private func sumWhole(_ node: Range<Int>, _ compute: Compute) -> Record {
        if node.count == 1 {
            let record = take()
            compute(node.lowerBound, record.base) { _ in }
            return record
        }
        let middle = SlotTree.middle(of: node)
        let left = sumWhole(node.lowerBound..<middle, compute)
        let right = sumWhole(middle..<node.upperBound, compute)
        FlatBuffers.add(right.base, to: left.base, count: buckets.recordCount, team: team)
        pool.append(right)
        return left
    }
}
