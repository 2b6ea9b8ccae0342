import Checkpoints
import Configurations
import EventFiles
import Logging
import Metrics
import Support
import Synchronization

/// What a run leaves of its course: `metrics.jsonl`, and the same numbers for TensorBoard.
///
/// That one of the two cannot be written ends no run: it is said once, and tried again with the next event. The
/// coordinator's two threads write to it, in turn.
final class RunLog: Sendable {
    private let directory: RunDirectory
    private let logger: Logger
    private let metrics: MetricsLog
    private let tensorboard: EventLog
    /// Names of the classes whose scores have curves of their own: with two, `iou` is one of them.
    private let classNames: [String]
    private let limit: TrainingLimit
    private let state: Mutex<State>

    private struct State {
        /// What could not be written when last it was tried.
        var failing: Set<String> = []
        /// Share of the run that was done when pictures were last taken in.
        var picturesProgress: Double?
        /// The last step whose audit found no difference; 0 before any.
        var lastAudit = 0
    }

    /// Pictures of so many validations are kept for TensorBoard, spread over the run: each is as large as the file of
    /// `previews`.
    private static let mostPictures = 50.0

    /// Opens the logs to add to them; events of steps behind the start are dropped.
    init(
        _ directory: RunDirectory, _ configuration: Configuration, start: StartingPoint, limit: TrainingLimit,
        logger: Logger
    ) throws {
        (self.directory, self.logger, self.limit) = (directory, logger, limit)
        metrics = try MetricsLog(
            path: directory.metrics, lastStep: start.state.step,
            repeatedValidations: Set(start.validationsDue + (start.isValidationDue ? [start.state.step] : []))
        ) { logger.warning("\($0)") }
        tensorboard = EventLog(folder: directory.tensorboard)
        classNames = configuration.model.architecture.classes > 2 ? configuration.model.names : []
        state = Mutex(State(lastAudit: metrics.lastAudit))
        let parameters = try configuration.hyperparameters()
        keeping(directory.tensorboard) {
            try tensorboard.begin(
                after: start.state.step, parameters: parameters.map { ($0.key, EventLog.Parameter($0.value)) })
        }
    }

    func add(_ event: TrainEvent) {
        if event.audited != nil { state.withLock { $0.lastAudit = event.step } }
        keeping(directory.metrics) { try metrics.append(event) }
        keeping(directory.tensorboard) {
            try tensorboard.add(
                [
                    ("train/loss", event.loss), ("train/learning_rate", event.learningRate),
                    ("train/gradient_norm", event.gradientNorm), ("train/images_per_second", event.imagesPerSecond),
                ], step: event.step)
        }
    }

    /// The last step whose audit found no difference; 0 before any.
    var lastAudit: Int { state.withLock { $0.lastAudit } }

    func add(_ event: ValidationEvent) {
        keeping(directory.metrics) { try metrics.append(event) }
        let scores = event.outcome.scores
        let overall = SegmentationMetric.allCases.map { ("validation/\($0.rawValue)", scores.value(of: $0)) }
        let classes = zip(classNames, scores.perClass).map { ("validation_iou/\($0)", $1.iou) }
        keeping(directory.tensorboard) {
            try tensorboard.add([("validation/loss", event.outcome.loss)] + overall + classes, step: event.step)
        }
    }

    func add(_ event: NoteEvent) { keeping(directory.metrics) { try metrics.append(event) } }

    /// Takes the pictures of a validation in, as often as there is room for.
    func add(_ pictures: [Validator.Picture], step: Int, elapsed: Double) {
        let progress = limit.progress(step: step, elapsed: elapsed)
        let isDue = state.withLock { state in
            let last = state.picturesProgress
            guard progress >= 1 || last.map({ progress - $0 >= 1 / Self.mostPictures }) ?? true else { return false }
            state.picturesProgress = progress
            return true
        }
        guard isDue else { return }
        keeping(directory.tensorboard) {
            for picture in pictures {
                try tensorboard.add(picture: picture.path, tag: "previews/\(picture.stem)", step: step)
            }
        }
    }

    /// Adds what ends the run. A log that cannot be written may be what ends it.
    func add(_ event: FailureEvent) { try? metrics.append(event) }

    /// Drops the events of later steps: the run has ended at `step`.
    func drop(after step: Int) {
        keeping(directory.metrics) { try metrics.drop(after: step) }
        keeping(directory.tensorboard) { try tensorboard.drop(after: step) }
    }

    /// Brings all events to the disk.
    func sync() {
        keeping(directory.metrics) { try metrics.sync() }
        keeping(directory.tensorboard) { try tensorboard.sync() }
    }

    /// Ends the logs.
    ///
    /// - Parameter isDone: whether the run has ended well, and shall not go on.
    func close(isDone: Bool) {
        if isDone { keeping(directory.tensorboard) { try tensorboard.end() } }
        sync()
        for (path, isComplete) in [
            (directory.metrics, metrics.isComplete), (directory.tensorboard, tensorboard.isComplete),
        ] where !isComplete {
            logger.warning("\(shownPath(path)) lacks events that could not be written")
        }
    }

    private func keeping(_ path: String, _ body: () throws -> Void) {
        var trouble: Failure?
        do { try body() } catch { trouble = Failure(wrapping: error, "the log") }
        let wasFailing = state.withLock { state in
            trouble == nil ? state.failing.remove(path) != nil : !state.failing.insert(path).inserted
        }
        if let trouble, !wasFailing {
            logger.warning("\(trouble.message); the run goes on, and its events are kept and tried again")
        } else if trouble == nil, wasFailing {
            logger.notice("\(shownPath(path)) is written again, with what was kept")
        }
    }
}

extension EventLog.Parameter {
    /// A configuration's value.
    fileprivate init(_ value: ConfigurationNode) {
        switch value.text {
        case "true": self = .truth(true)
        case "false": self = .truth(false)
        case let text: self = value.number.map { .number($0) } ?? .text(text)
        }
    }
}
