import Checkpoints
import Communication
import Foundation
import Support

/// Hashes the workers' replicas and compares them: after every step each has the same weights, momentum and averages, to
/// the bit.
struct ReplicaCheck {
    let workers: any Communicator
    /// The last state that was compared: one is compared once.
    private var last: (step: Int, digest: String)?
    /// Whether a comparison has found a difference.
    private(set) var haveDiffered = false

    init(workers: any Communicator) { self.workers = workers }

    /// Compares `TrainingState.digest` and returns it; called by all workers. Throws on all of them where they differ, and
    /// names those that disagree with the majority, if there is one.
    @discardableResult
    mutating func compare(_ state: TrainingState) throws -> String {
        if let last, last.step == state.step { return last.digest }
        let digest = state.digest
        last = (state.step, digest)
        guard workers.size > 1 else { return digest }
        let replicas = try workers.gatherFromAll(Messages.encode([digest, workers.name])).map {
            try Messages.decode([String].self, from: $0)
        }
        guard replicas.contains(where: { $0[0] != digest }) else {
            return digest
        }
        haveDiffered = true
        throw Failure.running(
            "replicas differ at step \(state.step): \(Self.blame(replicas.map { ($0[0], $0[1]) }))"
                + ", and go on from the last checkpoint with --resume")
    }

    /// Who disagrees, and what to check.
    private static func blame(_ replicas: [(digest: String, name: String)]) -> String {
        let counts = Dictionary(replicas.map { ($0.digest, 1) }, uniquingKeysWith: +)
        guard let right = counts.first(where: { 2 * $0.value > replicas.count })?.key else {
            return
                "\(replicas.map(\.name).joined(separator: ", ")) disagree, and which of them is wrong is not known: check "
                + "the memory of their machines"
        }
        let wrong = replicas.filter { $0.digest != right }.map(\.name)
        return
            "\(wrong.joined(separator: ", ")) disagree\(wrong.count == 1 ? "s" : "") with the others; check that machine's memory"
    }
}
