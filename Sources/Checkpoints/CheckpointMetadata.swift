import Configurations
import Foundation
import Kernels
import Support

/// What a checkpoint says beside its tensors, in the metadata of its file.
///
/// Two hashes seal a checkpoint, both SHA-256 in lower-case hexadecimal. `lockstep.state_sha256` is
/// `TrainingState.digest`, made by a worker. `lockstep.metadata_sha256`, made when all else is there, is over every other
/// key and value of the metadata: the keys' UTF-8 in ascending order, each as `key NUL value NUL`.
public struct CheckpointMetadata {
    /// The program that wrote it and what that ran on, by the keys of `programKeys`.
    public let program: [String: String]
    /// The run's effective configuration, and its YAML as it stands there.
    public let configuration: Configuration
    public let yaml: String
    /// Steps done.
    public let step: Int
    /// Seconds of training so far.
    public let elapsed: Double
    /// The best score of the run so far.
    public let best: BestScore?
    /// `SamplePair.digest` of the run's images.
    package let images: String?
    /// `DatasetReview.contents` of the run's images.
    package let contents: String?
    /// The run's identity.
    package let run: String?
    /// Whether a validation of this very state is still to come.
    package let isValidationDue: Bool
    /// `TrainingState.digest`; nil in a checkpoint of a version that wrote none.
    public let stateDigest: String?

    /// What is known of the program: `version`, `revision`, …
    public static let programKeys = ["version", "revision", "target", "engine", "engine_version", "blas"]
    private static let prefix = "lockstep."
    /// From this version on every checkpoint is sealed.
    private static let firstSealed = [0, 3, 0]
    /// The keys of versions before it.
    private static let earlierKeys = [
        "version", "revision", "target", "engine", "blas", "configuration", "step", "elapsed_seconds", "images",
        "best_step", "best_value", "validations_since_best",
    ]

    /// Of a checkpoint that is about to be written.
    init(_ checkpoint: Checkpoint) {
        let configuration = checkpoint.configuration
        program = [
            "version": BuildInformation.version, "revision": BuildInformation.revision,
            "target": BuildInformation.target, "engine": configuration.run.engine.rawValue,
            "engine_version": String(Engine.version), "blas": BuildInformation.blas,
        ]
        self.configuration = configuration
        yaml = configuration.yaml
        (step, elapsed) = (checkpoint.state.step, checkpoint.state.elapsed)
        (best, images, contents) = (checkpoint.best, checkpoint.images, checkpoint.contents)
        (run, isValidationDue) = (checkpoint.run, checkpoint.isValidationDue)
        stateDigest = checkpoint.digest ?? checkpoint.state.digest
    }

    /// The metadata of the file, sealed.
    var values: [String: String] {
        var values = program
        values["configuration"] = yaml
        values["step"] = String(step)
        values["elapsed_seconds"] = String(elapsed)
        values["images"] = images
        values["contents"] = contents
        values["run"] = run
        if isValidationDue { values["validation_due"] = "true" }
        if let best {
            values["best_step"] = String(best.step)
            values["best_value"] = String(best.value)
            values["validations_since_best"] = String(best.validationsSince)
        }
        values["state_sha256"] = stateDigest
        var all = Dictionary(uniqueKeysWithValues: values.map { (Self.prefix + $0, $1) })
        all["format"] = "pt"
        return Self.sealed(all)
    }

    /// The metadata with their own hash.
    package static func sealed(_ metadata: [String: String]) -> [String: String] {
        metadata.merging([prefix + "metadata_sha256": digest(metadata)]) { $1 }
    }

    /// The seal of the metadata: of all but the seal itself.
    private static func digest(_ metadata: [String: String]) -> String {
        let hash = SHA256()
        let seal = prefix + "metadata_sha256"
        for (key, value) in metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        where key != seal {
            hash.update(Data("\(key)\0\(value)\0".utf8))
        }
        return hash.finish().hexadecimal
    }

    // MARK: - Reading

    /// Reads and verifies the metadata of a file that says it is ours; nil where it says nothing of the kind.
    ///
    /// Throws `Failure.request` where they are not as they were written, or are of another step than the file's name, and
    /// where the file is marked as doubtful.
    init?(_ file: SafetensorsFile) throws {
        let metadata = file.metadata.filter { $0.key.hasPrefix(Self.prefix) }
        func damaged(_ what: String) -> Failure {
            .request(
                "\(file.path) is damaged: \(what), as if a bit had flipped or the file had been edited: use another "
                    + "checkpoint of the run")
        }
        guard !metadata.isEmpty else {
            guard !file.holdsMomentum else { throw damaged("it has a run's momentum and does not say of which run") }
            return nil
        }
        try file.checkDoubt()
        func value(_ key: String) -> String? { metadata[Self.prefix + key] }
        let numbers = value("version")?.split(separator: ".").compactMap { Int($0) }
        guard let numbers, numbers.count == 3 else { throw damaged("it does not say which version wrote it") }
        if let seal = value("metadata_sha256"), value("state_sha256") != nil {
            guard seal == Self.digest(file.metadata) else { throw damaged("its metadata have another SHA-256") }
        } else {
            let known = Set(Self.earlierKeys.map { Self.prefix + $0 })
            guard numbers.lexicographicallyPrecedes(Self.firstSealed), known.isSuperset(of: metadata.keys) else {
                throw damaged("it lacks the hashes that version \(value("version") ?? "") writes")
            }
        }
        guard let yaml = value("configuration") else { throw damaged("it has no configuration") }
        self.yaml = yaml
        configuration = try Configuration.decode(yaml: yaml, name: file.path)

        /// A counter that a run can reach and go on from.
        func counter(_ key: String, upTo limit: Int) throws -> Int {
            guard let number = value(key).flatMap({ Int($0) }), (0...limit).contains(number) else {
                throw damaged("its \(key) is \(value(key) ?? "missing")")
            }
            return number
        }
        step = try counter("step", upTo: 1 << 53)
        guard let elapsed = value("elapsed_seconds").flatMap({ Double($0) }), elapsed.isFinite, elapsed >= 0 else {
            throw damaged("its elapsed_seconds are \(value("elapsed_seconds") ?? "missing")")
        }
        self.elapsed = elapsed
        if value("best_step") == nil {
            best = nil
        } else {
            guard let score = value("best_value").flatMap({ Double($0) }), score.isFinite else {
                throw damaged("its best_value is \(value("best_value") ?? "missing")")
            }
            best = BestScore(
                step: try counter("best_step", upTo: step), value: score,
                validationsSince: try counter("validations_since_best", upTo: step))
        }
        program = Dictionary(
            uniqueKeysWithValues: Self.programKeys.compactMap { key in value(key).map { (key, $0) } })
        (images, contents, run) = (value("images"), value("contents"), value("run"))
        isValidationDue = value("validation_due") != nil
        stateDigest = value("state_sha256")
        let name = file.place.split(separator: "/").last.map(String.init) ?? file.place
        if let named = Checkpoint.step(inName: name), named != step {
            throw damaged("it is of step \(step), and its name of step \(named)")
        }
    }

    // MARK: - What follows from it

    /// What is to be known of a checkpoint that cannot be verified; nil where it was.
    package func remark(on path: String) -> String? {
        stateDigest == nil
            ? "\(path) is of version \(program["version"] ?? ""), which wrote no hashes: it could not be verified" : nil
    }

    /// Why a run that goes on from here may have other bits than one that was never stopped; nil where it has the same.
    package func divergence(engine: Engine.Kind) -> String? {
        func differs(_ then: String, _ now: String) -> String {
            "\(then) and the run goes on with \(now): bits may differ from here from those of a run that was not stopped"
        }
        guard let then = program["engine"] else { return nil }
        if then != engine.rawValue { return differs("the checkpoint is of engine \(then)", engine.rawValue) }
        if engine == .openblas {
            guard let blas = program["blas"], blas != BuildInformation.blas else { return nil }
            return differs("the checkpoint was computed with \(blas)", BuildInformation.blas)
        }
        // Checkpoints that do not say it are of the first.
        let version = program["engine_version"] ?? "1"
        guard version != String(Engine.version) else { return nil }
        return differs("the checkpoint is of version \(version) of the engine", "version \(Engine.version)")
    }
}
