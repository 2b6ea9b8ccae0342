/// The binary tree along which the slots of a global batch are summed: a function of the batch alone, so that sums
/// have the same bits for every number of workers.
///
/// A node covers slots `lower..<upper`; its left child takes the largest power of two of them that is less than all.
/// Workers own contiguous runs of slots, whose sizes differ by one at most.
public struct SlotTree: Sendable, Hashable {
    public let slots: Int
    public let workers: Int

    public init(slots: Int, workers: Int) {
        precondition(workers >= 1 && workers <= slots, "\(workers) workers for \(slots) slots")
        self.slots = slots
        self.workers = workers
    }

    /// The slots that a worker computes.
    public func slots(ofWorker worker: Int) -> Range<Int> {
        slots * worker / workers..<slots * (worker + 1) / workers
    }

    /// The node of all slots.
    public var root: Range<Int> { 0..<slots }

    /// Where a node of two slots or more is divided.
    public static func middle(of node: Range<Int>) -> Int {
        precondition(node.count > 1, "a leaf has no middle")
        var half = 1
        while half * 2 < node.count { half *= 2 }
        return node.lowerBound + half
    }

    /// How many nodes below `node`, itself included, end with this slot and begin before it: the sums that are complete
    /// once the slot is.
    static func sumsEnding(with slot: Int, in node: Range<Int>) -> Int {
        var node = node
        var count = 0
        while node.count > 1 {
            if node.upperBound == slot + 1 { count += 1 }
            let middle = middle(of: node)
            node = slot < middle ? node.lowerBound..<middle : middle..<node.upperBound
        }
        return count
    }

    /// The largest nodes whose slots are all in a run of slots, in order; at most 2·log₂(slots).
    public func largestNodes(in run: Range<Int>) -> [Range<Int>] {
        func nodes(below node: Range<Int>) -> [Range<Int>] {
            guard node.overlaps(run) else { return [] }
            if node.lowerBound >= run.lowerBound && node.upperBound <= run.upperBound { return [node] }
            let middle = Self.middle(of: node)
            return nodes(below: node.lowerBound..<middle) + nodes(below: middle..<node.upperBound)
        }
        return nodes(below: root)
    }
}
