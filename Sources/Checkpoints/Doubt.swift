import Foundation
import Support

// Checkpoints whose weights are as a worker handed them over, and perhaps not what they should be: a file beside each,
// `step-00000100.doubtful`, says why. Whoever removes that file trusts the checkpoint again.

extension Checkpoint {
    /// The mark of a checkpoint, by its file.
    static func doubtMark(of path: String) -> String? {
        let suffix = ".safetensors"
        guard path.hasSuffix(suffix) else { return nil }
        return path.dropLast(suffix.count) + ".doubtful"
    }
}

extension SafetensorsFile {
    /// Throws `Failure.request` where the checkpoint is marked as doubtful.
    func checkDoubt() throws {
        guard let mark = Checkpoint.doubtMark(of: place), access(mark, F_OK) == 0 else { return }
        let reason = try InputFile(mark, called: mark).contents(atMost: 1 << 16, as: "a mark")
        throw Failure.request(
            "\(path) is marked as doubtful: \(String(decoding: reason, as: UTF8.self).trimmingCharacters(in: .newlines)); use "
                + "another checkpoint of the run, or remove \(shownPath(mark)) to use this one")
    }
}

extension RunDirectory {
    /// Marks checkpoints as doubtful.
    package func doubt(steps: [Int], because reason: String) throws {
        for mark in steps.compactMap({ Checkpoint.doubtMark(of: checkpoint(step: $0)) }) {
            try AtomicFile.write(reason + "\n", to: mark)
        }
    }

    /// Takes a checkpoint's mark away, which was of another one.
    package func trust(step: Int) {
        if let mark = Checkpoint.doubtMark(of: checkpoint(step: step)) { unlink(mark) }
    }
}
