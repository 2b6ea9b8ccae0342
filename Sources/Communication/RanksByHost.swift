extension Communicator {
    /// The ranks of each host, in the order of their first ones; called by all ranks.
    ///
    /// - Parameter neighbours: a communicator among the ranks that count as one host, this one included.
    package func ranksByHost(_ neighbours: any Communicator) throws -> [[Int]] {
        let leader = try Messages.decode(Int.self, from: neighbours.gatherFromAll(Messages.encode(rank))[0])
        let leaders = try gatherFromAll(Messages.encode(leader)).map { try Messages.decode(Int.self, from: $0) }
        return Dictionary(grouping: leaders.indices) { leaders[$0] }.values.sorted { $0[0] < $1[0] }
    }
}
