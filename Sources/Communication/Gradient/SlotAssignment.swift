/// What is the same for all buckets of all steps: which worker computes which slots, and which one adds up which part of
/// a bucket.
///
/// Workers form groups: those of a host, which share memory, or each worker alone. Between groups a bucket is cut into
/// as many chunks, each of which one group adds up; and each chunk within a group into as many shares as that has
/// members. A member so has the same share of its group's own partial sums and of the whole sum, wherever they lie in
/// the group's memory, and nobody else writes there.
struct SlotAssignment {
    let tree: SlotTree
    let communicator: any Communicator
    /// Workers by group, in the order of their first members.
    let groups: [[Int]]
    /// This worker's group, and its place in it.
    let group: Int
    let place: Int
    /// Of each worker.
    let slots: [Range<Int>]
    /// Of each group, the largest nodes whose slots are all its members'.
    let nodes: [[Range<Int>]]

    /// - Parameters:
    ///   - slots: of each worker, such that those of a group follow each other.
    init(tree: SlotTree, communicator: any Communicator, groups: [[Int]], slots: [Range<Int>]) {
        self.tree = tree
        self.communicator = communicator
        self.groups = groups
        self.slots = slots
        guard let group = groups.firstIndex(where: { $0.contains(communicator.rank) }),
            let place = groups[group].firstIndex(of: communicator.rank)
        else { preconditionFailure("worker \(communicator.rank) is in no group") }
        (self.group, self.place) = (group, place)
        nodes = groups.map { members in
            guard let first = members.first, let last = members.last else { preconditionFailure("an empty group") }
            return tree.largestNodes(in: slots[first].lowerBound..<slots[last].upperBound)
        }
    }

    /// The slots of each worker where those of a host follow each other, host after host: its slots then make up few
    /// nodes. How many slots a worker has is a function of its rank alone.
    static func slots(_ tree: SlotTree, hosts: [[Int]]) -> [Range<Int>] {
        var slots = Array(repeating: 0..<0, count: tree.workers)
        var next = 0
        for worker in hosts.joined() {
            slots[worker] = next..<next + tree.slots(ofWorker: worker).count
            next = slots[worker].upperBound
        }
        return slots
    }

    /// The largest nodes of each member of this worker's group.
    var memberNodes: [[Range<Int>]] { groups[group].map { tree.largestNodes(in: slots[$0]) } }

    /// The part of a bucket that a group adds up.
    func chunk(of range: Range<Int>, group: Int) -> Range<Int> { range.part(group, of: groups.count) }

    /// This worker's share of a group's chunk.
    func share(of range: Range<Int>, group: Int) -> Range<Int> {
        chunk(of: range, group: group).part(place, of: groups[self.group].count)
    }

    /// The members of a group whose shares of a chunk overlap this worker's share of it, and where.
    func peers(in group: Int, chunk: Range<Int>, share: Range<Int>) -> [(worker: Int, part: Range<Int>)] {
        let members = groups[group]
        return members.enumerated().compactMap { place, worker in
            let part = chunk.part(place, of: members.count).clamped(to: share)
            return part.isEmpty ? nil : (worker, part)
        }
    }

    /// The other groups, each starting with the next one, so that no two begin with the same.
    var others: [Int] { (1..<groups.count).map { (group + $0) % groups.count } }
}

extension Range<Int> {
    /// One of `count` parts whose sizes differ by one at most.
    func part(_ number: Int, of count: Int) -> Range<Int> {
        lowerBound + self.count * number / count..<lowerBound + self.count * (number + 1) / count
    }
}
