import Checkpoints
import Communication
import Datasets
import Foundation
import Support
import TestSupport
import Testing
import Training

/// The suites that train; one after the other, since each uses as many threads as there are ranks.
@Suite(.serialized) enum TrainingRuns {}

/// A data set and a network so small that a run takes a fraction of a second, in a folder that goes away with the value.
final class TinyTask: Sendable {
    let folder: TemporaryFolder

    /// The images and labels, drawn once.
    private static let data = Result {
        let data = try TemporaryFolder()
        try SyntheticCells(size: 64, classes: 2, seed: 3).write(count: 7, to: data.path)
        return try data.files()
    }

    init() throws {
        folder = try TemporaryFolder()
        for (name, data) in try Self.data.get() { try folder.write(data, to: "data/\(name)") }
        try FileManager.default.createDirectory(atPath: memory(0).folder, withIntermediateDirectories: true)
    }

    /// A machine's memory that outlives jobs.
    func memory(_ machine: Int) -> MemoryFolder { MemoryFolder(folder: folder.path("memory-\(machine)")) }

    func image(_ number: Int) -> String { folder.path("data/images/\(SyntheticCells.fileName(number))") }

    /// Five training images, two for validation; batches that reach over the ends of epochs; dropout.
    private var configuration: String {
        """
        name: tiny
        seed: 5
        model: {base_channels: 2, depth: 1, dropout: 0.5}
        data:
          root: \(folder.path("data"))
          train: {images: images, labels: labels}
          validation: {fraction: 0.3}
          labels: binary
          tile: 44
        optimizer: {learning_rate: 0.02, momentum: 0.9}
        training: {steps: 6, batch: 5}
        checkpoint: {every: 2, keep: 100}
        validation: {every: 3}
        run: {replica_check_every: 1}

        """
    }

    /// How a rank ended.
    typealias Ending = Result<TrainingResult, Failure>

    /// Trains on every rank until each has ended by itself; one that waits for the others in vain is a hang, which fails.
    ///
    /// - Parameters:
    ///   - machine: the number of a rank's machine.
    ///   - wrap: puts a communicator of a test's own in the place of a rank's.
    func endings(
        _ request: TrainingRequest, ranks: Int, machine: @escaping @Sendable (_ rank: Int) -> Int = { _ in 0 },
        wrap: @escaping @Sendable (any Communicator) -> any Communicator = { $0 }
    ) throws -> [Ending] {
        @Sendable func end(_ world: any Communicator) throws -> Ending {
            do {
                let job = TrainingJob(
                    world: wrap(world), localRanks: ranks, console: Console(silent: true),
                    memory: memory(machine(world.rank)))
                return .success(try job.run(request))
            } catch let failure as Failure where !failure.message.contains("in vain") {
                return .failure(failure)
            }
        }
        if ranks == 1 { return [try end(SoloCommunicator())] }
        return try ThreadCommunicator.run(size: ranks, timeout: 30) { try end($0) }
    }

    /// A request for a run in the folder `name`.
    func request(_ name: String, _ settings: [String] = []) throws -> TrainingRequest {
        let path = try folder.write(configuration, to: "\(name).yaml")
        return TrainingRequest(configuration: path, settings: settings, output: folder.path(name))
    }

    /// Trains to the end in the folder `name`.
    @discardableResult
    func train(_ name: String, ranks: Int = 1, _ settings: [String] = []) throws -> Run {
        for ending in try endings(request(name, settings), ranks: ranks) { _ = try ending.get() }
        return run(name)
    }

    /// Goes on to the end with the run in the folder `name`.
    @discardableResult
    func resume(_ name: String, ranks: Int = 1, _ settings: [String] = []) throws -> Run {
        let request = TrainingRequest(settings: settings, resume: folder.path(name))
        for ending in try endings(request, ranks: ranks) { _ = try ending.get() }
        return run(name)
    }

    /// The failure with which every rank of a run ends, the same on all.
    func failure(
        _ request: TrainingRequest, ranks: Int,
        wrap: @escaping @Sendable (any Communicator) -> any Communicator = { $0 },
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Failure {
        let failures = try endings(request, ranks: ranks, wrap: wrap).map { ending -> Failure in
            switch ending {
            case .success: throw Unexpected("a rank ended well")
            case .failure(let failure): failure
            }
        }
        #expect(Set(failures.map(\.message)).count == 1, "\(failures)", sourceLocation: sourceLocation)
        #expect(Set(failures.map(\.kind)).count == 1, "\(failures)", sourceLocation: sourceLocation)
        #expect(!failures[0].message.contains("\n"), "\(failures[0])", sourceLocation: sourceLocation)
        return failures[0]
    }

    func run(_ name: String) -> Run { Run(folder: folder, directory: RunDirectory(folder.path(name))) }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}

/// What a run has left in its folder.
struct Run {
    /// Goes away with the last value that needs it.
    let folder: TemporaryFolder
    let directory: RunDirectory

    /// SHA-256 of the newest checkpoint's weights.
    var digest: String { get throws { try SafetensorsFile(reading: directory.latest).weightsDigest } }

    func digest(step: Int) throws -> String {
        try SafetensorsFile(reading: directory.checkpoint(step: step)).weightsDigest
    }

    /// Writes a checkpoint anew with other metadata, as if it had been written so.
    func reseal(step: Int, _ changes: [String: String]) throws {
        let path = directory.checkpoint(step: step)
        let file = try SafetensorsFile(reading: path)
        let sources = file.tensors.map { tensor in
            SafetensorsFile.Source(name: tensor.name, shape: tensor.shape) { base in
                for (i, value) in file.values(tensor).enumerated() { base[i] = value }
            }
        }
        let metadata = file.metadata.merging(changes) { $1 }
        try SafetensorsFile.write(sources, metadata: CheckpointMetadata.sealed(metadata), to: path)
    }

    /// The events of a kind in `metrics.jsonl`, in its order.
    func events(_ kind: String) throws -> [[String: Any]] {
        try String(contentsOfFile: directory.metrics, encoding: .utf8).split(separator: "\n").compactMap { line in
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return event?["event"] as? String == kind ? event : nil
        }
    }

    func steps(_ kind: String) throws -> [Int] { try events(kind).compactMap { $0["step"] as? Int } }

    /// Loss, gradient norm and learning rate of each step.
    var losses: [[Double?]] {
        get throws {
            try events("train").map { event in
                ["loss", "gradient_norm", "learning_rate"].map { event[$0] as? Double }
            }
        }
    }

    /// Steps and scores of the validations.
    var validations: [[Double?]] {
        get throws {
            try events("validation").map { event in
                ["step", "loss", "iou", "pixel_error"].map { event[$0] as? Double }
            }
        }
    }
}
