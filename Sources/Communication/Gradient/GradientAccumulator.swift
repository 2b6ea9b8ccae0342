import Kernels

/// Accumulates the gradients of a worker's own slots along the `SlotTree`, on the thread that computes them, and publishes
/// each bucket of the sum as soon as the last slot's backward pass has completed it.
///
/// Slots come in order. A slot's record, and every partial sum, is a buffer of `GradientBuckets.recordCount` floats. A
/// worker of n slots has no more than log₂ n + 2·log₂ batch of them in use at a time.
package final class GradientAccumulator {
    /// This worker's slots of the global batch.
    package let slots: Range<Int>
    private let nodes: [Range<Int>]
    private let buckets: GradientBuckets
    private let pool: RecordPool
    private let progress: ComputeProgress
    private let team: ThreadTeam
    /// Sums of the worker's nodes that are done.
    private var finished: [GradientRecord] = []
    /// Partial sums of the node under way; the outermost left child first.
    private var partial: [GradientRecord] = []
    private var current: (slot: Int, record: GradientRecord)?
    /// Buckets that are complete in all nodes.
    private var published = 0

    /// - Parameter nodes: the largest nodes of the tree whose slots are all this worker's, in order.
    init(
        nodes: [Range<Int>], buckets: GradientBuckets, pool: RecordPool, progress: ComputeProgress, team: ThreadTeam
    ) {
        guard let first = nodes.first, let last = nodes.last else { preconditionFailure("a worker without slots") }
        slots = first.lowerBound..<last.upperBound
        self.nodes = nodes
        self.buckets = buckets
        self.pool = pool
        self.progress = progress
        self.team = team
    }

    /// Where the gradient of a slot goes, all of which is to be overwritten.
    package func gradient(ofSlot slot: Int) -> UnsafeMutablePointer<Float> { record(ofSlot: slot).base }

    /// What travels behind the gradient of a slot, `GradientBuckets.tail` floats that start as zeros: whatever is to be
    /// agreed on by all workers. Those of the last slot are taken when the computation is over.
    package func tail(ofSlot slot: Int) -> UnsafeMutablePointer<Float> { record(ofSlot: slot).base + buckets.gradient }

    /// Says that the slot's gradient will not change any more from `offset` on.
    package func complete(slot: Int, downTo offset: Int) {
        // Only whole sums travel: there is nothing to publish before the last slot.
        if slot == slots.upperBound - 1 { publish(buckets.complete(downTo: offset)) }
    }

    /// Adds a slot whose gradient is complete.
    package func add(slot: Int) {
        guard let (own, record) = current, own == slot else { preconditionFailure("slot \(slot) was not begun") }
        // The last slot is added bucket by bucket.
        guard slot < slots.upperBound - 1 else { return publish(buckets.tailBucket) }
        current = nil
        partial.append(record)
        guard let node = nodes.first(where: { $0.contains(slot) }) else { preconditionFailure("slot \(slot)") }
        for _ in 0..<SlotTree.sumsEnding(with: slot, in: node) {
            let right = partial.removeLast()
            FlatBuffers.add(right.base, to: partial[partial.count - 1].base, count: buckets.recordCount, team: team)
            pool.give(back: right)
        }
        if slot == node.upperBound - 1 { finished.append(partial.removeLast()) }
    }

    /// Publishes what is left once all slots are computed, or could not be.
    ///
    /// - Parameter isFailed: whether they could not; the sum then says so on all workers, and has no other meaning.
    /// - Returns: the sums of the worker's nodes.
    func finish(isFailed: Bool) -> [GradientRecord] {
        if isFailed {
            current = current ?? (slots.upperBound - 1, pool.take())
            finished += (finished.count..<nodes.count - 1).map { _ in pool.take() }
            announce()
            // Whatever of the tail has been added up so far is of no interest.
            for record in finished + partial { clearTail(record) }
        }
        guard let leaf = current?.record else { preconditionFailure("slots were left out") }
        leaf.base[buckets.failures] = isFailed ? 1 : 0
        publish(buckets.count)
        let sums = finished + [partial.first ?? leaf]
        if !partial.isEmpty {
            for record in partial.dropFirst() { pool.give(back: record) }
            pool.give(back: leaf)
        }
        (finished, partial, current) = ([], [], nil)
        return sums
    }

    private func record(ofSlot slot: Int) -> GradientRecord {
        if let current, current.slot == slot { return current.record }
        precondition(current == nil && slots.contains(slot), "slot \(slot) of \(slots) out of turn")
        let record = pool.take()
        clearTail(record)
        current = (slot, record)
        if slot == slots.upperBound - 1 { announce() }
        return record
    }

    private func clearTail(_ record: GradientRecord) {
        (record.base + buckets.gradient).update(repeating: 0, count: buckets.recordCount - buckets.gradient)
    }

    /// Says where the sums of the worker's nodes will be: the last one's in its outermost partial sum.
    private func announce() {
        guard let leaf = current?.record else { return }
        progress.set(nodes: (finished + [partial.first ?? leaf]).map(\.base))
    }

    /// Adds the last slot to its node's partial sums, for the buckets up to `complete`, and lets them travel.
    private func publish(_ complete: Int) {
        guard complete > published, let leaf = current?.record else { return }
        for bucket in published..<complete {
            let range = buckets.ranges[bucket]
            var right = leaf
            for sum in partial.reversed() {
                FlatBuffers.add(
                    right.base + range.lowerBound, to: sum.base + range.lowerBound, count: range.count, team: team)
                right = sum
            }
        }
        published = complete
        progress.publish(complete: complete)
    }
}
