import Checkpoints
import Configurations
import Support

/// A cross-validation's folder: its configuration, the run of each fold, and the results.
package struct CrossValidationFolder: Sendable {
    let path: String

    init(path: String) { self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

    var trials: TrialFolder { TrialFolder(path: path) }
    /// The configuration of fold 0, which the other folds start from.
    var configuration: String { RunDirectory(path).configuration }
    var results: String { "\(path)/results.csv" }
    /// The scores of all images, each by the network that did not see it.
    var scores: String { "\(path)/scores.json" }

    static func name(ofFold fold: Int) -> String { "fold-\(fold)" }

    /// How many folds it has; nil where it is no cross-validation's folder.
    var folds: Int? {
        get throws {
            guard RunDirectory(path).holdsRun,
                case .split(.fold(_, let count)) = try Configuration.load(path: configuration).data.validation
            else { return nil }
            return count
        }
    }

    /// The models that a path means: a cross-validation's folder stands for all of its folds, anything else for itself.
    ///
    /// Throws `Failure.request` where a fold is not trained to its end.
    package static func models(at path: String) throws -> [String] {
        let folder = CrossValidationFolder(path: path)
        guard isFolder("\(folder.path)/\(name(ofFold: 0))") == true, let count = try folder.folds else { return [path] }
        return try (0..<count).map { fold in
            let trial = Trial(index: fold, name: name(ofFold: fold), settings: [])
            guard try TrialState(path: folder.trials.state(of: trial), schedule: .whole).rungs.last?.value != nil else {
                throw Failure.request(
                    "\(folder.path) is a cross-validation of \(count) folds, and \(trial.name) is not trained to its end: go on "
                        + "with lockstep crossvalidate … --resume, or name the folds to take, such as \(folder.path)/fold-0"
                )
            }
            return folder.trials.run(of: trial)
        }
    }
}
