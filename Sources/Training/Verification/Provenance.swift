import Checkpoints
import Configurations
import Datasets
import Foundation
import Support

/// `provenance.json` of a run that has ended: what it was computed from and by, and what came of it. It goes with a result
/// that is published; `lockstep verify`, or any program that can hash a file, compares it with what is there.
///
/// All hashes are SHA-256 in lower-case hexadecimal. Paths of the run's own files are relative to its folder, those of inputs
/// as the configuration leads to them from the folder in which the run was started.
package struct Provenance: Codable, Equatable, Sendable {
    /// A file as it was.
    package struct File: Codable, Equatable, Sendable {
        let file: String
        let bytes: Int
        let sha256: String
    }

    /// A checkpoint as it was.
    package struct State: Codable, Equatable, Sendable {
        let step: Int
        let file: File
        /// `TrainingState.digest`: of the weights, momentum and averages, whatever the file looks like.
        let state: String
    }

    /// The version of this format.
    var format = 1
    /// The run's identity, which its checkpoints carry too.
    let run: String
    /// The steps that the run came to.
    let step: Int
    /// The last checkpoint's, by `CheckpointMetadata.programKeys`: `version`, `revision`, `engine_version`, …
    let program: [String: String]
    let configuration: File
    /// Images and labels, of training and validation, and the weights that the run began with where it was given some.
    let inputs: [File]
    let checkpoints: [State]
    let log: File

    /// Reads what a run that has ended consists of.
    ///
    /// - Parameter inputs: the files that it was computed from.
    init(of directory: RunDirectory, inputs: [String]) throws {
        func own(_ path: String) throws -> File {
            try File(path, as: String(path.dropFirst(directory.path.count + 1)))
        }
        var metadata: CheckpointMetadata?
        checkpoints = try directory.checkpointSteps.map { step in
            let path = directory.checkpoint(step: step)
            metadata = try SafetensorsFile(reading: path).checkpoint
            return State(step: step, file: try own(path), state: metadata?.stateDigest ?? "")
        }
        guard let metadata else { throw Failure.running("\(shownPath(directory.path)) has no checkpoint") }
        run = metadata.run ?? ""
        step = metadata.step
        program = metadata.program
        configuration = try own(directory.configuration)
        log = try own(directory.metrics)
        self.inputs = try Set(inputs).sorted().map { try File($0, as: $0) }
    }

    /// Reads the file; nil where there is none.
    init?(reading path: String) throws {
        guard access(path, F_OK) == 0 else { return nil }
        let data = try InputFile(path, called: shownPath(path)).contents(atMost: 1 << 30, as: "a provenance")
        do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
            throw Failure.request(
                "\(shownPath(path)) is damaged: it is not what a run writes; bring it back, or remove it")
        }
        guard format == 1 else {
            throw Failure.request(
                "\(shownPath(path)) is of format \(format), and this program knows 1: use a newer one")
        }
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }

    /// How many files it names.
    var count: Int { inputs.count + checkpoints.count + 2 }

    /// What is not as it was, a sentence each.
    ///
    /// - Parameter directory: the run's.
    func differences(in directory: RunDirectory) -> [String] {
        ([configuration, log] + checkpoints.map(\.file)).compactMap {
            $0.difference(at: "\(directory.path)/\($0.file)")
        }
            + inputs.compactMap { $0.difference(at: $0.file) }
    }
}

extension Provenance.File {
    fileprivate init(_ path: String, as name: String) throws {
        let (bytes, digest) = try SHA256.ofFile(path)
        self.init(file: name, bytes: bytes, sha256: digest)
    }

    /// What is otherwise about the file at a path; nil where nothing is.
    fileprivate func difference(at path: String) -> String? {
        do {
            let now = try Self(path, as: file)
            return now == self ? nil : "\(shownPath(path)) was changed since the run ended"
        } catch { return Failure(wrapping: error).message }
    }
}
