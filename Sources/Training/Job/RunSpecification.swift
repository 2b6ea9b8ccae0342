import Checkpoints
import Communication
import Configurations
import Datasets
import Support

/// What a `lockstep train` asks for.
package struct TrainingRequest: Sendable {
    /// The configuration's file; nil for the built-in sample task, or for the run's own when resuming.
    package var configuration: String?
    /// `KEY=VALUE` overrides.
    package var settings: [String]
    /// The run's folder, where it is not `run.output`/`name`.
    package var output: String?
    /// The folder of a run to go on with.
    package var resume: String?
    /// Only look whether the run could begin.
    package var isDryRun: Bool
    /// Look at everything, even where a run stands in the folder already.
    package var isInspection: Bool
    /// How many training samples are drawn as pictures before the first step.
    package var previews: Int
    /// The step at which this start of the run ends, though the run is longer; nil: it trains to its end.
    package var until: Int?
    /// Only the weights are wanted, of a run that was validated before: no validation, not even of the last step.
    package var isReplay = false

    package init(
        configuration: String? = nil, settings: [String] = [], output: String? = nil, resume: String? = nil,
        isDryRun: Bool = false, isInspection: Bool = false, previews: Int = 0, until: Int? = nil
    ) {
        self.configuration = configuration
        self.settings = settings
        self.output = output
        self.resume = resume
        self.isDryRun = isDryRun
        self.isInspection = isInspection
        self.previews = previews
        self.until = until
    }

    /// The effective configuration that the request asks for.
    package func effectiveConfiguration() throws -> Configuration {
        if let configuration {
            return try Configuration.load(path: configuration, settings: settings)
        }
        if let resume {
            let directory = RunDirectory(resume)
            guard directory.holdsRun else {
                throw Failure.request("\(directory.path) holds no run to resume: name a run's folder")
            }
            return try Configuration.load(path: directory.configuration, settings: settings)
        }
        return try SampleTask.configuration(settings: settings, output: output)
    }
}

/// What a run trains on, with which configuration and where: made on rank 0 from the request, and the same on all ranks.
package struct RunSpecification: Codable {
    /// The effective configuration.
    package let yaml: String
    package let directory: String
    let isResume: Bool
    package let train: [SamplePair]
    package let validation: [SamplePair]
    /// What is to be known of how the images were found.
    package let remarks: [String]

    /// Reads the configuration and lists the images; everything about the request that can be wrong is found here or
    /// in the check of the images, before anything is written.
    package init(_ request: TrainingRequest, ranks: Int) throws {
        try self.init(request) { ProcessLayout(ranks: ranks, mode: $0).workers.count }
    }

    /// The run of so many workers, whatever ranks there are beside them.
    package init(_ request: TrainingRequest, workers: Int) throws { try self.init(request) { _ in workers } }

    private init(
        _ request: TrainingRequest, workers: (ProcessLayout.CoordinatorMode) -> Int
    ) throws {
        let configuration = try request.effectiveConfiguration()
        let workers = workers(configuration.run.coordinator)
        guard workers <= configuration.training.batch else {
            throw Failure.request(
                "\(workers) workers share a batch of \(configuration.training.batch) images: start at most \(configuration.training.batch) workers or raise training.batch"
            )
        }
        for (option, path) in [("--output", request.output), ("--resume", request.resume)] where path?.isEmpty == true {
            throw Failure.request("\(option) is empty: name a run's folder")
        }
        let directory = RunDirectory(
            request.resume ?? request.output ?? "\(configuration.run.output)/\(configuration.name)")
        if request.resume != nil {
            guard directory.holdsRun else {
                throw Failure.request("\(directory.path) holds no run to resume: name a run's folder")
            }
        } else if directory.holdsRun, !request.isInspection {
            throw Failure.request(
                "\(directory.path) holds a run already: go on with --resume \(directory.path.shellWord), or begin another with --output "
                    + nextFree(directory.path).shellWord
            )
        }
        try directory.checkWritable()
        if request.configuration == nil && request.resume == nil {
            guard !request.isDryRun else {
                throw Failure.request("--dry-run without a configuration: the sample task draws its images first")
            }
            try SampleTask.makeData(configuration)
        }
        (train, validation, remarks) = try configuration.samples()
        yaml = configuration.yaml
        self.directory = directory.path
        isResume = request.resume != nil
    }

    /// A SHA-256 of what the samples are called, in their order: another one means other images.
    var imagesDigest: String { SamplePair.digest(train, validation) }

    /// What is to be known of a run that goes on with other images than it began with.
    func remarkOnOtherImages(_ validation: Configuration.ValidationSource) -> String {
        let common =
            "the images are not those of the checkpoint: they are drawn in another order from here, and the best score is sought anew"
        if case .split(let split) = validation, split != .none {
            return common
                + "; the split is drawn anew too, and what was trained on may now be among the validation images"
        }
        return common
    }
}
