import Foundation
import Kernels
import Support

/// The all-reduce of gradients: sums one record of floats a slot (a gradient, and what is agreed on with it) over a
/// global batch along a `SlotTree`, with the same bits on every worker and for every number of workers.
///
/// A thread of its own computes this worker's slots, whose sum a `GradientAccumulator` makes; the caller's thread
/// meanwhile exchanges what is complete with the other workers, bucket by bucket (`BucketReduction`), while the last
/// slot's backward pass still runs. (MPI is called from one thread, and only messages that somebody looks after move.)
/// Workers of one host add up theirs in memory that they share before anything travels, and read the sum there
/// (`WorkerGroup`).
package final class GradientAllReduce {
    private let assignment: SlotAssignment
    private let group: WorkerGroup
    /// The nodes of this worker.
    private let ownNodes: [Range<Int>]
    /// The record of each node of a worker of the group.
    private let groupRecords: [Range<Int>: UnsafeMutablePointer<Float>]
    private let records: GradientRecords
    package let buckets: GradientBuckets
    private let exchangesEarly: Bool
    private let compression: GradientCompression
    /// Whether groups meet by recursive halving.
    private let halves: Bool
    private let team: ThreadTeam
    private let thread = ComputeThread()
    private let staging = StagingPool()
    /// Sums so far.
    private var step = 0
    /// Why gradients do not go the way that was asked for, if so; the same on all workers.
    package let remark: String?

    /// Called by all workers.
    ///
    /// - Parameters:
    ///   - slots: images of the global batch.
    ///   - communicator: the workers', in order.
    ///   - buckets: how a record travels.
    ///   - overlap: whether buckets leave before all of this worker's slots are done.
    ///   - hostSums: whether workers of one host add up their gradients in memory that they share.
    ///   - route: between hosts.
    ///   - compression: of gradients; what is behind them always travels as it is.
    package init(
        slots: Int, communicator: any Communicator, buckets: GradientBuckets, overlap: Bool = true,
        hostSums: Bool = true, route: GradientRoute = .automatic, compression: GradientCompression = .none,
        team: ThreadTeam
    ) throws {
        let tree = SlotTree(slots: slots, workers: communicator.size)
        let formation = try GroupFormation(
            tree: tree, communicator: communicator, sharesMemory: hostSums, buckets: buckets)
        assignment = formation.assignment
        group = formation.group
        let isPossible = HalvingExchange.isPossible(
            members: assignment.groups.map(\.count), nodes: assignment.nodes, tree: tree)
        halves = route.halves(groups: assignment.groups.count, isPossible: isPossible, compression: compression)
        let isRefused = route == .halving && !halves && assignment.groups.count > 1
        remark =
            formation.remark
            ?? (isRefused
                ? "communication.route: halving is not possible with these hosts, workers and slots, or with compression: "
                    + "gradients go directly" : nil)
        var groupRecords: [Range<Int>: UnsafeMutablePointer<Float>] = [:]
        let memberNodes = assignment.memberNodes
        for (member, nodes) in memberNodes.enumerated() {
            for (number, node) in nodes.enumerated() {
                groupRecords[node] = group.record(member: member, node: number)
            }
        }
        self.groupRecords = groupRecords
        ownNodes = memberNodes[assignment.place]
        records = GradientRecords(
            nodes: ownNodes.compactMap { groupRecords[$0] }, floats: buckets.recordCount)
        self.buckets = buckets
        exchangesEarly = overlap
        self.compression = compression
        self.team = team
    }

    deinit { thread.end() }

    /// The slots that this worker computes.
    package var ownSlots: Range<Int> { slots[assignment.communicator.rank] }

    /// The slots that each worker computes.
    package var slots: [Range<Int>] { assignment.slots }

    /// A batch's sum, valid until the next one.
    package struct Sum {
        package let gradient: UnsafeMutablePointer<Float>
        /// The sums of what travelled behind the gradients.
        package let tail: UnsafeMutablePointer<Float>
        /// Σ g² over the gradient.
        package let squaredNorm: Double
        /// When this worker's slots were done, and when the sum was there, on `Timeline`'s clock.
        package let computed: Double
        package let summed: Double
        /// When each bucket was complete here, and when its sum was.
        package let bucketTimes: [(complete: Double, summed: Double)]
    }

    /// The whole batch's sum; called by all workers. Where a worker's computation fails, the first such worker's failure is
    /// thrown on all.
    ///
    /// - Parameters:
    ///   - meanwhile: called again and again on the caller's thread, for other messages; returns whether it has some
    ///     under way, which must not be left for long.
    ///   - compute: gives the accumulator the gradient of each of its slots, in order; called on another thread.
    package func sum(
        meanwhile: () throws -> Bool = { false }, compute: (GradientAccumulator) throws -> Void
    ) throws -> Sum {
        step += 1
        group.reach(.released, step: step)
        let progress = ComputeProgress()
        let accumulator = GradientAccumulator(
            nodes: ownNodes, buckets: buckets, records: records, progress: progress, team: team)
        // Written by the computing thread, read here once it is idle.
        nonisolated(unsafe) var failure: Failure?
        var norm = SquaredNorm(count: buckets.gradient)
        var summed = Array(repeating: 0.0, count: buckets.count)
        try withoutActuallyEscaping(compute) { compute in
            thread.begin {
                do { try compute(accumulator) } catch { failure = Failure(wrapping: error) }
                accumulator.finish(isFailed: failure != nil)
                progress.finish()
            }
            // Whatever happens here, nothing may be freed under the thread.
            defer {
                progress.cancel()
                thread.waitUntilIdle()
            }
            try exchange(progress, meanwhile, &norm, &summed)
        }
        let base = group.sum
        if base[buckets.failures] > 0 { throw try sharedFailure(own: failure) }
        let complete = progress.completionTimes
        return Sum(
            gradient: base, tail: base + buckets.gradient, squaredNorm: norm.total, computed: complete.last ?? 0,
            summed: Timeline.now, bucketTimes: Array(zip(complete, summed)))
    }

    /// The first worker's failure, on all workers.
    private func sharedFailure(own: Failure?) throws -> Failure {
        let message = try own.map { try Messages.encode(FailureRecord($0)) } ?? Data()
        for data in try assignment.communicator.gatherFromAll(message) where !data.isEmpty {
            return try Messages.decode(FailureRecord.self, from: data).failure
        }
        return .running("a worker failed and did not say why")
    }

    /// Exchanges buckets as they are complete, until all are summed.
    private func exchange(
        _ progress: ComputeProgress, _ meanwhile: () throws -> Bool, _ norm: inout SquaredNorm,
        _ summed: inout [Double]
    ) throws {
        var begun = 0
        var areRecordsFree = false
        var underWay: [BucketReduction] = []
        var idleLooks = 0
        while true {
            let (complete, isOver) = progress.state
            var hasMoved = false
            if !areRecordsFree, !group.holdsSum || group.haveReached(.released, step: step) {
                areRecordsFree = true
                progress.free()
            }
            while begun < complete, exchangesEarly || complete == buckets.count {
                underWay.append(try begin(begun))
                begun += 1
            }
            for reduction in underWay {
                while try reduction.advance() { hasMoved = true }
                guard reduction.isDone else { continue }
                if reduction.bucket != buckets.tailBucket {
                    norm.cover(reduction.range, of: group.sum, team: isOver ? team : .solo)
                }
                summed[reduction.bucket] = Timeline.now
            }
            underWay.removeAll(where: \.isDone)
            if begun == buckets.count && underWay.isEmpty { return }
            let isBusy = try meanwhile() || !underWay.isEmpty || !areRecordsFree
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

    private func begin(_ bucket: Int) throws -> BucketReduction {
        let part = BucketPart(
            bucket: bucket, range: buckets.ranges[bucket], group: group, records: groupRecords, assignment: assignment,
            compression: bucket == buckets.tailBucket ? .none : compression)
        return try BucketReduction(part, step: step, halves: halves, staging: staging)
    }
}
