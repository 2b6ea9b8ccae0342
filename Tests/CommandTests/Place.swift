import Checkpoints
import Datasets
import Foundation
import TestSupport
import Testing

/// A working directory with a data set and a configuration, for tests that run the program.
final class Place: Sendable {
    let folder: TemporaryFolder

    /// The images and labels, drawn once.
    private static let data = Result {
        let data = try TemporaryFolder()
        try SyntheticCells(size: 64, classes: 2, seed: 3).write(count: 7, to: data.path)
        return try data.files()
    }

    init() throws {
        folder = try TemporaryFolder()
        for (name, data) in try Self.data.get() { try folder.write(data, to: "cells/\(name)") }
        try folder.write(Self.configuration, to: "cells.yaml")
    }

    /// Five training images, two for validation.
    private static let configuration = """
        name: cells
        model: {base_channels: 2, depth: 1}
        data:
          root: cells
          train: {images: images, labels: labels}
          validation: {fraction: 0.3}
          labels: binary
          tile: 44
        optimizer: {learning_rate: 0.02, momentum: 0.9}
        training: {steps: 6, batch: 5}
        checkpoint: {every: 2, keep: 100}
        validation: {every: 3}
        run: {replica_check_every: 2}

        """

    func run(_ arguments: [String], ranks: Int = 0) throws -> Program.Outcome {
        try Program.run(arguments, ranks: ranks, in: folder)
    }

    func start(_ arguments: [String], ranks: Int = 0) throws -> RunningProgram {
        try Program.start(arguments, ranks: ranks, in: folder)
    }

    /// Starts a script in `launch`, with the built program.
    func start(launch script: String, _ arguments: [String]) throws -> RunningProgram {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "launch/\(script)").path
        return try RunningProgram([path, "--program", Program.executable] + arguments, in: folder)
    }

    /// Runs the program, which must end well; returns what it printed.
    @discardableResult
    func succeed(
        _ arguments: [String], ranks: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Program.Outcome {
        let outcome = try run(arguments, ranks: ranks)
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        return outcome
    }

    /// The newest checkpoint's digest, as `inspect` says it.
    func digest(_ run: String) throws -> String {
        try #require(try succeed(["inspect", run, "--json"]).json["sha256"] as? String)
    }

    func steps(_ run: String) -> [Int] { RunDirectory(folder.path(run)).checkpointSteps }

    /// The events of a kind in a run's log.
    func events(_ run: String, _ kind: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: folder.path("\(run)/metrics.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").compactMap { line in
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return event?["event"] as? String == kind ? event : nil
        }
    }

    func losses(_ run: String) throws -> [Double] { try events(run, "train").compactMap { $0["loss"] as? Double } }

    /// Every file and folder below the working directory, with the files' sizes.
    func contents() throws -> Set<String> {
        let names = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []
        return Set(names.filter { !$0.hasPrefix("output-") })
    }
}
