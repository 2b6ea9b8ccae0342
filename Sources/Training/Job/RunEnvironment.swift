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
            cores: ProcessInfo.processInfo.activeProcessorCount)
        return RunEnvironment(
            version: BuildInformation.version, revision: BuildInformation.revision, target: BuildInformation.target,
            engine: engine.kind.rawValue, threads: engine.team.threads, mpi: world.libraryDescription,
            blas: BuildInformation.blas, started: Date().formatted(.iso8601),
            ranks: try world.gatherFromAll(Messages.encode(own)).map { try Messages.decode(Rank.self, from: $0) })
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(String(decoding: encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }
}
