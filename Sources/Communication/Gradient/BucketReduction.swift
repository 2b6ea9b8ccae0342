import Kernels

/// One bucket's all-reduce over all workers: a reduce-scatter and an all-gather among groups of workers, in which
/// additions follow the slot tree.
///
/// 1. Once all members of a group have the bucket, each adds up its shares of the group's nodes from the members' nodes,
///    in the group's memory, and sends each other group those of that group's chunk.
/// 2. It adds up its share of its own group's chunk along the tree from all groups' nodes, and sends the sum to all other
///    groups.
/// 3. The bucket is summed once all members have their shares of all chunks.
///
/// With G groups of k nodes each and a bucket of B bytes a group sends (k + 1)·B·(G − 1)/G bytes, however many members
/// it has; between groups of equal size each member sends (k + 1)·(G − 1) messages, the sums after one wait for all
/// others. Where each group's slots are a subtree, k is 1 and this is what a bandwidth-optimal all-reduce sends;
/// otherwise k is at most 2·log₂(slots). Nothing waits in here: `advance` does what can be done.
final class BucketReduction {
    private enum Stage {
        case collecting, reducing, gathering, agreeing, done
    }

    let bucket: Int
    let range: Range<Int>
    private let step: Int
    private let group: WorkerGroup
    /// The record of each node of a member of the group.
    private let records: [Range<Int>: UnsafeMutablePointer<Float>]
    private let assignment: SlotAssignment
    private let compression: GradientCompression
    private let staging: StagingPool
    private var staged: [FloatBuffer] = []
    private var stage = Stage.collecting
    private var pending: [any PendingTransfer] = []
    /// Where other groups' nodes arrive, by node.
    private var arriving: [(node: Range<Int>, bytes: UnsafeMutableRawPointer)] = []
    /// Where the sums of other chunks arrive.
    private var sums: [(share: Range<Int>, bytes: UnsafeMutableRawPointer)] = []

    /// Begins the exchange of a bucket that is complete in this worker's own records.
    ///
    /// - Parameters:
    ///   - step: from 1.
    ///   - records: the record of each node of a member of the group.
    init(
        bucket: Int, range: Range<Int>, step: Int, group: WorkerGroup,
        records: [Range<Int>: UnsafeMutablePointer<Float>], assignment: SlotAssignment,
        compression: GradientCompression, staging: StagingPool
    ) throws {
        self.bucket = bucket
        self.range = range
        self.step = step
        self.group = group
        self.records = records
        self.assignment = assignment
        self.compression = compression
        self.staging = staging
        group.reach(.complete(bucket: bucket), step: step)
        try expectNodes()
    }

    private var communicator: any Communicator { assignment.communicator }
    private var ownChunk: Range<Int> { assignment.chunk(of: range, group: assignment.group) }
    private var ownShare: Range<Int> { assignment.share(of: range, group: assignment.group) }
    private var bytesPerFloat: Int { compression == .none ? 4 : 2 }

    /// Goes on as far as messages and the group's other members allow; returns whether anything came to an end.
    func advance() throws -> Bool {
        switch stage {
        case .collecting:
            guard try haveReached(.complete(bucket: bucket)) else { return false }
            try sendNodes()
            stage = .reducing
        case .reducing:
            guard try haveArrived() else { return false }
            reduceOwnShare()
            try sendSum()
            stage = .gathering
        case .gathering:
            guard try haveArrived() else { return false }
            takeSums()
            for buffer in staged { staging.give(back: buffer) }
            staged = []
            group.reach(.summed(bucket: bucket), step: step)
            stage = .agreeing
        case .agreeing:
            guard try haveReached(.summed(bucket: bucket)) else { return false }
            stage = .done
        case .done: return false
        }
        return true
    }

    var isDone: Bool { stage == .done }

    private func haveReached(_ milestone: WorkerGroup.Milestone) throws -> Bool {
        if group.haveReached(milestone, step: step) { return true }
        // Who is waited for may itself wait for a message of this worker.
        try communicator.progress()
        return false
    }

    private func haveArrived() throws -> Bool {
        while let transfer = pending.last {
            guard try transfer.isFinished() else { return false }
            pending.removeLast()
        }
        return true
    }

    // MARK: - Nodes

    private func expectNodes() throws {
        let share = ownShare
        guard !share.isEmpty else { return }
        for other in assignment.others {
            let peers = assignment.peers(in: other, chunk: ownChunk, share: share)
            for node in assignment.nodes[other] {
                let bytes = stage(share.count * bytesPerFloat)
                arriving.append((node, bytes))
                try receive(bytes, of: share, from: peers, .parts(bucket: bucket))
            }
        }
    }

    private func sendNodes() throws {
        for other in assignment.others {
            let share = assignment.share(of: range, group: other)
            guard !share.isEmpty else { continue }
            let chunk = assignment.chunk(of: range, group: other)
            let peers = assignment.peers(in: other, chunk: chunk, share: share)
            let values = records.mapValues { $0 + share.lowerBound }
            for node in assignment.nodes[assignment.group] {
                let bytes = packed(Self.sum(node, of: values, count: share.count), count: share.count)
                try send(bytes, of: share, to: peers, .parts(bucket: bucket))
            }
        }
    }

    /// Sums this worker's share of its group's chunk along the slot tree, into the place of the sum.
    private func reduceOwnShare() {
        let share = ownShare
        guard !share.isEmpty else { return }
        var values = records.mapValues { $0 + share.lowerBound }
        for (node, bytes) in arriving { values[node] = unpacked(bytes, count: share.count) }
        let total = Self.sum(assignment.tree.root, of: values, count: share.count)
        let target = group.sum + share.lowerBound
        if total != target { target.update(from: total, count: share.count) }
    }

    /// The sum of a node from those below it whose values are known, in the place of the first of them.
    private static func sum(
        _ node: Range<Int>, of values: [Range<Int>: UnsafeMutablePointer<Float>], count: Int
    ) -> UnsafeMutablePointer<Float> {
        if let known = values[node] { return known }
        let middle = SlotTree.middle(of: node)
        let left = sum(node.lowerBound..<middle, of: values, count: count)
        let right = sum(middle..<node.upperBound, of: values, count: count)
        FlatBuffers.add(right, to: left, count: count, team: .solo)
        return left
    }

    // MARK: - Sums

    private func sendSum() throws {
        for other in assignment.others {
            let share = assignment.share(of: range, group: other)
            guard !share.isEmpty else { continue }
            // Uncompressed sums arrive in their place: what was there has been sent.
            let bytes =
                compression == .none
                ? UnsafeMutableRawPointer(group.sum + share.lowerBound) : stage(share.count * bytesPerFloat)
            sums.append((share, bytes))
            let chunk = assignment.chunk(of: range, group: other)
            let peers = assignment.peers(in: other, chunk: chunk, share: share)
            try receive(bytes, of: share, from: peers, .sum(bucket: bucket))
        }
        let share = ownShare
        guard !share.isEmpty, assignment.groups.count > 1 else { return }
        let bytes = packed(group.sum + share.lowerBound, count: share.count)
        for other in assignment.others {
            let peers = assignment.peers(in: other, chunk: ownChunk, share: share)
            try send(bytes, of: share, to: peers, .sum(bucket: bucket))
        }
        // This group too goes on with what the others get.
        if compression == .bf16 { sums.append((share, bytes)) }
    }

    private func takeSums() {
        guard compression == .bf16 else { return }
        for (share, bytes) in sums {
            BFloat16.unpack(
                bytes.assumingMemoryBound(to: UInt16.self), to: group.sum + share.lowerBound, count: share.count)
        }
    }

    // MARK: - Messages

    /// Begins to receive the parts of a share from those that have them.
    private func receive(
        _ bytes: UnsafeMutableRawPointer, of share: Range<Int>, from peers: [(worker: Int, part: Range<Int>)],
        _ tag: MessageTag
    ) throws {
        for (worker, part) in peers {
            let start = bytes + (part.lowerBound - share.lowerBound) * bytesPerFloat
            pending.append(
                try communicator.startReceiving(
                    UnsafeMutableRawBufferPointer(start: start, count: part.count * bytesPerFloat), from: worker,
                    tag: tag))
        }
    }

    /// Begins to send the parts of a share to those that add them, or need them.
    private func send(
        _ bytes: UnsafeMutableRawPointer, of share: Range<Int>, to peers: [(worker: Int, part: Range<Int>)],
        _ tag: MessageTag
    ) throws {
        for (worker, part) in peers {
            let start = bytes + (part.lowerBound - share.lowerBound) * bytesPerFloat
            pending.append(
                try communicator.startSending(
                    UnsafeRawBufferPointer(start: start, count: part.count * bytesPerFloat), to: worker, tag: tag))
        }
    }

    /// The bytes to send for values.
    private func packed(_ values: UnsafeMutablePointer<Float>, count: Int) -> UnsafeMutableRawPointer {
        guard compression == .bf16 else { return UnsafeMutableRawPointer(values) }
        let bytes = stage(count * 2)
        BFloat16.pack(values, to: bytes.assumingMemoryBound(to: UInt16.self), count: count)
        return bytes
    }

    /// The floats that arrived, in memory that may be written.
    private func unpacked(_ bytes: UnsafeMutableRawPointer, count: Int) -> UnsafeMutablePointer<Float> {
        guard compression == .bf16 else { return bytes.assumingMemoryBound(to: Float.self) }
        let floats = stage(count * 4).assumingMemoryBound(to: Float.self)
        BFloat16.unpack(bytes.assumingMemoryBound(to: UInt16.self), to: floats, count: count)
        return floats
    }

    private func stage(_ bytes: Int) -> UnsafeMutableRawPointer {
        let buffer = staging.take((bytes + 3) / 4)
        staged.append(buffer)
        return UnsafeMutableRawPointer(buffer.base)
    }
}
