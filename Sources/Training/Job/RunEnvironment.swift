import Checkpoints
import Communication
import Foundation
import Kernels
import Support

/// What a run ran on, for `environment.json`.
struct RunEnvironment: Codable {
    struct Rank: Codable {
        let rank: Int
        let role: String
        let host: String
        let cpu: String
        /// Processors that the rank may run on.
        let cores: Int
    }

    /// The run's identity, which its checkpoints carry.
    var run: String?
    let version: String
    let revision: String
    let target: String
    let engine: String
    let threads: Int
    let mpi: String
    let blas: String
    let started: String
    let ranks: [Rank]

    /// Called by all ranks.
    static func gather(
        _ world: any Communicator, _ layout: ProcessLayout, _ engine: Engine
    ) throws -> RunEnvironment {
        let isWorker = layout.worker(ofRank: world.rank) != nil
        let role =
            world.rank != layout.coordinator ? "worker" : isWorker ? "coordinator and worker" : "coordinator"
        let own = Rank(
            rank: world.rank, role: role, host: ProcessInfo.processInfo.hostName, cpu: BuildInformation.processor,
            cores: Processors.available)
        return RunEnvironment(
            version: BuildInformation.version, revision: BuildInformation.revision, target: BuildInformation.target,
            engine: engine.kind.rawValue, threads: engine.team.threads, mpi: world.libraryDescription,
            blas: BuildInformation.blas, started: Date().formatted(.iso8601),
            ranks: try world.gatherFromAll(Messages.encode(own)).map { try Messages.decode(Rank.self, from: $0) })
    }

    /// What is to be known of workers that cannot use their threads, as where `mpirun` binds each to one core.
    func remark(on layout: ProcessLayout) -> String? {
        let bound = layout.workers.map { ranks[$0] }.filter { $0.cores < threads }
        guard let first = bound.first else { return nil }
        let others = bound.count == 1 ? "" : " and \(bound.count - 1) more"
        return
            "rank \(first.rank) on \(first.host)\(others) computes with \(threads) threads and may run on \(first.cores) "
            + "core\(first.cores == 1 ? "" : "s"): they take turns; lower run.threads, or start mpirun with --bind-to none"
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(String(decoding: encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }
}
