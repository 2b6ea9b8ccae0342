/// What is the same for all buckets of all steps: which worker computes which slots, and which one adds up which chunk
/// of a bucket.
struct SlotAssignment {
    let tree: SlotTree
    let communicator: any Communicator
    /// Of each worker, the largest nodes whose slots are all its own.
    let nodes: [[Range<Int>]]

    init(slots: Int, communicator: any Communicator) {
        let tree = SlotTree(slots: slots, workers: communicator.size)
        self.tree = tree
        self.communicator = communicator
        nodes = (0..<communicator.size).map(tree.ownNodes(ofWorker:))
    }

    /// The part of a bucket that a worker adds up.
    func chunk(of range: Range<Int>, worker: Int) -> Range<Int> {
        let start = range.lowerBound
        let workers = communicator.size
        return start + range.count * worker / workers..<start + range.count * (worker + 1) / workers
    }

    /// The other workers, each starting with the next one, so that no two begin with the same.
    var others: [Int] { (1..<max(communicator.size, 1)).map { (communicator.rank + $0) % communicator.size } }
}
