import Communication
import Diagnostics
import Foundation
import Network
import Segmentation

/// What a `lockstep train` asks for.
public struct TrainingRequest: Sendable {
    /// The configuration's file; nil for the built-in sample task, or for the run's own when resuming.
    public var configuration: String?
    /// `KEY=VALUE` overrides.
    public var settings: [String]
    /// The run's folder, where it is not `run.output`/`name`.
    public var output: String?
    /// The folder of a run to go on with.
    public var resume: String?
    /// Only look whether the run could begin.
    public var isDryRun: Bool

    public init(
        configuration: String? = nil, settings: [String] = [], output: String? = nil, resume: String? = nil,
        isDryRun: Bool = false
    ) {
        self.configuration = configuration
        self.settings = settings
        self.output = output
        self.resume = resume
        self.isDryRun = isDryRun
    }
}

/// A run as rank 0 plans it and every rank carries it out.
struct TrainingPlan: Codable {
    /// The effective configuration.
    let yaml: String
    let directory: String
    let isResume: Bool
    let train: [SamplePair]
    let validation: [SamplePair]

    /// Reads the configuration and lists the images; everything about the request that can be wrong is found here or
    /// in the check of the images, before anything is written.
    init(_ request: TrainingRequest, ranks: Int) throws {
        let configuration = try Self.configuration(request)
        let workers = ProcessLayout(ranks: ranks, mode: configuration.run.coordinator).workers.count
        guard workers <= configuration.training.batch else {
            throw Failure.request(
                "\(workers) workers share a batch of \(configuration.training.batch) images: start at most \(configuration.training.batch) workers or raise training.batch"
            )
        }
        let directory = RunDirectory(
            request.resume ?? request.output ?? "\(configuration.run.output)/\(configuration.name)")
        if request.resume != nil {
            guard directory.holdsRun else {
                throw Failure.request("\(directory.path) holds no run to resume: name a run's folder")
            }
            _ = try directory.newestCheckpoint()
        } else if directory.holdsRun {
            throw Failure.request(
                "\(directory.path) holds a run already: go on with --resume \(directory.path), or choose another folder with --output"
            )
        }
        try directory.checkWritable()
        if request.configuration == nil && request.resume == nil {
            try SampleTask.makeData(configuration)
        }
        (train, validation) = try Self.pairs(configuration)
        yaml = configuration.yaml
        self.directory = directory.path
        isResume = request.resume != nil
    }

    private static func configuration(_ request: TrainingRequest) throws -> Configuration {
        if let path = request.configuration {
            return try Configuration.load(path: path, settings: request.settings)
        }
        if let run = request.resume {
            let directory = RunDirectory(run)
            guard directory.holdsRun else {
                throw Failure.request("\(directory.path) holds no run to resume: name a run's folder")
            }
            return try Configuration.load(path: directory.configuration, settings: request.settings)
        }
        return try SampleTask.configuration(settings: request.settings, output: request.output)
    }

    /// The training and validation images.
    static func pairs(_ configuration: Configuration) throws -> (train: [SamplePair], validation: [SamplePair]) {
        let data = configuration.data
        func pairs(_ folders: Configuration.ImageFolders) throws -> [SamplePair] {
            try SamplePair.inFolders(images: data.resolve(folders.images), labels: data.resolve(folders.labels))
        }
        let train = try pairs(data.train)
        switch data.validation {
        case .folders(let folders): return (train, try pairs(folders))
        case .split(let split): return try split.apply(to: train, seed: configuration.seed)
        }
    }
}

/// The task that `lockstep train` without a configuration trains on: synthetic touching cells.
public enum SampleTask {
    /// The configuration, and the folder of the images beside the run's.
    static func configuration(settings: [String], output: String?) throws -> Configuration {
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
