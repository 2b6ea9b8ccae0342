/// One bucket's all-reduce over all workers: a sum within each group of workers that share memory, and between groups, in
/// which additions follow the slot tree.
///
/// Once all members of a group have the bucket, each adds up its parts of the group's nodes and exchanges them with other
/// groups (`GroupExchange`). The bucket is summed once all members have their parts of the sum. Nothing waits in here:
/// `advance` does what can be done.
final class BucketReduction {
    private enum Stage {
        case collecting, exchanging, agreeing, done
    }

    let bucket: Int
    let range: Range<Int>
    private let step: Int
    private let group: WorkerGroup
    private let communicator: any Communicator
    private let exchange: any GroupExchange
    private var stage = Stage.collecting

    /// Begins with a bucket that is complete in this worker's own records.
    ///
    /// - Parameters:
    ///   - step: from 1.
    ///   - halves: whether groups meet by recursive halving.
    init(_ part: BucketPart, step: Int, halves: Bool, staging: StagingPool) throws {
        (bucket, range) = (part.bucket, part.range)
        self.step = step
        group = part.group
        communicator = part.assignment.communicator
        group.reach(.complete(bucket: bucket), step: step)
        exchange =
            halves ? try HalvingExchange(part, staging: staging) : try DirectExchange(part, staging: staging)
    }

    /// Goes on as far as messages and the group's other members allow; returns whether anything came to an end.
    func advance() throws -> Bool {
        switch stage {
        case .collecting:
            guard try haveReached(.complete(bucket: bucket)) else { return false }
            try exchange.begin()
            stage = .exchanging
        case .exchanging:
            guard !exchange.isDone else {
                group.reach(.summed(bucket: bucket), step: step)
                stage = .agreeing
                return true
            }
            return try exchange.advance()
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
}
