import Kernels

/// What a bucket goes through between groups: from each group's own nodes, complete in its members' records, to the sum of
/// all groups where the sum belongs.
///
/// Nothing waits in here: `advance` does what can be done.
protocol GroupExchange: AnyObject {
    /// Begins to send what this member's group has.
    func begin() throws
    /// Goes on as far as messages allow; returns whether anything came to an end.
    func advance() throws -> Bool
    /// Whether this member's part of the sum is there, and has left for other groups.
    var isDone: Bool { get }
}

/// One bucket, and what is known of it on this member.
struct BucketPart {
    let bucket: Int
    let range: Range<Int>
    let group: WorkerGroup
    /// The record of each node of a member of the group.
    let records: [Range<Int>: UnsafeMutablePointer<Float>]
    let assignment: SlotAssignment
    let compression: GradientCompression

    /// The sum of a node from those below it whose values are known, in the place of the first of them.
    static func sum(
        _ node: Range<Int>, of values: [Range<Int>: UnsafeMutablePointer<Float>], count: Int
    ) -> UnsafeMutablePointer<Float> {
        if let known = values[node] { return known }
        let middle = SlotTree.middle(of: node)
        let left = sum(node.lowerBound..<middle, of: values, count: count)
        let right = sum(middle..<node.upperBound, of: values, count: count)
        FlatBuffers.add(right, to: left, count: count, team: .solo)
        return left
    }
}

/// Messages under way, and memory for what they bring, of one bucket's exchange.
final class BucketTransfers {
    private let communicator: any Communicator
    private let staging: StagingPool
    private var staged: [FloatBuffer] = []
    private var pending: [any PendingTransfer] = []

    init(_ communicator: any Communicator, staging: StagingPool) {
        self.communicator = communicator
        self.staging = staging
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, from worker: Int, _ tag: MessageTag) throws {
        pending.append(try communicator.startReceiving(bytes, from: worker, tag: tag))
    }

    func send(_ bytes: UnsafeRawBufferPointer, to worker: Int, _ tag: MessageTag) throws {
        pending.append(try communicator.startSending(bytes, to: worker, tag: tag))
    }

    /// Whether all that began has come to its end.
    func haveFinished() throws -> Bool {
        while let transfer = pending.last {
            guard try transfer.isFinished() else { return false }
            pending.removeLast()
        }
        return true
    }

    /// Memory until `giveBack`.
    func stage(_ bytes: Int) -> UnsafeMutableRawPointer {
        let buffer = staging.take((bytes + 3) / 4)
        staged.append(buffer)
        return UnsafeMutableRawPointer(buffer.base)
    }

    func giveBack() {
        for buffer in staged { staging.give(back: buffer) }
        staged = []
    }
}
