import Kernels

/// Accumulates the gradients of a worker's own slots along the `SlotTree`, on the thread that computes them, and publishes
/// each bucket of the sum as soon as the last slot's backward pass has completed it.
///
/// Slots come in order. A slot's record, and every partial sum, is a record of `GradientBuckets.recordCount` floats. A
/// worker of n slots has no more than log₂ n + 2·log₂ batch of them (`GradientRecords`).
package final class GradientAccumulator {
    /// This worker's slots of the global batch.
    package let slots: Range<Int>
    private let nodes: [Range<Int>]
    private let buckets: GradientBuckets
    private let records: GradientRecords
    private let progress: ComputeProgress
    private let team: ThreadTeam
    /// The node under way, and how many partial sums of it wait for the slot that comes next.
    private var node = 0
    private var depth = 0
    /// The slot that comes next or, once its record was asked for, is under way.
    private var slot: Int
    private var isBegun = false
    /// Buckets that are complete in all nodes.
    private var published = 0
    /// The slots whose gradients are hashed, and their hashes.
    private var hashed: Set<Int> = []
    private var bucketHashes: [Int: [UInt64]] = [:]

    /// - Parameters:
    ///   - nodes: the largest nodes of the tree whose slots are all this worker's, in order.
    ///   - records: of these nodes.
    init(
        nodes: [Range<Int>], buckets: GradientBuckets, records: GradientRecords, progress: ComputeProgress,
        team: ThreadTeam
    ) {
        guard let first = nodes.first, let last = nodes.last else { preconditionFailure("a worker without slots") }
        slots = first.lowerBound..<last.upperBound
        slot = slots.lowerBound
        self.nodes = nodes
        self.buckets = buckets
        self.records = records
        self.progress = progress
        self.team = team
    }

    /// Has the gradients of some slots hashed right before they are added: `hash(ofSlot:)`.
    package func hash(slots: [Int]) { hashed = Set(slots) }

    /// `GradientBuckets.hash` of a slot's gradient; nil where nobody asked for it, or before the slot was added.
    package func hash(ofSlot slot: Int) -> UInt64? {
        guard let hashes = bucketHashes[slot], hashes.count == buckets.tailBucket else { return nil }
        return FlatBuffers.hash(hashes)
    }

    /// Where the gradient of a slot goes, all of which is to be overwritten. Throws where the exchange has failed
    /// meanwhile.
    package func gradient(ofSlot slot: Int) throws -> UnsafeMutablePointer<Float> { try record(ofSlot: slot) }

    /// What travels behind the gradient of a slot, `GradientBuckets.tail` floats that start as zeros: whatever is to be
    /// agreed on by all workers. Those of the last slot are taken when the computation is over. Throws as
    /// `gradient(ofSlot:)` does.
    package func tail(ofSlot slot: Int) throws -> UnsafeMutablePointer<Float> {
        try record(ofSlot: slot) + buckets.gradient
    }

    /// Says that the slot's gradient will not change any more from `offset` on.
    package func complete(slot: Int, downTo offset: Int) {
        // Only whole sums travel: there is nothing to publish before the last slot.
        if slot == slots.upperBound - 1 { publish(buckets.complete(downTo: offset)) }
    }

    /// Adds a slot whose gradient is complete.
    package func add(slot: Int) {
        precondition(isBegun && slot == self.slot, "slot \(slot) was not begun")
        // The last slot is added bucket by bucket.
        guard slot < slots.upperBound - 1 else { return publish(buckets.tailBucket) }
        hash(0..<buckets.tailBucket)
        for _ in 0..<SlotTree.sumsEnding(with: slot, in: nodes[node]) { addDeepest(0..<buckets.recordCount) }
        depth += 1
        if slot == nodes[node].upperBound - 1 { (node, depth) = (node + 1, 0) }
        self.slot += 1
        isBegun = false
    }

    /// Publishes what is left once all slots are computed, or could not be.
    ///
    /// - Parameter isFailed: whether they could not; the sum then says so on all workers, and has no other meaning.
    func finish(isFailed: Bool) {
        if isFailed {
            // Where the exchange has failed too, nobody waits for this worker.
            guard (try? progress.waitUntilFree()) != nil else { return }
            // Whatever of the tails has been added up so far is of no interest.
            for node in nodes.indices { clearTail(records.record(node: node, depth: 0)) }
            records.last[buckets.failures] = 1
            progress.publish(complete: buckets.count)
        } else {
            precondition(isBegun && slot == slots.upperBound - 1, "slots were left out")
            publish(buckets.count)
        }
    }

    private func record(ofSlot slot: Int) throws -> UnsafeMutablePointer<Float> {
        precondition(slot == self.slot, "slot \(slot) of \(slots) out of turn")
        let record = records.record(node: node, depth: depth)
        guard !isBegun else { return record }
        // The last step's sum may still be read by others.
        try progress.waitUntilFree()
        clearTail(record)
        isBegun = true
        return record
    }

    private func clearTail(_ record: UnsafeMutablePointer<Float>) {
        (record + buckets.gradient).update(repeating: 0, count: buckets.recordCount - buckets.gradient)
    }

    /// Adds the last slot to its node's partial sums, for the buckets up to `complete`, and lets them travel.
    private func publish(_ complete: Int) {
        guard complete > published, isBegun else { return }
        hash(published..<min(complete, buckets.tailBucket))
        let waiting = depth
        for bucket in published..<complete {
            while depth > 0 { addDeepest(buckets.ranges[bucket]) }
            depth = waiting
        }
        published = complete
        progress.publish(complete: complete)
    }

    /// Hashes buckets of the slot under way, if that was asked for.
    private func hash(_ numbers: Range<Int>) {
        guard hashed.contains(slot) else { return }
        let record = records.record(node: node, depth: depth)
        for bucket in numbers {
            bucketHashes[slot, default: []].append(buckets.hash(of: record, bucket: bucket, team: team))
        }
    }

    /// Adds the deepest record to the partial sum that waits for it.
    private func addDeepest(_ range: Range<Int>) {
        let right = records.record(node: node, depth: depth)
        let left = records.record(node: node, depth: depth - 1)
        FlatBuffers.add(right + range.lowerBound, to: left + range.lowerBound, count: range.count, team: team)
        depth -= 1
    }
}
