import Configurations
import Foundation
import Support

/// A sweep's folder: copies of what it was begun with, its trials, and its results.
struct SweepFolder {
    let path: String

    var trials: TrialFolder { TrialFolder(path: path) }
    var sweepCopy: String { "\(path)/sweep.yaml" }
    /// The base as it was when the sweep began; trials start from it, so that an edit reaches none of them.
    var baseCopy: String { "\(path)/base.yaml" }
    var results: String { "\(path)/results.csv" }
    var best: String { "\(path)/best.yaml" }

    /// What may change while a sweep lasts: results do not depend on it.
    private static let free: Set = ["parallel"]

    /// Makes the folder and its copies, or checks that they are of the same sweep.
    func prepare(sweepPath: String, basePath: String, resume: Bool) throws {
        let sweep = try Configuration.readText(path: sweepPath, what: "sweep")
        let base = try Configuration.readText(path: basePath, what: "base configuration")
        if trials.isThere, !resume {
            throw Failure.request("\(path): holds a sweep already: go on with --resume, or give this one another name")
        }
        try trials.create()
        // The sweep's copy is the last to be written: where it is missing, nothing has begun.
        guard FileManager.default.fileExists(atPath: sweepCopy) else {
            try SharedFile.write(base, to: baseCopy)
            try SharedFile.write(sweep, to: sweepCopy)
            return
        }
        try trials.check(copy: sweepCopy, against: sweep, of: sweepPath, what: "sweep", except: Self.free)
        try trials.check(copy: baseCopy, against: base, of: basePath, what: "sweep")
    }
}
