import Foundation
import Support

// Checkpoints whose weights are as a worker handed them over, and perhaps not what they should be, since that worker or
// another one computed wrongly. They are called otherwise from then on, `step-00000100.doubtful.safetensors`, so that they
// count as no checkpoint of the run any more. Whoever gives one its name back trusts it again.

extension Checkpoint {
    fileprivate static func doubtfulName(step: Int) -> String {
        fileName(step: step).replacingOccurrences(of: ".safetensors", with: doubtfulEnding)
    }

    static let doubtfulEnding = ".doubtful.safetensors"
}

extension SafetensorsFile {
    /// Throws `Failure.request` where the checkpoint is marked as doubtful.
    func checkDoubt() throws {
        guard place.hasSuffix(Checkpoint.doubtfulEnding) else { return }
        throw Failure.request(
            "\(path) is doubtful: an audit found that a machine computed wrongly, perhaps before this checkpoint was made; use "
                + "an earlier one of the run, or give it a name without .doubtful to trust it")
    }
}

extension RunDirectory {
    /// Takes checkpoints that are in doubt out of the run; the newest of the others is then the latest.
    package func doubt(steps: [Int]) throws {
        for step in steps {
            let path = "\(checkpoints)/\(Checkpoint.doubtfulName(step: step))"
            // One may be removed meanwhile that is no longer kept.
            guard rename(checkpoint(step: step), path) == 0 || errno == ENOENT else {
                throw Failure.running("\(shownPath(path)): \(Failure.writingReason(errno))")
            }
        }
        let best = (try? FileManager.default.destinationOfSymbolicLink(atPath: best)).flatMap(Checkpoint.step)
        if let best, steps.contains(best) { unlink(self.best) }
        nameLatest()
    }
}
