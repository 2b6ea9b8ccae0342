import Checkpoints
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
    /// The step of the best validation, whose checkpoint `best` names; nil where there was none.
    let best: Int?
    /// The last checkpoint's, by `CheckpointMetadata.programKeys`: `version`, `revision`, `engine_version`, …
    let program: [String: String]
    let configuration: File
    /// The weights that the run began with; nil where it drew them itself.
    let initialWeights: File?
    /// Images and labels, of training and validation.
    let inputs: [File]
    let checkpoints: [State]
    let log: File

    enum CodingKeys: String, CodingKey {
        case format, run, step, best, program, configuration, inputs, checkpoints, log
        case initialWeights = "initial_weights"
    }

    /// Reads what a run that has ended consists of.
    ///
    /// - Parameters:
    ///   - inputs: the images and labels that it was computed from.
    ///   - initialWeights: as they were when the run began.
    init(of directory: RunDirectory, inputs: [String], initialWeights: File?) throws {
        var metadata: CheckpointMetadata?
        checkpoints = try directory.checkpointSteps.map { step in
            let path = directory.checkpoint(step: step)
            metadata = try SafetensorsFile(reading: path).checkpoint
            return State(
                step: step, file: try File(path, as: directory.name(of: path)), state: metadata?.stateDigest ?? "")
        }
        guard let metadata else { throw Failure.running("\(shownPath(directory.path)) has no checkpoint") }
        run = metadata.run ?? ""
        step = metadata.step
        best = directory.named(by: directory.best)
        program = metadata.program
        configuration = try File(directory.configuration, as: directory.name(of: directory.configuration))
        log = try File(directory.metrics, as: directory.name(of: directory.metrics))
        self.inputs = try Set(inputs).sorted().map { try File($0, as: $0) }
        self.initialWeights = initialWeights
    }

    /// Reads the file; nil where there is none.
    init?(reading path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
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

    // MARK: - Comparing

    /// What is not as it was, a sentence each.
    ///
    /// - Parameters:
    ///   - directory: the run's.
    ///   - inputs: the images and labels that its configuration names; nil where they cannot be listed.
    ///   - isFromBeginning: whether the weights that the run began with matter.
    ///   - progress: told how many files were compared.
    func differences(
        in directory: RunDirectory, inputs named: [String]?, isFromBeginning: Bool, progress: (Int) throws -> Void
    ) throws -> [String] {
        var done = 0
        func difference(_ file: File, at path: String) throws -> String? {
            try progress(done)
            done += 1
            return try file.difference(at: path)
        }
        var found: [String] = []
        for (file, path) in [(configuration, directory.configuration), (log, directory.metrics)] {
            found += [try difference(file, at: path)].compactMap(\.self)
        }
        for checkpoint in checkpoints {
            let path = directory.checkpoint(step: checkpoint.step)
            if let words = try difference(checkpoint.file, at: path) { found.append(words) }
        }
        found += try inputs.compactMap { try difference($0, at: $0.file) }
        if isFromBeginning, let weights = initialWeights {
            found += [try difference(weights, at: weights.file)].compactMap(\.self)
        }
        guard found.isEmpty else { return found }
        return try contradictions(in: directory, inputs: named)
    }

    /// What the record says of files that are as they were, and they do not; and files that it does not know.
    private func contradictions(in directory: RunDirectory, inputs named: [String]?) throws -> [String] {
        func isNew(_ path: String) -> String { "\(shownPath(path)) was not there when the run ended" }
        let known = Set(checkpoints.map(\.step))
        var found = directory.checkpointSteps.filter { !known.contains($0) }.map {
            isNew(directory.checkpoint(step: $0))
        }
        if let named {
            let listed = Set(inputs.map(\.file))
            found += Set(named).subtracting(listed).sorted().map(isNew)
            found += listed.subtracting(named).sorted().map { "\($0) is no image or label of the run's configuration" }
        }
        for (link, step) in [(directory.best, best), (directory.latest, self.step)]
        where directory.named(by: link) != step {
            found.append("\(shownPath(link)) does not name the checkpoint that it named when the run ended")
        }
        guard found.isEmpty else { return found }
        let now = try Provenance(of: directory, inputs: inputs.map(\.file), initialWeights: initialWeights)
        return now == self ? [] : ["\(shownPath(directory.provenance)) says of the run what its checkpoints do not"]
    }
}

extension RunDirectory {
    /// A path within the folder.
    fileprivate func name(of path: String) -> String { String(path.dropFirst(self.path.count + 1)) }

    /// The step of the checkpoint that a link names; nil where it names none.
    fileprivate func named(by link: String) -> Int? {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { return nil }
        return checkpointSteps.first { Checkpoint.fileName(step: $0) == target }
    }
}

extension Provenance.File {
    init(_ path: String, as name: String, isStopped: () -> Bool = { false }) throws {
        let (bytes, digest) = try SHA256.ofFile(path, isStopped: isStopped)
        self.init(file: name, bytes: bytes, sha256: digest)
    }

    /// What is otherwise about the file at a path; nil where nothing is. Throws where a signal ends the comparison.
    fileprivate func difference(at path: String) throws -> String? {
        do {
            let size = try InputFile(path, called: shownPath(path)).size
            let now = size == bytes ? try Self(path, as: file, isStopped: { StopSignal.isRaised }) : nil
            return now == self ? nil : "\(shownPath(path)) was changed since the run ended"
        } catch let failure as Failure where failure.kind != .stopped { return failure.message }
    }
}
