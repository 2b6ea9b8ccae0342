/// Which way gradients go between hosts, or between workers that share no memory. Sums have the same bits either way.
public enum GradientRoute: String, Sendable, CaseIterable {
    /// Halving for many hosts, where it is possible; direct otherwise.
    case automatic
    /// Each to each: few steps, many messages.
    case direct
    /// By recursive halving and doubling: 2·log₂ of the hosts' number of messages, one after the other. Possible where hosts have
    /// as many workers each, their number is a power of two, and so is the number of slots of each.
    case halving

    /// Groups from which on one round after the other takes less time than so many messages, by the model of the all-reduce.
    private static let manyGroups = 64

    /// Whether so many groups halve.
    func halves(groups: Int, isPossible: Bool, compression: GradientCompression) -> Bool {
        // What is rounded on its way is rounded once, not once a round.
        guard isPossible, groups > 1, compression == .none else { return false }
        return self == .halving || self == .automatic && groups >= Self.manyGroups
    }
}
