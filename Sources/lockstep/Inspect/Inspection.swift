import Checkpoints
import Configurations
import Foundation
import Images
import Support

/// Summary of a checkpoint, a data set or an image, for `lockstep inspect`.
enum Inspection: Encodable {
    case checkpoint(CheckpointSummary)
    case dataSet(DataSetSummary)
    case image(ImageSummary)

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .checkpoint(let summary): try summary.encode(to: encoder)
        case .dataSet(let summary): try summary.encode(to: encoder)
        case .image(let summary): try summary.encode(to: encoder)
        }
    }

    /// Looks at a `.safetensors` file, a run's folder (its newest checkpoint), a configuration (its images), an image, or a
    /// folder of images, with labels where it has the folders `images` and `labels`.
    ///
    /// - Parameter settings: `KEY=VALUE` overrides of a configuration.
    init(of path: String, settings: [String]) throws {
        guard let isFolder = Support.isFolder(path) else {
            throw Failure.request(
                "\(path) does not exist: name a checkpoint, a run, a configuration, an image or a folder of images")
        }
        let isConfiguration = !isFolder && [".yaml", ".yml"].contains(where: path.hasSuffix)
        guard isConfiguration || settings.isEmpty else {
            throw Failure.request("--set overrides a key of a configuration, and \(path) is none: leave it out")
        }
        if isConfiguration {
            self = .dataSet(try DataSetSummary(configuration: try Configuration.load(path: path, settings: settings)))
        } else if isFolder, RunDirectory(path).holdsRun {
            let run = RunDirectory(path)
            // What else such a folder may be is refused by its name.
            if Support.isFolder(run.checkpoints) != true { _ = try RunDirectory.checkpointFile(at: path) }
            self = .checkpoint(try CheckpointSummary(run.latest, of: run))
        } else if isFolder {
            self = .dataSet(try DataSetSummary(folder: path))
        } else if ImageFile.isNamedImage((path as NSString).lastPathComponent) {
            self = .image(try ImageSummary(path))
        } else {
            self = .checkpoint(try CheckpointSummary(path, of: nil))
        }
    }
}
