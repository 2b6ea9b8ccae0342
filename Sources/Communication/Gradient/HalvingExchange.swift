import Kernels

/// A reduce-scatter by recursive halving and an all-gather by recursive doubling (Thakur, Rabenseifner, Gropp 2005), along
/// the slot tree: 2·log₂ G messages a member in place of 2·(G − 1), of as many bytes.
///
/// Each member has a column of the bucket, the same in all groups, in which it knows only the members of its own place.
/// In the first round it gives half of its column to the next group and takes the other half from it; in each further one
/// half of what it has, to the group twice as far away. Whoever it meets has the sum of the other half of the next node
/// of the tree, and addition commutes, so that the sums have the tree's bits. Then it goes the same way back with the sums.
final class HalvingExchange: GroupExchange {
    private let part: BucketPart
    private let transfers: BucketTransfers
    private let rounds: Int
    /// Rounds that have ended, those back included.
    private var round = 0
    private var hasBegun = false
    /// What this member has the sum of in each round, the whole column first.
    private var held: [Range<Int>]
    /// Where what arrives in a round of halving lies.
    private var arriving: [UnsafeMutablePointer<Float>] = []

    /// Whether groups can: as many members each, and a tree of groups that is the slot tree's upper part.
    ///
    /// - Parameters:
    ///   - members: how many each group has.
    ///   - nodes: of each group.
    static func isPossible(members: [Int], nodes: [[Range<Int>]], tree: SlotTree) -> Bool {
        guard Set(members).count == 1, nodes.allSatisfy({ $0.count == 1 }) else { return false }
        var level = nodes.map { $0[0] }
        while level.count > 1 {
            guard level.count.isMultiple(of: 2) else { return false }
            let pairs = stride(from: 0, to: level.count, by: 2).map { (level[$0], level[$0 + 1]) }
            let areNodes = pairs.allSatisfy { left, right in
                left.upperBound == right.lowerBound
                    && SlotTree.middle(of: left.lowerBound..<right.upperBound) == left.upperBound
            }
            guard areNodes else { return false }
            level = pairs.map { $0.0.lowerBound..<$0.1.upperBound }
        }
        return level == [tree.root]
    }

    init(_ part: BucketPart, staging: StagingPool) throws {
        self.part = part
        transfers = BucketTransfers(part.assignment.communicator, staging: staging)
        rounds = part.assignment.groups.count.trailingZeroBitCount
        held = [part.range.part(part.assignment.place, of: part.assignment.groups[part.assignment.group].count)]
        for round in 0..<rounds { held.append(halves(held[round], round).kept) }
        arriving = held.dropFirst().map { transfers.stage(4 * $0.count).assumingMemoryBound(to: Float.self) }
    }

    func begin() throws {
        // The group's own node, from its members' nodes, in the place of the sum.
        let column = held[0]
        let values = part.records.mapValues { $0 + column.lowerBound }
        let own = BucketPart.sum(part.assignment.nodes[part.assignment.group][0], of: values, count: column.count)
        let target = part.group.sum + column.lowerBound
        if own != target { target.update(from: own, count: column.count) }
        try beginRound()
        hasBegun = true
    }

    func advance() throws -> Bool {
        guard hasBegun, !isDone, try transfers.haveFinished() else { return false }
        if round < rounds {
            let kept = held[round + 1]
            FlatBuffers.add(arriving[round], to: part.group.sum + kept.lowerBound, count: kept.count, team: .solo)
        }
        round += 1
        if isDone { transfers.giveBack() } else { try beginRound() }
        return true
    }

    var isDone: Bool { round == 2 * rounds }

    private func beginRound() throws {
        let isBack = round >= rounds
        let distance = isBack ? 2 * rounds - 1 - round : round
        let (kept, given) = halves(held[distance], distance)
        let group = part.assignment.group ^ (1 << distance)
        let peer = part.assignment.groups[group][part.assignment.place]
        let sum = part.group.sum
        // There, what is missing; back, what was given away.
        let (sent, received) = isBack ? (kept, given) : (given, kept)
        let target = isBack ? sum + given.lowerBound : arriving[distance]
        let tag = isBack ? MessageTag.sum(bucket: part.bucket) : .parts(bucket: part.bucket)
        if !received.isEmpty {
            try transfers.receive(
                UnsafeMutableRawBufferPointer(start: target, count: 4 * received.count), from: peer, tag)
        }
        if !sent.isEmpty {
            try transfers.send(
                UnsafeRawBufferPointer(start: sum + sent.lowerBound, count: 4 * sent.count), to: peer, tag)
        }
    }

    /// What of a range this group keeps in a round, and what it gives away.
    private func halves(_ range: Range<Int>, _ round: Int) -> (kept: Range<Int>, given: Range<Int>) {
        let isUpper = part.assignment.group >> round & 1
        return (range.part(isUpper, of: 2), range.part(1 - isUpper, of: 2))
    }
}
