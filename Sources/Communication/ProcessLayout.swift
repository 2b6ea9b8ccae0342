/// Which ranks train, and which one coordinates.
public struct ProcessLayout: Sendable, Hashable {
    /// What rank 0 does where there are several ranks.
    public enum CoordinatorMode: String, Sendable, CaseIterable {
        /// It coordinates only.
        case dedicated
        /// It trains as well.
        case shared
    }

    /// The rank that owns checkpoints, validation and logs.
    public let coordinator = 0
    /// The ranks that train, in order.
    public let workers: [Int]

    /// One process alone is coordinator and worker, whatever the mode.
    public init(ranks: Int, mode: CoordinatorMode) {
        workers = ranks > 1 && mode == .dedicated ? Array(1..<ranks) : Array(0..<ranks)
    }

    /// The worker that reports to the coordinator.
    public var lead: Int { workers[0] }
    public var hasDedicatedCoordinator: Bool { !workers.contains(coordinator) }

    /// A rank's number among the workers; nil for a dedicated coordinator.
    public func worker(ofRank rank: Int) -> Int? { workers.firstIndex(of: rank) }
}
