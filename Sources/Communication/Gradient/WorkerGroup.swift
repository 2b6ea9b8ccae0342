import Synchronization

/// Workers that share memory, those of a host, or one worker alone: the records of their nodes, each of which all of them
/// read where it lies, and how far each worker is.
///
/// A worker writes its own records until it says that a bucket is complete in them. From then on, once all have said so,
/// the bucket is shared out: each member reads and writes its share (`SlotAssignment`) in all records, until it says that
/// the sum is there. When all have said that, the bucket's sum is read by all; and nobody's records are read any more but
/// that of the sum, which is free once all have said that they have read it.
final class WorkerGroup {
    /// What a worker says to the others of its group.
    enum Milestone {
        /// The bucket will not change any more in this worker's records.
        case complete(bucket: Int)
        /// This worker's share of the bucket's sum is there, and has left for other groups.
        case summed(bucket: Int)
        /// This worker reads the sums of earlier steps no more.
        case released
    }

    private let memory: SharedMemory
    private let place: Int
    private let buckets: Int
    /// Bytes of a record, and before the first.
    private let stride: Int
    private let head: Int
    /// The last step of which each member has said what.
    private var milestones: [UnsafeMutablePointer<Atomic<Int>>] = []

    /// - Parameters:
    ///   - members: the members' own communicator; called by all of them.
    ///   - nodes: how many nodes this worker has.
    init(members: any Communicator, nodes: Int, buckets: GradientBuckets) throws {
        place = members.rank
        self.buckets = buckets.count
        let (page, cacheLine) = (4096, 64)
        func pages(_ bytes: Int) -> Int { (bytes + page - 1) / page * page }
        // The last values of a record can be read as a whole vector.
        stride = pages(buckets.recordCount * MemoryLayout<Float>.stride + cacheLine)
        let count = 2 * buckets.count + 1
        head = pages(count * MemoryLayout<Atomic<Int>>.stride)
        memory = try members.shareMemory(bytes: head + nodes * stride)
        // Zeros, which the kernel has written, are milestones of no step.
        milestones = memory.parts.map { $0.bindMemory(to: Atomic<Int>.self, capacity: count) }
    }

    /// The record of a member's node.
    func record(member: Int, node: Int) -> UnsafeMutablePointer<Float> {
        (memory.parts[member] + head + node * stride).assumingMemoryBound(to: Float.self)
    }

    /// Where the sum comes to lie.
    var sum: UnsafeMutablePointer<Float> { record(member: 0, node: 0) }

    /// Whether the sum lies in this worker's own record.
    var holdsSum: Bool { place == 0 }

    /// Says that this worker has come to a milestone of a step, from 1.
    func reach(_ milestone: Milestone, step: Int) {
        milestones[place][index(milestone)].store(step, ordering: .releasing)
    }

    /// Whether all members have.
    func haveReached(_ milestone: Milestone, step: Int) -> Bool {
        let index = index(milestone)
        return milestones.allSatisfy { $0[index].load(ordering: .acquiring) >= step }
    }

    private func index(_ milestone: Milestone) -> Int {
        switch milestone {
        case .complete(let bucket): bucket
        case .summed(let bucket): buckets + bucket
        case .released: 2 * buckets
        }
    }
}
