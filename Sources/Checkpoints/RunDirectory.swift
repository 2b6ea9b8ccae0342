import Foundation
import Support

/// A run's folder: the paths of its files, its lock, and the checkpoints that are kept.
public struct RunDirectory: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

    /// The same folder by its lock, `lock`: what is written here goes to the folder that is locked, whatever stands at its
    /// path by then. Where it was removed, and perhaps made anew by another run, writing fails.
    package func held(by lock: FileHandle) -> RunDirectory { RunDirectory(lock.folderPath) }

    public var configuration: String { "\(path)/config.yaml" }
    public var environment: String { "\(path)/environment.json" }
    public var metrics: String { "\(path)/metrics.jsonl" }
    public var log: String { "\(path)/train.log" }
    /// What the run was computed from and what came of it, once it has ended.
    public var provenance: String { "\(path)/provenance.json" }
    /// A timeline of all ranks, where `run.trace` asks for one.
    public var trace: String { "\(path)/trace.json" }
    public var checkpoints: String { "\(path)/checkpoints" }
    public var previews: String { "\(path)/previews" }
    /// TensorBoard's event files.
    public var tensorboard: String { "\(path)/tensorboard" }
    /// A link to the newest checkpoint.
    public var latest: String { "\(checkpoints)/latest" }
    /// A link to the checkpoint of the best validation.
    public var best: String { "\(checkpoints)/best" }

    /// Where a checkpoint, or a link to one, is made before it is moved into its folder: a kill leaves nothing half-written
    /// among the checkpoints. Only where that folder was moved to another file system is it made there.
    public var unfinishedCheckpoint: String {
        var (here, there) = (stat(), stat())
        let isElsewhere =
            stat(path, &here) == 0 && stat(checkpoints, &there) == 0 && here.st_dev != there.st_dev
        return "\(isElsewhere ? checkpoints : path)/checkpoint.part"
    }

    /// The file that a path to a model means: a run's folder stands for its best checkpoint, or its latest.
    ///
    /// Throws `Failure.request` for a folder without a checkpoint.
    public static func checkpointFile(at path: String) throws -> String {
        guard isFolder(path) == true else { return path }
        let run = RunDirectory(path)
        let manager = FileManager.default
        if let found = [run.best, run.latest].first(where: manager.fileExists) { return found }
        if isFolder("\(run.path)/fold-0") == true {
            throw Failure.request(
                "\(path) is a cross-validation: name the run of one of its folds, such as \(run.path)/fold-0")
        }
        guard !run.holdsRun else {
            throw Failure.request("\(path) holds a run that has no checkpoint yet: let it train to its first one")
        }
        let names = ((try? manager.contentsOfDirectory(atPath: path)) ?? []).sorted()
        if names.contains("saved_model.pb") {
            throw Failure.request("\(path) is a TensorFlow SavedModel: name a .safetensors file or the folder of a run")
        }
        let runs = names.filter { RunDirectory("\(run.path)/\($0)").holdsRun }
        let candidate = runs.first ?? names.last { $0.hasSuffix(".safetensors") }
        throw Failure.request(
            "\(path) is a folder that holds no run: name a run's folder or a .safetensors file"
                + (candidate.map { ", such as \(run.path)/\($0)" } ?? ""))
    }

    public func checkpoint(step: Int) -> String { "\(checkpoints)/\(Checkpoint.fileName(step: step))" }

    /// Whether a run has begun here.
    public var holdsRun: Bool { FileManager.default.fileExists(atPath: configuration) }

    /// Refuses a folder that cannot be made or written, before anything is computed for it.
    public func checkWritable() throws {
        let manager = FileManager.default
        var folder = path
        var isFolder: ObjCBool = false
        while !manager.fileExists(atPath: folder, isDirectory: &isFolder) {
            // Not Foundation's deletingLastPathComponent, which traps where the path is one character.
            let slash = folder.lastIndex(of: "/")
            folder = slash.map { $0 == folder.startIndex ? "/" : String(folder[..<$0]) } ?? "."
        }
        guard isFolder.boolValue else {
            throw Failure.request("the run cannot be written to \(path): \(folder) is a file; choose another --output")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw Failure.request(
                "the run cannot be written to \(path): \(Failure.systemReason(errno)) on \(folder); choose another --output"
            )
        }
    }

    /// Makes the folder and those in it.
    public func create() throws {
        for folder in [checkpoints, previews] {
            try makeFolder(
                folder, called: shownPath(folder), advice: "check the folder's permissions, or choose another --output")
        }
    }

    /// The steps of the checkpoints that are there, ascending.
    public var checkpointSteps: [Int] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
        return files.compactMap(Checkpoint.step).sorted()
    }

    /// What to do once a rank is lost; where nothing was saved yet, that begins at step 0.
    package var adviceAfterFault: String { "go on with --resume \(path)" }

    /// Whether a checkpoint is there; throws where there was one and none can be seen.
    package func hasCheckpoint() throws -> Bool {
        if !checkpointSteps.isEmpty { return true }
        let manager = FileManager.default
        let wasSaved = (try? manager.destinationOfSymbolicLink(atPath: latest)) != nil
        guard !wasSaved, manager.fileExists(atPath: checkpoints) else { throw Self.nothingToResume(path) }
        return false
    }

    static func nothingToResume(_ path: String) -> Failure {
        .request(
            "\(path) has no checkpoint to resume from, though one was saved: bring its checkpoints folder back, or start again with another --output"
        )
    }

    /// The identity of the run that began here, which its checkpoints carry too; nil where none is noted.
    package var identity: String? {
        struct Noted: Decodable { let run: String? }
        guard let data = FileManager.default.contents(atPath: environment) else { return nil }
        return (try? JSONDecoder().decode(Noted.self, from: data))?.run
    }

    /// The newest checkpoint of this run that is whole, and why newer ones were passed over. One that says it is of another
    /// run, copied here say, is taken only where there is none of this run.
    public func newestCheckpoint() throws -> (checkpoint: Checkpoint, damage: [String]) {
        var failures: [Failure] = []
        var other: (checkpoint: Checkpoint, damage: [String])?
        let identity = identity
        for step in checkpointSteps.reversed() {
            let path = checkpoint(step: step)
            do {
                let checkpoint = try Checkpoint(reading: path)
                guard let identity, let run = checkpoint.run, run != identity else {
                    return (checkpoint, failures.map(\.message))
                }
                if other == nil { other = (checkpoint, failures.map(\.message)) }
                failures.append(.request("\(path) is of another run than the one that began in this folder"))
            } catch let failure as Failure {
                failures.append(failure)
            }
        }
        if let other { return other }
        throw failures.first ?? Self.nothingToResume(path)
    }

    /// The steps of the checkpoints right before one that are still to be validated too, ascending.
    package func stepsDue(before step: Int) -> [Int] {
        checkpointSteps.reversed().drop { $0 >= step }.prefix { step in
            (try? Checkpoint(reading: checkpoint(step: step)))?.isValidationDue == true
        }.reversed()
    }

    /// Keeps other processes out of the folder for as long as the handle lives, and clears away what a killed one left
    /// half-written.
    ///
    /// - Parameters:
    ///   - patience: seconds to wait for a process that is about to end.
    ///   - isWanted: asked while waiting; false ends it.
    package func lock(patience: Double = 0, while isWanted: () -> Bool = { true }) throws -> FileHandle {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw InputFile.failure(errno, called: "the run's folder \(path)")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard handle.lock(patience: patience, while: isWanted) else {
            throw Failure.request(
                "\(path) is in use by another process: wait until it ends, or choose another --output")
        }
        for folder in [path, checkpoints, previews] {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where name.hasSuffix(".part") {
                unlink("\(folder)/\(name)")
            }
        }
        return handle
    }

    /// Takes a checkpoint that was just written into the links, and removes the oldest beyond `keep`. The best stays, and
    /// where none is known any more the one that the link names.
    ///
    /// Later ones, which a resume has passed over since they are damaged, do not count.
    ///
    /// - Parameters:
    ///   - audited: the step up to which no doubt can come up any more: the newest checkpoint up to there stays too; nil
    ///     where none ever comes up.
    ///   - isOwn: whether the run may remove the checkpoint of a step.
    public func adopt(
        step: Int, best: BestScore?, keep: Int, audited: Int? = nil, isOwn: (_ step: Int) -> Bool = { _ in true }
    ) throws {
        let links = Result {
            try link(latest, to: step)
            if let best, FileManager.default.fileExists(atPath: checkpoint(step: best.step)) {
                try link(self.best, to: best.step)
            }
        }
        let named = try? FileManager.default.destinationOfSymbolicLink(atPath: self.best)
        let certain = audited.flatMap { audited in checkpointSteps.last { $0 <= audited } }
        let kept = [best?.step, named.flatMap(Checkpoint.step), certain]
        let old = checkpointSteps.filter { $0 <= step && !kept.contains($0) && isOwn($0) }.dropLast(max(keep, 1))
        for step in old { unlink(checkpoint(step: step)) }
        try links.get()
    }

    private func link(_ path: String, to step: Int) throws {
        try AtomicFile.link(path, to: Checkpoint.fileName(step: step), by: unfinishedCheckpoint)
    }

    /// Takes a checkpoint away that has turned out to be of no use; the newest of the others is then the latest.
    package func discard(step: Int) {
        unlink(checkpoint(step: step))
        nameLatest()
    }

    /// Has the link name the newest checkpoint that is there.
    func nameLatest() {
        if let newest = checkpointSteps.last { try? link(latest, to: newest) } else { unlink(latest) }
    }
}
