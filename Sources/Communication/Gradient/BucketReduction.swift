import Kernels

/// One bucket's all-reduce over all workers: a reduce-scatter and an all-gather, in which additions follow the slot
/// tree.
///
/// 1. Each worker sends each other one its own nodes' values of that one's chunk, a W-th of the bucket.
/// 2. It adds up its chunk along the tree from all workers' nodes, and sends the sum to all others.
///
/// With W workers of k nodes each and a bucket of B bytes a worker sends (k + 1)·B·(W − 1)/W bytes in (k + 1)·(W − 1)
/// messages, the sums after one wait for all others. Where each worker's share is a subtree, k is 1 and this is
/// what a bandwidth-optimal all-reduce sends; otherwise k is at most 2·log₂(slots). Nothing waits in here: `advance`
/// does what can be done.
final class BucketReduction {
    private enum Stage {
        case reducing, gathering, done
    }

    let bucket: Int
    let range: Range<Int>
    private let assignment: SlotAssignment
    private let own: [UnsafeMutablePointer<Float>]
    private let compression: GradientCompression
    private let staging: StagingPool
    private var staged: [StagingPool.Buffer] = []
    private var stage = Stage.reducing
    private var pending: [any PendingTransfer] = []
    /// Where other workers' nodes arrive, by node.
    private var arriving: [(node: Range<Int>, bytes: UnsafeMutableRawPointer)] = []
    /// Where the sums of other chunks arrive.
    private var sums: [(chunk: Range<Int>, bytes: UnsafeMutableRawPointer)] = []

    /// Begins the exchange.
    ///
    /// - Parameters:
    ///   - own: the record of each of this worker's nodes, final at `range`; the first takes the sum.
    init(
        bucket: Int, range: Range<Int>, own: [UnsafeMutablePointer<Float>], assignment: SlotAssignment,
        compression: GradientCompression, staging: StagingPool
    ) throws {
        self.bucket = bucket
        self.range = range
        self.own = own
        self.assignment = assignment
        self.compression = compression
        self.staging = staging
        try sendParts()
    }

    private var communicator: any Communicator { assignment.communicator }
    private var ownChunk: Range<Int> { assignment.chunk(of: range, worker: communicator.rank) }
    private var bytesPerFloat: Int { compression == .none ? 4 : 2 }

    /// Goes on as far as messages allow; returns whether anything came to an end.
    func advance() throws -> Bool {
        while let transfer = pending.last {
            guard try transfer.isFinished() else { return false }
            pending.removeLast()
        }
        switch stage {
        case .reducing:
            reduceOwnChunk()
            try sendSum()
            stage = .gathering
            // Alone there is nothing to wait for.
            return try pending.isEmpty ? advance() : true
        case .gathering:
            takeSums()
            for buffer in staged { staging.give(back: buffer) }
            staged = []
            stage = .done
            return true
        case .done: return false
        }
    }

    var isDone: Bool { stage == .done }

    private func sendParts() throws {
        let tag = MessageTag.parts(bucket: bucket)
        for worker in assignment.others where !ownChunk.isEmpty {
            for node in assignment.nodes[worker] {
                let bytes = stage(ownChunk.count * bytesPerFloat)
                arriving.append((node, bytes))
                pending.append(
                    try communicator.startReceiving(
                        UnsafeMutableRawBufferPointer(start: bytes, count: ownChunk.count * bytesPerFloat),
                        from: worker, tag: tag))
            }
        }
        for worker in assignment.others {
            let chunk = assignment.chunk(of: range, worker: worker)
            guard !chunk.isEmpty else { continue }
            for record in own {
                pending.append(try communicator.startSending(packed(record, chunk), to: worker, tag: tag))
            }
        }
    }

    /// Sums this worker's chunk along the slot tree, into the first of its own records.
    private func reduceOwnChunk() {
        let chunk = ownChunk
        guard !chunk.isEmpty else { return }
        var values: [Range<Int>: UnsafeMutablePointer<Float>] = [:]
        for (node, record) in zip(assignment.nodes[communicator.rank], own) { values[node] = record + chunk.lowerBound }
        for (node, bytes) in arriving { values[node] = unpacked(bytes, count: chunk.count) }
        func sum(_ node: Range<Int>) -> UnsafeMutablePointer<Float> {
            if let known = values[node] { return known }
            let middle = SlotTree.middle(of: node)
            let left = sum(node.lowerBound..<middle)
            FlatBuffers.add(sum(middle..<node.upperBound), to: left, count: chunk.count, team: .solo)
            return left
        }
        let total = sum(assignment.tree.root)
        let target = own[0] + chunk.lowerBound
        if total != target { target.update(from: total, count: chunk.count) }
    }

    private func sendSum() throws {
        let tag = MessageTag.sum(bucket: bucket)
        for worker in assignment.others {
            let chunk = assignment.chunk(of: range, worker: worker)
            guard !chunk.isEmpty else { continue }
            let count = chunk.count * bytesPerFloat
            // Uncompressed sums arrive in their place: what was there has been sent.
            let bytes =
                compression == .none ? UnsafeMutableRawPointer(own[0] + chunk.lowerBound) : stage(count)
            sums.append((chunk, bytes))
            pending.append(
                try communicator.startReceiving(
                    UnsafeMutableRawBufferPointer(start: bytes, count: count), from: worker, tag: tag))
        }
        let chunk = ownChunk
        guard !chunk.isEmpty, communicator.size > 1 else { return }
        let bytes = packed(own[0], chunk)
        for worker in assignment.others { pending.append(try communicator.startSending(bytes, to: worker, tag: tag)) }
        // This worker too goes on with what the others get.
        if compression == .bf16, let start = bytes.baseAddress {
            BFloat16.unpack(
                start.assumingMemoryBound(to: UInt16.self), to: own[0] + chunk.lowerBound, count: chunk.count)
        }
    }

    private func takeSums() {
        guard compression == .bf16 else { return }
        for (chunk, bytes) in sums {
            BFloat16.unpack(
                bytes.assumingMemoryBound(to: UInt16.self), to: own[0] + chunk.lowerBound, count: chunk.count)
        }
    }

    /// The bytes to send for a chunk of a record.
    private func packed(_ record: UnsafeMutablePointer<Float>, _ chunk: Range<Int>) -> UnsafeRawBufferPointer {
        guard compression == .bf16 else {
            return UnsafeRawBufferPointer(start: record + chunk.lowerBound, count: chunk.count * 4)
        }
        let bytes = stage(chunk.count * 2)
        BFloat16.pack(
            record + chunk.lowerBound, to: bytes.assumingMemoryBound(to: UInt16.self), count: chunk.count)
        return UnsafeRawBufferPointer(start: bytes, count: chunk.count * 2)
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
