import Communication
import Configurations
import Datasets
import Foundation
import Inference
import Kernels
import Metrics
import Support

/// Trains a network for each fold of the training images, on the others, and scores every image by the network that did
/// not see it.
package struct CrossValidation: Sendable {
    /// What a cross-validation is asked for.
    package struct Request: Sendable {
        /// The configuration's file.
        package var configuration: String
        /// `KEY=VALUE` overrides.
        package var settings: [String]
        /// nil: as many as the folder has that is gone on with, else 5.
        package var folds: Int?
        /// Its folder, where it is not `crossvalidations`/`name`.
        package var output: String?
        package var resume: Bool
        /// Workers of each fold.
        package var workers: Int
        /// How often a fold that fails is started again.
        package var retries: Int
        /// Folds at a time; nil: one, or with hosts as many as there is room for.
        package var parallel: Int?
        package var hosts: HostFile?

        package init(
            configuration: String, settings: [String] = [], folds: Int? = nil, output: String? = nil,
            resume: Bool = false, workers: Int = 2, retries: Int = 1, parallel: Int? = nil, hosts: HostFile? = nil
        ) {
            self.configuration = configuration
            self.settings = settings
            self.folds = folds
            self.output = output
            self.resume = resume
            self.workers = workers
            self.retries = retries
            self.parallel = parallel
            self.hosts = hosts
        }
    }

    private let request: Request
    private let folder: CrossValidationFolder
    /// The configuration of fold 0.
    private let configuration: Configuration
    /// The held-back images of each fold.
    private let held: [[SamplePair]]
    private let plan: TrialPlan
    private let places: [TrialPlace]
    private let launcher: any TrialLauncher
    private let stop: StopRequest
    private let display: TrialDisplay
    private let patience: Double
    /// What the user should know of how the images were found.
    package let remarks: [String]

    /// Reads the configuration and lists the images; nothing is written yet.
    ///
    /// - Parameter patience: as `SweepRunner`'s.
    /// - Throws: a request's failure for whatever is wrong with them.
    package init(
        _ request: Request, launcher: any TrialLauncher, stop: StopRequest = StopRequest(),
        display: TrialDisplay = .standardError, patience: Double = 60
    ) throws {
        self.request = request
        (self.launcher, self.stop, self.display, self.patience) = (launcher, stop, display, patience)
        func configuration(_ settings: [String]) throws -> Configuration {
            try Configuration.load(path: request.configuration, settings: request.settings + settings)
        }
        let name = try configuration(["data.validation={fold: 0, of: 2}"]).name
        folder = CrossValidationFolder(path: request.output ?? "crossvalidations/\(name)")
        guard !folder.path.isEmpty else { throw Failure.request("--output is empty: name a folder") }
        let begun = request.resume && folder.trials.isThere ? try folder.folds : nil
        let folds = request.folds ?? begun ?? 5
        let trials = (0..<folds).map { fold in
            Trial(
                index: fold, name: CrossValidationFolder.name(ofFold: fold),
                settings: [Trial.Setting(key: "data.validation", value: "{fold: \(fold), of: \(folds)}")])
        }
        let configurations = try trials.map { try configuration($0.settings.map(\.text)) }
        self.configuration = configurations[0]
        let batch = configurations[0].training.batch
        guard request.workers <= batch else {
            throw Failure.request(
                "\(request.workers) workers share a batch of \(batch) images: give --workers \(batch) or fewer, or raise "
                    + "training.batch")
        }
        let data = configurations[0].data
        let samples = try data.train.samples(pages: data.pages, resolve: data.resolve)
        let seed = configurations[0].seed
        held = try (0..<folds).map {
            try DatasetSplit.fold($0, of: folds).apply(to: samples.pairs, seed: seed).validation
        }
        var remarks = samples.remarks
        // As the file has it, which need not make a whole configuration.
        if case .samples? = (try? configuration([]))?.data.validation {
            remarks.append(
                "the folds are parts of data.train; the images of data.validation take no part: predict and evaluate take the "
                    + "folds as one model for them")
        }
        self.remarks = remarks
        let metric = configurations[0].validation.metric
        plan = TrialPlan(
            title: "cross-validation \(name)", noun: "fold", trials: trials, configurations: configurations,
            base: folder.configuration, settings: [], schedule: .whole,
            objective: TrialObjective(metric: metric, direction: metric.largerIsBetter ? .maximize : .minimize),
            workers: request.workers, retries: request.retries)
        places = try SweepRunner.places(
            request.hosts, workers: request.workers, parallel: request.parallel, trials: folds)
    }

    /// Trains what is left of the folds, and scores all images once every fold is done.
    ///
    /// - Throws: a failure where it cannot go on at all; a fold that fails is in the summary.
    package func run() throws -> CrossValidationSummary {
        try prepare()
        let outcome = try TrialRunner(
            plan, in: folder.trials, launcher: launcher, stop: stop, display: display,
            watch: ClaimWatch(patience: patience)
        ) { states in try results(states).write(to: folder.results) }.run(at: places)
        let table = results(outcome.states)
        let isDone = table.rows.count == held.count && table.rows.allSatisfy { $0.status == .done }
        let pooled = isDone && !outcome.isStopped ? try scoreOutOfFold() : nil
        return CrossValidationSummary(
            name: configuration.name, folder: folder.path, folds: held.count, results: table,
            isStopped: outcome.isStopped, pooled: pooled, classNames: configuration.model.classNames)
    }

    /// Makes the folder with its configuration, or checks that it is of the same cross-validation.
    private func prepare() throws {
        if folder.trials.isThere, !request.resume {
            throw Failure.request(
                "\(folder.path): is there already: go on with --resume, or choose another folder with --output")
        }
        try folder.trials.create()
        guard FileManager.default.fileExists(atPath: folder.configuration) else {
            let heading = "# A cross-validation of \(held.count) folds: each fold-N has another part held back.\n"
            return try SharedFile.write(heading + configuration.yaml, to: folder.configuration)
        }
        try folder.trials.check(
            copy: folder.configuration, against: configuration.yaml, of: request.configuration,
            what: "cross-validation")
    }

    private func results(_ states: [TrialState]) -> CrossValidationResults {
        let statuses = plan.schedule.statuses(states, plan.objective)
        let rows = plan.trials.compactMap { trial -> CrossValidationResults.Row? in
            guard let last = states[trial.index].rungs.last else { return nil }
            let metrics = try? TrialMetrics(path: folder.trials.metrics(of: trial), objective: plan.objective)
            return CrossValidationResults.Row(
                fold: trial.index, status: statuses[trial.index], images: held[trial.index].count,
                scores: last.value == nil ? [:] : metrics?.scores ?? [:], step: last.step, seconds: last.seconds)
        }
        return CrossValidationResults(rows: rows, metric: plan.objective.metric)
    }

    /// Scores each image by the checkpoint of the fold that it was held back from, and writes `scores.json`.
    private func scoreOutOfFold() throws -> EvaluationJob.Outcome {
        let processors = Processors.available
        let threads = min(processors, request.workers * configuration.run.threads(localRanks: request.workers))
        let folds = try plan.trials.map { trial in
            let model = try TrainedModel(reading: folder.trials.run(of: trial))
            return (
                ensemble: try ModelEnsemble([model], tile: nil, engine: Engine(.native, threads: threads)),
                pairs: held[trial.index]
            )
        }
        let classes = PredictedClasses(folds[0].ensemble)
        let truth = TruthEncoding(
            classes.encoding ?? .index, ignoreValue: classes.ignoreIndex, ignoreColor: classes.ignoreColor)
        let outcome = try EvaluationJob(world: SoloCommunicator()).run(outOfFold: folds, truth: truth) { count in
            display.scoring(count, of: held.reduce(0) { $0 + $1.count })
            if stop.isRequested {
                throw Failure(
                    .stopped, "stopped while the images were scored, and all folds are trained: go on with --resume")
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let text = String(decoding: try encoder.encode(outcome), as: UTF8.self)
        try SharedFile.write(text + "\n", to: folder.scores)
        return outcome
    }
}
