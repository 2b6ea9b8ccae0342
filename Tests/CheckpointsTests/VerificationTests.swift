import Checkpoints
import Configurations
import Foundation
import Inference
import Network
import Support
import TestSupport
import Testing

/// Checkpoints that are not as they were written are found, wherever the damage is.
@Suite struct VerificationTests {
    private let folder: TemporaryFolder
    private let path: String
    private let bytes: Data
    /// Where the tensors begin.
    private let tensors: Int

    init() throws {
        folder = try TemporaryFolder()
        path = try Self.write(in: folder, step: 7)
        bytes = try Data(contentsOf: URL(filePath: path))
        tensors = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    @discardableResult
    private static func write(in folder: TemporaryFolder, step: Int, run: String? = nil) throws -> String {
        let configuration = try Configuration.decode(
            yaml: """
                model: {base_channels: 2, depth: 1}
                data: {train: {images: a, labels: b}, tile: 44}
                training: {ema: 0.9}
                """, name: "test")
        let state = TrainingState(ParameterLayout(configuration.model.architecture), isAveraged: true)
        state.step = step
        state.elapsed = 12.5
        state.weights.initializeWeights(seed: 1)
        for i in 0..<state.momentum.count { state.momentum.base[i] = Float(i) / 100 }
        state.average?.initializeWeights(seed: 2)
        let directory = RunDirectory(folder.path("run"))
        try directory.create()
        var checkpoint = Checkpoint(
            configuration: configuration, state: state, best: BestScore(step: 5, value: 0.75, validationsSince: 1),
            images: "abc")
        checkpoint.run = run
        try checkpoint.write(to: directory.checkpoint(step: step))
        return directory.checkpoint(step: step)
    }

    /// Expects that everything that reads a checkpoint refuses it by name, in one line.
    private func expectRefusal(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
        func refused(_ reader: String, _ body: () throws -> Void) {
            do {
                try body()
                Issue.record("\(reader) believes it: \(what)", sourceLocation: sourceLocation)
            } catch let failure as Failure {
                #expect(failure.kind == .request && failure.message.hasPrefix(path), sourceLocation: sourceLocation)
                #expect(!failure.message.contains("\n"), "\(failure)", sourceLocation: sourceLocation)
            } catch { Issue.record("\(error): \(what)", sourceLocation: sourceLocation) }
        }
        refused("resume") { _ = try Checkpoint(reading: path) }
        for weights in TrainedModel.Weights.allCases {
            refused("predict") { _ = try TrainedModel(reading: path, weights: weights) }
        }
        refused("inspect") { _ = try SafetensorsFile(reading: path).verified() }
    }

    @Test func whatWasWrittenIsRead() throws {
        let checkpoint = try Checkpoint(reading: path)
        #expect(checkpoint.state.step == 7 && checkpoint.state.elapsed == 12.5 && checkpoint.images == "abc")
        #expect(checkpoint.best == BestScore(step: 5, value: 0.75, validationsSince: 1))
        #expect(checkpoint.metadata?.remark(on: path) == nil)
    }

    @Test("each of 128 bits, spread over every region of the file") func flips() throws {
        var random = SystemRandomNumberGenerator()
        func spread(_ region: Range<Int>, _ count: Int) -> [Int] {
            (0..<count).map { _ in Int.random(in: region, using: &random) }
        }
        let size = (bytes.count - tensors) / 3
        let places =
            Array(0..<8) + spread(8..<tensors, 72)
            + (0..<3).flatMap { spread(tensors + $0 * size..<tensors + ($0 + 1) * size, 16) }
        #expect(places.count == 128)
        for place in places {
            let bit = Int.random(in: 0..<8, using: &random)
            var damaged = bytes
            damaged[place] ^= 1 << bit
            try damaged.write(to: URL(filePath: path))
            expectRefusal("bit \(bit) of byte \(place), \(place < tensors ? "header" : "tensors")")
        }
    }

    @Test func aFileThatIsCutOff() throws {
        for count in stride(from: 0, to: bytes.count, by: 1000) {
            try bytes.prefix(count).write(to: URL(filePath: path))
            expectRefusal("\(count) bytes of \(bytes.count)")
        }
    }

    /// The file with a text of its header replaced by another of the same length.
    private func replace(_ old: String, _ new: String) throws {
        #expect(old.utf8.count == new.utf8.count)
        let range = try #require(bytes.range(of: Data(old.utf8)))
        try bytes.replacing(Array(bytes[range]), with: Array(new.utf8), maxReplacements: 1).write(
            to: URL(filePath: path))
    }

    @Test(
        "no damaged key or value is a way around",
        arguments: [
            ("lockstep.metadata_sha256", "lockstep.metadata_sha255"),
            ("lockstep.state_sha256", "lockstep.state_sha257"),
            ("lockstep.version", "lockstep.versiom"), ("\"0.5.0\"", "\"0.2.0\""), ("\"0.5.0\"", "\"0.1.9\""),
            ("\"lockstep.step\":\"7\"", "\"lockstep.step\":\"8\""), ("best_step\":\"5", "best_step\":\"4"),
            ("__metadata__", "__metadatb__"), ("validations_since_best\":\"1", "validations_since_best\":\"0"),
            ("elapsed_seconds\":\"12", "elapsed_seconds\":\"92"),
            ("\"lockstep.images\":\"abc\"", "\"lockstep.imagfs\":\"abc\""),
            ("\"format\":\"pt\"", "\"format\":\"pu\""),
        ]) func keys(old: String, new: String) throws
    {
        try replace(old, new)
        expectRefusal("\(old) → \(new)")
    }

    @Test func theStepInTheNameIsCompared() throws {
        let named = RunDirectory(folder.path("run")).checkpoint(step: 8)
        try FileManager.default.moveItem(atPath: path, toPath: named)
        for link in [named, folder.path("link.safetensors")] {
            if link != named { try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: named) }
            let failure = #expect(throws: Failure.self) { try Checkpoint(reading: link) }
            #expect(failure?.message.contains("of step 7, and its name of step 8") == true, "\(failure?.message ?? "")")
        }
        // Any other name is the user's affair.
        try FileManager.default.moveItem(atPath: named, toPath: folder.path("mine.safetensors"))
        #expect(try Checkpoint(reading: folder.path("mine.safetensors")).state.step == 7)
    }

    @Test("a live run's link may lead elsewhere once it was followed") func aLinkThatMoves() throws {
        let link = folder.path("latest")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let file = try SafetensorsFile(reading: link)
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: RunDirectory(folder.path("run")).checkpoint(step: 8))
        #expect(try file.verified()?.step == 7)
    }

    @Test("what is in doubt is no checkpoint of the run any more, and is refused under its new name")
    func doubt() throws {
        let run = RunDirectory(folder.path("run"))
        try Self.write(in: folder, step: 5)
        try run.adopt(step: 7, best: BestScore(step: 7, value: 1, validationsSince: 0), keep: 3)
        try run.doubt(steps: [7])
        #expect(run.checkpointSteps == [5])
        #expect(try run.newestCheckpoint().checkpoint.state.step == 5)
        #expect(try Checkpoint(reading: run.latest).state.step == 5)
        #expect(!FileManager.default.fileExists(atPath: run.best))
        let doubtful = "\(run.checkpoints)/step-00000007.doubtful.safetensors"
        let failure = #expect(throws: Failure.self) { try SafetensorsFile(reading: doubtful).verified() }
        #expect(failure?.kind == .request && failure?.message.hasPrefix("\(doubtful) is doubtful: ") == true)
        // Where nothing is left the run begins again.
        try run.doubt(steps: [5])
        #expect(try !run.hasCheckpoint())
        try FileManager.default.moveItem(atPath: doubtful, toPath: path)
        #expect(try run.newestCheckpoint().checkpoint.state.step == 7)
    }

    @Test("the newest checkpoint that an audit vouches for stays") func audited() throws {
        let run = RunDirectory(folder.path("run"))
        for step in [3, 4, 5, 6, 8, 9] { try Self.write(in: folder, step: step) }
        try run.adopt(step: 9, best: nil, keep: 2, audited: 5)
        #expect(run.checkpointSteps == [5, 8, 9])
        try run.adopt(step: 9, best: nil, keep: 1, audited: 8)
        #expect(run.checkpointSteps == [8, 9])
    }

    /// Rewrites the file as a version without hashes would have written it, with other metadata here and there.
    private func writeEarlier(_ changes: [String: String?] = [:]) throws {
        let file = try SafetensorsFile(reading: path)
        var metadata = file.metadata
        for key in ["state_sha256", "metadata_sha256", "engine_version"] { metadata["lockstep.\(key)"] = nil }
        metadata["lockstep.version"] = "0.2.0"
        for (key, value) in changes { metadata["lockstep.\(key)"] = value }
        let sources = file.tensors.map { tensor in
            SafetensorsFile.Source(name: tensor.name, shape: tensor.shape) { base in
                for (i, value) in file.values(tensor).enumerated() { base[i] = value }
            }
        }
        try SafetensorsFile.write(sources, metadata: metadata, to: path)
    }

    @Test func anEarlierVersionIsReadAndSaidToBeUnverified() throws {
        let digest = try Checkpoint(reading: path).state.digest
        try writeEarlier()
        let checkpoint = try Checkpoint(reading: path)
        #expect(checkpoint.state.digest == digest)
        #expect(checkpoint.metadata?.remark(on: path)?.contains("version 0.2.0, which wrote no hashes") == true)
        #expect(try TrainedModel(reading: path).parameters.count == checkpoint.state.weights.count)
    }

    @Test(
        "counters that no run reaches",
        arguments: [
            ("step", "-1"), ("step", "9223372036854775807"), ("step", "7.5"), ("step", nil), ("elapsed_seconds", "nan"),
            ("elapsed_seconds", "-1"), ("elapsed_seconds", "inf"), ("best_step", "8"), ("best_step", "-1"),
            ("best_value", "nan"), ("validations_since_best", "9223372036854775807"), ("version", "0.3.0"),
            ("version", "two"), ("version", nil), ("configuration", nil), ("mistaken", "1"),
        ] as [(String, String?)]) func counters(key: String, value: String?) throws
    {
        try writeEarlier([key: value])
        expectRefusal("\(key) = \(value ?? "nothing")")
    }

    @Test func aResumePassesOverWhatDoesNotHold() throws {
        for step in [8, 9] { try Self.write(in: folder, step: step) }
        let directory = RunDirectory(folder.path("run"))
        for (step, place) in [(9, bytes.count - 3), (8, 40)] {
            let path = directory.checkpoint(step: step)
            var damaged = try Data(contentsOf: URL(filePath: path))
            damaged[place] ^= 1
            try damaged.write(to: URL(filePath: path))
        }
        let (checkpoint, damage) = try directory.newestCheckpoint()
        #expect(checkpoint.state.step == 7 && damage.count == 2)
        #expect(
            damage[0].hasPrefix(directory.checkpoint(step: 9)) && damage[1].hasPrefix(directory.checkpoint(step: 8)))
    }

    @Test func anotherRunsCheckpointsComeLast() throws {
        let directory = RunDirectory(folder.path("run"))
        try folder.write("{\"run\": \"A\"}", to: "run/environment.json")
        try Self.write(in: folder, step: 8, run: "A")
        try Self.write(in: folder, step: 9, run: "B")
        let (checkpoint, damage) = try directory.newestCheckpoint()
        #expect(checkpoint.state.step == 8 && damage.count == 1 && damage[0].contains("is of another run"))
        // Where the folder has none of its own, or does not know who it is, the newest is right.
        unlink(directory.checkpoint(step: 8))
        unlink(path)
        #expect(try directory.newestCheckpoint().checkpoint.state.step == 9)
    }

    @Test func everyValueThatIsNotFiniteIsFound() throws {
        let state = try Checkpoint(reading: path).state
        #expect(state.isFinite)
        for buffer in state.buffers {
            for place in [0, 1, 7, 8, buffer.count / 2, buffer.count - 1] {
                for value in [Float.nan, .infinity, -.infinity, -.signalingNaN] {
                    let old = buffer.base[place]
                    buffer.base[place] = value
                    #expect(!state.isFinite)
                    buffer.base[place] = old
                }
            }
            buffer.base[0] = .greatestFiniteMagnitude
            #expect(state.isFinite)
        }
    }
}
