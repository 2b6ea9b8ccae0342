import Checkpoints
import Configurations
import Datasets
import Foundation

/// The task that `lockstep train` without a configuration trains on: synthetic touching cells. `configs/sample.yaml` is
/// the same task as a file, to start sweeps from.
package enum SampleTask {
    /// The configuration, and the folder of the images beside the run's.
    package static func configuration(settings: [String], output: String?) throws -> Configuration {
        // The images lie beside the run, so that a second run finds them.
        let plain = try Configuration.decode(yaml: yaml(root: "sample-data"), name: "sample task", settings: settings)
        let directory = output ?? "\(plain.run.output)/\(plain.name)"
        let root = plain.data.root == "sample-data" ? "\(RunDirectory(directory).path)-data" : plain.data.root
        return try Configuration.decode(
            yaml: yaml(root: root), name: "sample task", settings: settings)
    }

    private static let images = 40
    private static let side = 192

    /// Draws the images, unless they are there.
    static func makeData(_ configuration: Configuration) throws {
        let root = configuration.data.root
        guard !FileManager.default.fileExists(atPath: "\(root)/labels") else { return }
        try SyntheticCells(size: side, classes: 2, seed: 1).write(count: images, to: root)
    }

    private static func yaml(root: String) -> String {
        """
        name: sample
        model: {base_channels: 8, depth: 3, dropout: 0, class_names: [background, cell]}
        data:
          root: '\(root.replacingOccurrences(of: "'", with: "''"))'
          train: {images: images, labels: labels}
          validation: {fraction: 0.2}
          labels: binary
          tile: 188
        optimizer: {learning_rate: 0.03, momentum: 0.9, schedule: {kind: polynomial, power: 0.9, warmup_steps: 20}}
        training: {steps: 300, batch: 4}
        checkpoint: {every: 100}
        validation: {every: 50}
        """
    }
}
