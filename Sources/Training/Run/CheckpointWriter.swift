import Checkpoints
import Configurations
import Foundation
import Support

/// Writes a run's checkpoints into the folder that it has locked.
///
/// One that cannot be written ends nothing: the old ones stay, and it is tried again at the next and at the end of the
/// run. Belongs to the thread that works on snapshots, and after that to the one that waits for it.
final class CheckpointWriter {
    private let configuration: Configuration
    private let directory: RunDirectory
    private let lock: FileHandle
    private let origin: Origin
    /// The checkpoints that are this run's, as it found or made them: no other is written over or removed, should another
    /// run's folder have come into the place of its own.
    private var own: [Int: FileIdentity]
    /// The last checkpoint that was due and is not there, and why.
    private var missing: (checkpoint: Checkpoint?, reason: Failure)?
    /// The last checkpoint, where the links could not be made that name it.
    private var unnamed: (step: Int, best: BestScore?)?
    /// The last step whose audit found no difference, 0 before any; nil where steps are not audited. What is older than
    /// that is never in doubt: the newest such checkpoint stays.
    var lastAudit: Int?

    /// What a run's checkpoints say of where they come from.
    struct Origin {
        /// A digest of the images' names.
        let images: String
        /// `DatasetReview.contents`.
        let contents: String
        /// The run's identity.
        let run: String
    }

    /// - Parameters:
    ///   - directory: the run's folder as it is reached by `lock`.
    ///   - lock: keeps others out of it.
    init(configuration: Configuration, directory: RunDirectory, lock: FileHandle, origin: Origin) {
        self.configuration = configuration
        self.directory = directory
        self.lock = lock
        self.origin = origin
        own = Dictionary(
            uniqueKeysWithValues: directory.checkpointSteps.compactMap { step in
                FileIdentity(directory.checkpoint(step: step)).map { (step, $0) }
            })
    }

    private func isOwn(_ step: Int) -> Bool {
        own[step].map { $0 == FileIdentity(directory.checkpoint(step: step)) } ?? false
    }

    /// Writes a snapshot as a checkpoint; returns why that failed, nil where it is there.
    ///
    /// Throws where no other can be written either.
    func save(_ snapshot: Snapshot, best: BestScore?, isValidationDue: Bool) throws -> Failure? {
        var checkpoint = Checkpoint(
            configuration: configuration, state: snapshot.state, best: best, images: origin.images)
        checkpoint.contents = origin.contents
        checkpoint.run = origin.run
        checkpoint.isValidationDue = isValidationDue
        checkpoint.digest = snapshot.digest
        return try save(checkpoint)
    }

    private func save(_ checkpoint: Checkpoint) throws -> Failure? {
        var reason: Failure?
        // What fails once may not fail twice: a folder that was removed is made again.
        for _ in 0..<2 {
            guard !lock.isRemoved else {
                throw Failure.running(
                    "\(shownPath(directory.path)) was removed while the run was writing to it, and nothing can be saved there: "
                        + "start again with another --output")
            }
            do {
                try directory.create()
                let step = checkpoint.state.step
                let path = directory.checkpoint(step: step)
                guard isOwn(step) || FileIdentity(path) == nil else {
                    throw Failure.running("\(shownPath(path)) is none of this run's, and is not written over")
                }
                // Where the folder could not be synced the file has its name all the same.
                defer { own[step] = FileIdentity(path) }
                try checkpoint.write(to: path, by: directory.unfinishedCheckpoint)
                missing = nil
                return nil
            } catch {
                reason = Failure(wrapping: error)
            }
        }
        if let reason { missing = (checkpoint, reason) }
        return reason
    }

    /// Notes that a snapshot is not what a worker has handed over, and is no checkpoint.
    func reject(because reason: Failure) { missing = (nil, reason) }

    /// Tries once more to write what is missing; throws where the run's last weights are not there, or not named as such.
    func finish() throws {
        if let (checkpoint, reason) = missing {
            guard let checkpoint, try save(checkpoint) == nil else {
                throw Failure.running("the run's last weights could not be saved: \(reason.message)")
            }
            unnamed = (checkpoint.state.step, checkpoint.best)
        }
        guard let (step, best) = unnamed else { return }
        do { try adopt(step: step, best: best) } catch {
            throw Failure.running(
                "the run's last checkpoint, of step \(step), could not be named as the latest: \(Failure(wrapping: error).message)"
            )
        }
    }

    /// Takes a checkpoint that was written into the links, and removes the oldest.
    ///
    /// - Parameter isTrusted: whether it may stand in for others; else all of them stay.
    func adopt(step: Int, best: BestScore?, isTrusted: Bool = true) throws {
        unnamed = (step, best)
        try directory.adopt(
            step: step, best: best, keep: isTrusted ? configuration.checkpoint.keep : .max, audited: lastAudit,
            isOwn: isOwn)
        unnamed = nil
    }

    /// Takes a checkpoint away whose network was found to be of no use.
    func discard(step: Int) { if isOwn(step) { directory.discard(step: step) } }
}
