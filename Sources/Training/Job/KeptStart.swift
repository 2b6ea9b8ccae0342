import Checkpoints
import Communication
import Foundation
import Support

/// The newest state that machines have kept in memory and that a run can go on from: the same on all ranks.
struct KeptStart {
    let state: KeptState
    /// The machine that had it.
    let host: String
    /// Steps before it whose validation is to be made up for: the checkpoint of each is there.
    let validationsDue: [Int]
}

/// The search for it, by all ranks together.
struct KeptStateSearch {
    /// What is looked for.
    struct Request: Codable {
        let run: KeptState.Run
        /// The step of the newest checkpoint; 0 where there is none.
        let checkpoint: Int
        /// The steps whose checkpoint is there and still to be validated, ascending.
        let due: [Int]
        /// The step at which this start of the run ends.
        let until: Int?
    }

    /// A state that a rank has found in its machine's memory.
    private struct Offer: Codable {
        let step: Int
        let digest: UInt64
        let elapsed: Double
        let learningRate: Double
        let due: [Int]
    }

    let world: any Communicator
    let memories: MachineMemories
    let request: Request
    /// The learning rate of the step after one, with the seconds trained until then.
    let learningRate: (_ step: Int, _ elapsed: Double) -> Double
    /// Writes the checkpoint of a state that is still to be validated; called on rank 0.
    let save: (TrainingState) throws -> Void

    /// Puts the newest state that all can agree on into `state`; nil, on all ranks, where there is none. `state` is then of no
    /// use on any.
    ///
    /// - Parameter remarks: is told why newer ones are passed over.
    func run(into state: TrainingState, remarks: inout [String]) throws -> KeptStart? {
        let own = memories.isSteward ? memories.states(of: request.run) : []
        let offers = try world.gatherFromAll(
            Messages.encode(
                own.map { _, kept in
                    Offer(
                        step: kept.step, digest: kept.digest, elapsed: kept.elapsed, learningRate: kept.learningRate,
                        due: kept.validationsDue)
                })
        ).map { try Messages.decode([Offer].self, from: $0) }
        for step in Set(offers.joined().map(\.step)).sorted(by: >) where isNewer(step) {
            let holders = offers.indices.filter { rank in offers[rank].contains { $0.step == step } }
            let copies = holders.compactMap { rank in offers[rank].first { $0.step == step } }
            let hosts = holders.map { memories.hosts[$0] }
            guard copies.allSatisfy({ $0.digest == copies[0].digest }) else {
                remarks.append(
                    "passed over: the states of step \(step) in the memories of \(hosts.joined(separator: ", ")) differ: check "
                        + "those machines' memory")
                continue
            }
            guard copies[0].learningRate == learningRate(step, copies[0].elapsed) else {
                remarks.append(
                    "passed over: the state of step \(step) in the memory of \(hosts.joined(separator: ", ")), from where the "
                        + "learning rate was another than these settings give")
                continue
            }
            // Not known to be over on some machine is due.
            let due = Set(copies.flatMap(\.due) + request.due).filter { $0 < step }
                .filter { $0 > request.checkpoint || request.due.contains($0) }.sorted()
            guard try restore(due, from: offers, own: own, using: state, remarks: &remarks) else { continue }
            for (rank, host) in zip(holders, hosts) {
                if let found = try take(step, from: rank, own: own, into: state) {
                    return KeptStart(state: found, host: host, validationsDue: due)
                }
                remarks.append("passed over: the state of step \(step) in the memory of \(host) is damaged")
            }
        }
        return nil
    }

    private func isNewer(_ step: Int) -> Bool {
        step > request.checkpoint && request.until.map { step <= $0 } ?? true
    }

    /// Makes checkpoints of the states that wait for their validation; returns whether all are there. `state` is what they go
    /// through.
    private func restore(
        _ due: [Int], from offers: [[Offer]], own: [(name: String, state: KeptState)], using state: TrainingState,
        remarks: inout [String]
    ) throws -> Bool {
        for step in due where !request.due.contains(step) {
            guard let rank = offers.indices.first(where: { rank in offers[rank].contains { $0.step == step } }),
                try take(step, from: rank, own: own, into: state) != nil
            else { return false }
            let trouble: String = try world.agreeOnRoot {
                do { try save(state) } catch { return "\(error)" }
                return ""
            }
            guard trouble.isEmpty else {
                remarks.append("passed over: what is newer than step \(step), which could not be saved: \(trouble)")
                return false
            }
        }
        return true
    }

    /// Reads a state on the rank that has it, and copies it to all; nil, on all ranks, where it is damaged.
    private func take(
        _ step: Int, from rank: Int, own: [(name: String, state: KeptState)], into state: TrainingState
    ) throws -> KeptState? {
        var message = Data()
        if rank == world.rank, let (name, kept) = own.first(where: { $0.state.step == step }),
            let file = memories.memory.open(name), kept.read(file, into: state)
        {
            message = try Messages.encode(kept)
        }
        message = try world.broadcast(message, root: rank)
        guard !message.isEmpty else { return nil }
        let kept = try Messages.decode(KeptState.self, from: message)
        for buffer in state.buffers { try world.broadcast(buffer.bytes, root: rank) }
        (state.step, state.elapsed) = (kept.step, kept.elapsed)
        return kept
    }
}
