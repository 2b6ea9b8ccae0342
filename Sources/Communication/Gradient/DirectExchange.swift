import Kernels

/// A reduce-scatter and an all-gather in which every group has messages for every other.
///
/// 1. Each member adds up its shares of the group's nodes from the members' nodes, in the group's memory, and sends each
///    other group those of that group's chunk.
/// 2. It adds up its share of its own group's chunk along the tree from all groups' nodes, and sends the sum to all other
///    groups.
///
/// With G groups of k nodes each and a bucket of B bytes a group sends (k + 1)·B·(G − 1)/G bytes, however many members
/// it has; between groups of equal size each member sends (k + 1)·(G − 1) messages, the sums after one wait for all
/// others. Where each group's slots are a subtree, k is 1 and this is what a bandwidth-optimal all-reduce sends;
/// otherwise k is at most 2·log₂(slots).
final class DirectExchange: GroupExchange {
    private enum Stage {
        case reducing, gathering, done
    }

    private let part: BucketPart
    private let transfers: BucketTransfers
    private var stage = Stage.reducing
    /// Where other groups' nodes arrive, by node.
    private var arriving: [(node: Range<Int>, bytes: UnsafeMutableRawPointer)] = []
    /// Where the sums of other chunks arrive.
    private var sums: [(share: Range<Int>, bytes: UnsafeMutableRawPointer)] = []

    init(_ part: BucketPart, staging: StagingPool) throws {
        self.part = part
        transfers = BucketTransfers(part.assignment.communicator, staging: staging)
        try expectNodes()
    }

    private var assignment: SlotAssignment { part.assignment }
    private var ownChunk: Range<Int> { assignment.chunk(of: part.range, group: assignment.group) }
    private var ownShare: Range<Int> { assignment.share(of: part.range, group: assignment.group) }
    private var bytesPerFloat: Int { part.compression == .none ? 4 : 2 }

    func begin() throws { try sendNodes() }

    func advance() throws -> Bool {
        guard stage != .done, try transfers.haveFinished() else { return false }
        switch stage {
        case .reducing:
            reduceOwnShare()
            try sendSum()
            stage = .gathering
        case .gathering:
            takeSums()
            transfers.giveBack()
            stage = .done
        case .done: return false
        }
        return true
    }

    var isDone: Bool { stage == .done }

    // MARK: - Nodes

    private func expectNodes() throws {
        let share = ownShare
        guard !share.isEmpty else { return }
        for other in assignment.others {
            let peers = assignment.peers(in: other, chunk: ownChunk, share: share)
            for node in assignment.nodes[other] {
                let bytes = transfers.stage(share.count * bytesPerFloat)
                arriving.append((node, bytes))
                try receive(bytes, of: share, from: peers, .parts(bucket: part.bucket))
            }
        }
    }

    private func sendNodes() throws {
        for other in assignment.others {
            let share = assignment.share(of: part.range, group: other)
            guard !share.isEmpty else { continue }
            let chunk = assignment.chunk(of: part.range, group: other)
            let peers = assignment.peers(in: other, chunk: chunk, share: share)
            let values = part.records.mapValues { $0 + share.lowerBound }
            for node in assignment.nodes[assignment.group] {
                let bytes = packed(BucketPart.sum(node, of: values, count: share.count), count: share.count)
                try send(bytes, of: share, to: peers, .parts(bucket: part.bucket))
            }
        }
    }

    /// Sums this worker's share of its group's chunk along the slot tree, into the place of the sum.
    private func reduceOwnShare() {
        let share = ownShare
        guard !share.isEmpty else { return }
        var values = part.records.mapValues { $0 + share.lowerBound }
        for (node, bytes) in arriving { values[node] = unpacked(bytes, count: share.count) }
        let total = BucketPart.sum(assignment.tree.root, of: values, count: share.count)
        let target = part.group.sum + share.lowerBound
        if total != target { target.update(from: total, count: share.count) }
    }

    // MARK: - Sums

    private func sendSum() throws {
        for other in assignment.others {
            let share = assignment.share(of: part.range, group: other)
            guard !share.isEmpty else { continue }
            // Uncompressed sums arrive in their place: what was there has been sent.
            let bytes =
                part.compression == .none
                ? UnsafeMutableRawPointer(part.group.sum + share.lowerBound)
                : transfers.stage(share.count * bytesPerFloat)
            sums.append((share, bytes))
            let chunk = assignment.chunk(of: part.range, group: other)
            let peers = assignment.peers(in: other, chunk: chunk, share: share)
            try receive(bytes, of: share, from: peers, .sum(bucket: part.bucket))
        }
        let share = ownShare
        guard !share.isEmpty, assignment.groups.count > 1 else { return }
        let bytes = packed(part.group.sum + share.lowerBound, count: share.count)
        for other in assignment.others {
            let peers = assignment.peers(in: other, chunk: ownChunk, share: share)
            try send(bytes, of: share, to: peers, .sum(bucket: part.bucket))
        }
        // This group too goes on with what the others get.
        if part.compression == .bf16 { sums.append((share, bytes)) }
    }

    private func takeSums() {
        guard part.compression == .bf16 else { return }
        for (share, bytes) in sums {
            BFloat16.unpack(
                bytes.assumingMemoryBound(to: UInt16.self), to: part.group.sum + share.lowerBound, count: share.count)
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
            try transfers.receive(
                UnsafeMutableRawBufferPointer(start: start, count: part.count * bytesPerFloat), from: worker, tag)
        }
    }

    /// Begins to send the parts of a share to those that add them, or need them.
    private func send(
        _ bytes: UnsafeMutableRawPointer, of share: Range<Int>, to peers: [(worker: Int, part: Range<Int>)],
        _ tag: MessageTag
    ) throws {
        for (worker, part) in peers {
            let start = bytes + (part.lowerBound - share.lowerBound) * bytesPerFloat
            try transfers.send(
                UnsafeRawBufferPointer(start: start, count: part.count * bytesPerFloat), to: worker, tag)
        }
    }

    /// The bytes to send for values.
    private func packed(_ values: UnsafeMutablePointer<Float>, count: Int) -> UnsafeMutableRawPointer {
        guard part.compression == .bf16 else { return UnsafeMutableRawPointer(values) }
        let bytes = transfers.stage(count * 2)
        BFloat16.pack(values, to: bytes.assumingMemoryBound(to: UInt16.self), count: count)
        return bytes
    }

    /// The floats that arrived, in memory that may be written.
    private func unpacked(_ bytes: UnsafeMutableRawPointer, count: Int) -> UnsafeMutablePointer<Float> {
        guard part.compression == .bf16 else { return bytes.assumingMemoryBound(to: Float.self) }
        let floats = transfers.stage(count * 4).assumingMemoryBound(to: Float.self)
        BFloat16.unpack(bytes.assumingMemoryBound(to: UInt16.self), to: floats, count: count)
        return floats
    }
}
