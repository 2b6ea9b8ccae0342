import Kernels

/// Sums one record of floats a slot (a gradient, and what is agreed on with it) over a global batch along a `SlotTree`.
///
/// First each worker sums the nodes whose slots are all its own. Then, in post-order over the nodes that span workers,
/// the owner of the right child sends its sum to the owner of the left, who adds it. Worker 0 ends with the root and
/// broadcasts it. A worker sends at most 2·log₂(slots) records and each as one message; with W workers whose shares
/// are subtrees, W − 1 records travel up and W − 1 down.
public final class GradientTree {
    private let tree: SlotTree
    private let communicator: any Communicator
    private let count: Int
    private let team: ThreadTeam
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
    ///   - count: floats of a record.
    public init(slots: Int, communicator: any Communicator, count: Int, team: ThreadTeam) {
        tree = SlotTree(slots: slots, workers: communicator.size)
        self.communicator = communicator
        self.count = count
        self.team = team
    }

    /// The slots that this worker computes.
    public var ownSlots: Range<Int> { tree.slots(ofWorker: communicator.rank) }

    /// Calls `compute` for each own slot, in order, with a record to overwrite, and gives the whole batch's sum, the
    /// same bits on every worker, to `body`. Called by all workers.
    ///
    /// - Parameters:
    ///   - ownDone: called when this worker's own slots are done and the exchange begins.
    public func sum<R>(
        compute: (_ slot: Int, _ record: UnsafeMutablePointer<Float>) throws -> Void, ownDone: () -> Void = {},
        _ body: (UnsafeMutablePointer<Float>) throws -> R
    ) throws -> R {
        var own: [Range<Int>: Record] = [:]
        for node in tree.ownNodes(ofWorker: communicator.rank) { own[node] = try sumOwn(node, compute) }
        ownDone()
        let total = try combine(tree.root, &own) ?? take()
        try communicator.broadcast(UnsafeMutableRawBufferPointer(start: total.base, count: count * 4), root: 0)
        defer { pool.append(total) }
        return try body(total.base)
    }

    private func take() -> Record { pool.popLast() ?? Record(count) }

    /// The sum of a node whose slots are all this worker's.
    private func sumOwn(
        _ node: Range<Int>, _ compute: (Int, UnsafeMutablePointer<Float>) throws -> Void
    ) rethrows -> Record {
        if node.count == 1 {
            let record = take()
            try compute(node.lowerBound, record.base)
            return record
        }
        let middle = SlotTree.middle(of: node)
        let left = try sumOwn(node.lowerBound..<middle, compute)
        add(try sumOwn(middle..<node.upperBound, compute), to: left)
        return left
    }

    /// The sum of any node, at the owner of its first slot; nil at the others.
    private func combine(_ node: Range<Int>, _ own: inout [Range<Int>: Record]) throws -> Record? {
        if let record = own.removeValue(forKey: node) { return record }
        let owner = tree.owner(ofSlot: node.lowerBound)
        if tree.owner(ofSlot: node.upperBound - 1) == owner { return nil }
        let middle = SlotTree.middle(of: node)
        let left = try combine(node.lowerBound..<middle, &own)
        let right = try combine(middle..<node.upperBound, &own)
        let rightOwner = tree.owner(ofSlot: middle)
        if let left {
            if let right {
                add(right, to: left)
            } else {
                let received = take()
                try communicator.receive(
                    UnsafeMutableRawBufferPointer(start: received.base, count: count * 4), from: rightOwner,
                    tag: .gradient)
                add(received, to: left)
            }
            return left
        }
        if let right {
            try communicator.send(
                UnsafeRawBufferPointer(start: right.base, count: count * 4), to: owner, tag: .gradient)
            pool.append(right)
        }
        return nil
    }

    private func add(_ record: Record, to sum: Record) {
        FlatBuffers.add(record.base, to: sum.base, count: count, team: team)
        pool.append(record)
    }
}
