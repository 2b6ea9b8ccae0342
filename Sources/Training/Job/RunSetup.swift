import Checkpoints
import Communication
import Configurations
import Datasets
import Foundation
import Kernels
import Metrics
import Network
import Support

extension Configuration {
    /// What turns files into samples as `model` and `data` ask for.
    package var sampleReader: SampleReader {
        SampleReader(
            inputChannels: model.architecture.inputChannels, classes: model.architecture.classes, encoding: data.labels,
            ignoreValue: data.ignoreIndex, ignoreColor: data.ignoreColor, normalization: data.normalize)
    }
}

/// What every rank makes of a run's specification before the first step: the samples and their schedule, and the state
/// that training starts from.
package struct RunSetup {
    package let configuration: Configuration
    package let specification: RunSpecification
    package let cache: SampleCache
    private(set) var sampler: TileSampler
    let schedule: SampleSchedule
    package let limit: TrainingLimit
    /// By which a checkpoint is the best: `validation.metric`, unless it cannot move.
    private(set) var metric: SegmentationMetric

    package init(_ specification: RunSpecification) throws {
        self.specification = specification
        configuration = try Configuration.decode(yaml: specification.yaml, name: specification.directory, settings: [])
        metric = configuration.validation.metric
        let model = configuration.model.architecture
        let data = configuration.data
        cache = SampleCache(
            reader: configuration.sampleReader, megabytes: data.cacheMegabytes,
            hasBorderTerm: configuration.loss.border != nil)
        sampler = try TileSampler(
            geometry: model.geometry, tile: data.tile, seed: configuration.seed, foreground: data.foregroundShare,
            augmentation: configuration.augmentation, border: configuration.loss.border)
        schedule = SampleSchedule(
            count: specification.train.count, batch: configuration.training.batch, seed: configuration.seed,
            shuffle: configuration.training.shuffle)
        limit = TrainingLimit(configuration.training.length, schedule: schedule)
    }

    /// The tile that a slot of a step trains on.
    package func tile(step: Int, slot: Int) throws -> TrainingTile {
        let place = schedule.at(step: step, slot: slot)
        let sample = try cache.load(specification.train[place.sample])
        return sampler.cut(sample: sample, epoch: place.epoch, index: place.sample)
    }

    /// `GradientBuckets.hash` of a slot's gradient, on a rank that has no slots of its own.
    ///
    /// - Parameter step: steps done before.
    func gradientHash(
        _ weights: ParameterBuffer, step: Int, slot: Int, workers: Int, _ engine: Engine
    ) throws -> UInt64 {
        let gradient = AlignedBuffer<Float>(weights.count)
        return try SlotGradient(configuration, layout: weights.layout, engine: engine).hash(
            tile(step: step, slot: slot), step: step, slot: slot, weights: weights.base,
            buckets: configuration.gradientBuckets(parameters: weights.count, workers: workers),
            gradient: gradient.base)
    }

    /// What scores weights on the validation images; nil where there are none.
    package func validator(_ engine: Engine) -> Validator? {
        specification.validation.isEmpty
            ? nil
            : Validator(pairs: specification.validation, cache: cache, configuration: configuration, engine: engine)
    }

    /// Whether a run that stands here has nothing left to do: it has ended, or has come to the step `until`.
    func isOver(_ start: StartingPoint, until: Int?) -> Bool {
        guard !start.isValidationDue, start.validationsDue.isEmpty, !start.isUnsaved else { return false }
        return hasEnded(start) || until.map { start.state.step >= $0 } ?? false
    }

    /// Whether the run has ended here.
    func hasEnded(_ start: StartingPoint) -> Bool {
        limit.isReached(step: start.state.step, elapsed: start.state.elapsed)
            || start.best?.exhausts(patience: configuration.validation.patience) == true
    }

    /// Reads every image once, shared among the ranks, so that a bad file ends the job before it has begun. Classes are weighed by what is found from now on, and checkpoints judged by
    /// a score that can move.
    ///
    /// `progress` is told of each image that this rank is about to read, and `isRead` that it waits for the others.
    package mutating func checkImages(
        _ world: any Communicator, progress: (_ image: String) throws -> Void = { _ in }, isRead: () -> Void = {}
    ) throws -> DatasetReview {
        struct Finding: Codable {
            var position: Int?
            var failure: FailureRecord?
            var part: DatasetPart
        }
        func check(_ pairs: [SamplePair], share: (index: Int, of: Int), keeping: Bool) throws -> DatasetPart {
            let check = checkSamples(pairs, cache: cache, share: share, keeping: keeping, progress: progress)
            isRead()
            let own = Finding(
                position: check.failure?.position, failure: check.failure.map { FailureRecord($0.reason) },
                part: check.part)
            let findings = try world.gatherFromAll(Messages.encode(own)).map {
                try Messages.decode(Finding.self, from: $0)
            }
            // The earliest image is named, whoever read it.
            let first = findings.filter { $0.failure != nil }.min { ($0.position ?? 0) < ($1.position ?? 0) }
            if let failure = first?.failure { throw failure.failure }
            return findings.dropFirst().reduce(into: findings[0].part) { $0.add($1.part) }
        }
        // Each rank keeps what it will see again. One that trains and validates keeps training images first.
        let layout = ProcessLayout(ranks: world.size, mode: configuration.run.coordinator)
        let worker = layout.worker(ofRank: world.rank)
        let everyone = (index: world.rank, of: world.size)
        let training = try check(specification.train, share: everyone, keeping: worker != nil)
        let validation =
            switch configuration.validation.place {
            case .coordinator:
                try check(specification.validation, share: everyone, keeping: world.rank == layout.coordinator)
            case .workers:
                // Each reads those that will be its own.
                try check(
                    worker == nil ? [] : specification.validation, share: (worker ?? 0, layout.workers.count),
                    keeping: true)
            }
        cache.endCheck([(training, specification.train), (validation, specification.validation)])
        let review = DatasetReview(training: training, validation: validation)
        sampler.classWeights = configuration.loss.classWeights.weights(pixels: training.pixels)
        let classes = configuration.model.architecture.classes
        if review.hasNoValidationObject, metric.needsObjects(classes: classes) { metric = .accuracy }
        return review
    }

    /// What the user should know of the data: how they were found, and what a look at them shows.
    package func remarks(on review: DatasetReview) -> [String] {
        let wanted = configuration.validation.metric
        return specification.remarks + review.remarks(classNames: configuration.model.names)
            + (metric == wanted
                ? []
                : [
                    "no validation image has an object, and \(wanted.rawValue) would stay where it is: the best checkpoint is "
                        + "chosen by \(metric.rawValue)"
                ])
    }

    /// Takes over the weights of `training.initialize_from`, a file's or a run's, where there is such; returns notes for
    /// the user: where the head starts anew, and where the weights do not fit the images.
    @discardableResult
    package func initializeFromFile(_ weights: ParameterBuffer) throws -> [String] {
        guard let path = configuration.training.initializeFrom else { return [] }
        do {
            let file = try SafetensorsFile(reading: RunDirectory.checkpointFile(at: path))
            let checkpoint = try file.verified()
            let remark = try file.initialize(weights, of: configuration.model.architecture)
            return [remark, checkpoint?.remark(on: file.path)].compactMap(\.self)
                + (checkpoint.map { remarks(onWeightsOf: $0.configuration, from: file.path) } ?? [])
        } catch let failure as Failure {
            throw Failure(failure.kind, "training.initialize_from: \(failure.message)", repeats: failure.repeats)
        }
    }

    /// How weights that a run starts from were trained otherwise than they will be, where that makes them wrong for it.
    private func remarks(onWeightsOf old: Configuration, from path: String) -> [String] {
        var words: [String] = []
        if old.data.normalize != configuration.data.normalize {
            words.append(
                "\(path) was trained with data.normalize \(old.data.normalize.rawValue), and this run has "
                    + "\(configuration.data.normalize.rawValue): its weights do not fit such images")
        }
        if let then = old.model.classNames, let now = configuration.model.classNames, then != now, Set(then) == Set(now)
        {
            words.append(
                "\(path) has the classes \(then.joined(separator: ", ")), and this run \(now.joined(separator: ", ")): its head "
                    + "takes them for each other")
        }
        if case .palette(let then) = old.data.labels, case .palette(let now) = configuration.data.labels, then != now {
            words.append(
                "\(path) was trained on labels of other colours (data.labels.palette): its head may take classes for each other"
            )
        }
        let paddings = (old.model.architecture.padding, configuration.model.architecture.padding)
        if paddings.0 != paddings.1 {
            words.append(
                "\(path) was trained with model.padding \(paddings.0), and this run has \(paddings.1): its weights know other "
                    + "borders")
        }
        return words
    }
}
