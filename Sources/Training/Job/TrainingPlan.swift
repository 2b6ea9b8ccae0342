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
    /// How many training samples are drawn as pictures before the first step.
    public var previews: Int

    public init(
        configuration: String? = nil, settings: [String] = [], output: String? = nil, resume: String? = nil,
        isDryRun: Bool = false, previews: Int = 0
    ) {
        self.configuration = configuration
        self.settings = settings
        self.output = output
        self.resume = resume
        self.isDryRun = isDryRun
        self.previews = previews
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
        } else if directory.holdsRun {
            throw Failure.request(
                "\(directory.path) holds a run already: go on with --resume \(directory.path), or choose another folder with --output"
            )
        }
        try directory.checkWritable()
        if request.configuration == nil && request.resume == nil {
            guard !request.isDryRun else {
                throw Failure.request("--dry-run without a configuration: the sample task draws its images first")
            }
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
