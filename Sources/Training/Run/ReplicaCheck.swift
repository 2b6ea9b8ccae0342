import Checkpoints
import Communication
import Foundation
import Support

/// Compares the workers' replicas: after every step each has the same weights, momentum and averages, to the bit.
struct ReplicaCheck {
    let workers: any Communicator
    /// Step of the last comparison: a step is compared once.
    private var checkedStep = -1

    init(workers: any Communicator) { self.workers = workers }

    /// Compares SHA-256 hashes; called by all workers. Names on all of them those that disagree with the majority.
    mutating func compare(_ state: TrainingState) throws {
        guard workers.size > 1, checkedStep != state.step else { return }
        checkedStep = state.step
        let hash = SHA256()
        for buffer in state.buffers { hash.update(UnsafeRawBufferPointer(buffer.bytes)) }
        let own = try Messages.encode([hash.finish().hexadecimal, workers.name])
        let replicas = try workers.gatherFromAll(own).map { try Messages.decode([String].self, from: $0) }
        let counts = Dictionary(replicas.map { ($0[0], 1) }, uniquingKeysWith: +)
        guard counts.count > 1 else { return }
        // The majority is taken to be right; among equals, the first worker.
        let most = counts.values.max()
        let right = replicas.first { counts[$0[0]] == most }?[0]
        let wrong = replicas.filter { $0[0] != right }.map { $0[1] }.joined(separator: ", ")
        throw Failure.running(
            "replicas differ at step \(state.step): \(wrong) disagree\(wrong.contains(",") ? "" : "s") with the others; check that machine's memory, and go on from the last checkpoint with --resume"
        )
    }
}
