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
    /// The last checkpoint that was due and is not there, and why.
    private var missing: (checkpoint: Checkpoint?, reason: Failure)?

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
                let path = directory.checkpoint(step: checkpoint.state.step)
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

    /// Tries once more to write what is missing; throws where the run's last weights are not there.
    func finish() throws {
        guard let (checkpoint, reason) = missing else { return }
        guard let checkpoint, try save(checkpoint) == nil else {
            throw Failure.running("the run's last weights could not be saved: \(reason.message)")
        }
        try adopt(step: checkpoint.state.step, best: checkpoint.best)
    }

    /// Takes a checkpoint that was written into the links, and removes the oldest.
    func adopt(step: Int, best: BestScore?) throws {
        try directory.adopt(step: step, best: best, keep: configuration.checkpoint.keep)
    }
}
