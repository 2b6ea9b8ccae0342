import Checkpoints
import Communication
import Configurations
import FailureDetection
import Foundation
import Logging
import Metrics
import Support

/// A copy of a run's state, on its way to the disk and the validation images.
///
/// `@unchecked`: whoever makes it hands it over to the coordinator's thread, and nobody changes it after that.
final class Snapshot: @unchecked Sendable {
    let state: TrainingState
    let isCheckpoint: Bool
    let isValidated: Bool
    /// What the workers have found with it, where they validate; nil: the coordinator does.
    var found: SharedValidation.Result?

    init(state: TrainingState, isCheckpoint: Bool, isValidated: Bool, found: SharedValidation.Result? = nil) {
        self.state = state
        self.isCheckpoint = isCheckpoint
        self.isValidated = isValidated
        self.found = found
    }
}

/// Owns a run's checkpoints, validation and logs.
///
/// Reports are logged at once. Snapshots are worked on by a thread of its own, one at a time; one more may wait.
///
/// `@unchecked`: `condition` guards what both threads see. `progress`, `slowest` and `lastStep` belong to the thread that
/// reports; `validator`, and the recorder's measuring of phases, to the thread of snapshots. The log, the console and the
/// failure detector are `Sendable`.
final class Coordinator: @unchecked Sendable {
    private let configuration: Configuration
    private let directory: RunDirectory
    private let images: String
    private let console: Console
    private let logger: Logger
    private let log: MetricsLog
    private let validator: Validator?
    private let metric: SegmentationMetric
    private let name: String
    private let isDedicated: Bool
    private let detector: FailureDetector?
    private var progress: ProgressLine
    private var slowest: SlowestWorker
    private let recorder: Recorder
    private var lastStep: Int

    /// Guards what both threads see.
    private let condition = NSCondition()
    private var waiting: Snapshot?
    private var isWorking = false
    private var failure: Failure?
    private var best: BestScore?
    /// The step at which the run ends, once no better validation is waited for.
    private var endStep: Int?
    private var lastScores: (step: Int, scores: SegmentationScores)?

    /// - Parameters:
    ///   - images: a digest of the images' names, for checkpoints.
    ///   - validator: nil without validation images.
    ///   - metric: the score by which a checkpoint is the best.
    ///   - start: where the run begins: step 0, or the checkpoint that it resumes from.
    ///   - name: how messages name this rank.
    ///   - isDedicated: whether this rank does nothing else.
    ///   - workers: the workers, in order.
    ///   - recorder: is told what this rank does.
    ///   - detector: is told what can be done about the run after a fault.
    init(
        configuration: Configuration, directory: RunDirectory, images: String, console: Console, validator: Validator?,
        metric: SegmentationMetric, start: TrainingState, best: BestScore?, name: String, isDedicated: Bool,
        workers: [WorkerPlace],
        recorder: Recorder, detector: FailureDetector?
    ) throws {
        self.recorder = recorder
        self.configuration = configuration
        self.directory = directory
        self.images = images
        self.console = console
        logger = console.logger
        self.validator = validator
        self.metric = metric
        self.best = best
        self.name = name
        self.isDedicated = isDedicated
        self.detector = detector
        log = try MetricsLog(path: directory.metrics, lastStep: start.step)
        slowest = SlowestWorker(workers: workers, slots: configuration.training.batch)
        progress = ProgressLine(batch: configuration.training.batch)
        lastStep = start.step
    }

    /// Logs a step.
    func report(_ report: StepReport) {
        lastStep = report.step
        let behind = slowest.judge(workers: report.workers, seconds: report.seconds)
        append(
            step: report.step,
            TrainEvent(
                step: report.step, loss: report.loss.isFinite ? report.loss : nil, learningRate: report.learningRate,
                gradientNorm: report.gradientNorm.isFinite ? report.gradientNorm : nil, seconds: report.seconds,
                imagesPerSecond: Double(configuration.training.batch) / report.seconds, time: report.times,
                slowest: behind))
        if let warning = slowest.warning { note(step: report.step, warning) }
        if report.isSkipped { note(step: report.step, "the gradient was not finite: the step was skipped") }
        // Made whether or not it is shown: it averages over all steps.
        let line = progress.line(after: report)
        console.progress(line)
    }

    /// Logs something of note.
    func note(step: Int, _ message: String) {
        append(step: step, NoteEvent(step: step, message: message))
        logger.notice("step \(step): \(message)")
    }

    /// Logs what ends the run. A log that cannot be written may be what ends it.
    func logFailure(_ error: any Error) {
        let failure = Failure(wrapping: error)
        try? log.append(FailureEvent(step: lastStep, message: failure.message, repeats: failure.repeats))
    }

    /// Adds to the log. Where that fails the run must end, but on all ranks together: the workers are told, as with a
    /// snapshot that cannot be saved.
    private func append(step: Int, _ event: some Encodable) {
        do { try log.append(event) } catch { fail(error, "the log could not be written", step: step) }
    }

    private func fail(_ error: any Error, _ what: String, step: Int) {
        let failure = Failure(wrapping: error, what).at(name, step: step)
        condition.withLock { self.failure = self.failure ?? failure }
    }

    /// Whether a snapshot would be taken at once.
    var canAccept: Bool { condition.withLock { waiting == nil } }

    /// Says that this rank has nothing to do but wait for the workers, which have done so many steps.
    func awaitWorkers(step: Int) {
        guard !(condition.withLock { isWorking }) else { return }
        awaitNext(step: step)
    }

    /// Says that the thread that reports gets on with the workers' messages.
    func attend() { detector?.attend() }

    /// Says that it has none to expect.
    func endAttendance() { detector?.endAttendance() }

    /// Takes a snapshot; waits while another one waits.
    func accept(_ snapshot: Snapshot) {
        condition.lock()
        while waiting != nil { condition.wait() }
        waiting = snapshot
        if !isWorking {
            isWorking = true
            Thread.detachNewThread { self.work() }
        }
        condition.unlock()
    }

    /// What the workers must do: end, since something went wrong with a snapshot or the log, or since no better
    /// validation is waited for.
    var order: Order? {
        condition.withLock { failure.map { .fail(FailureRecord($0)) } ?? endStep.map { _ in .end } }
    }

    /// Whether the run has ended at a validation, whatever the workers went on to do.
    var hasEnded: Bool { condition.withLock { endStep != nil } }

    /// Waits until every snapshot is done; throws what went wrong with one.
    func finish() throws -> (best: BestScore?, last: (step: Int, scores: SegmentationScores)?) {
        condition.lock()
        defer { condition.unlock() }
        while isWorking { condition.wait() }
        if let failure { throw failure }
        // What was trained beyond the end has no checkpoint.
        if let endStep { try log.drop(after: endStep) }
        return (best, lastScores)
    }

    private func work() {
        while true {
            condition.lock()
            guard let snapshot = waiting else {
                isWorking = false
                condition.broadcast()
                condition.unlock()
                return
            }
            waiting = nil
            condition.broadcast()
            condition.unlock()
            do {
                try process(snapshot)
            } catch {
                fail(error, "a snapshot could not be saved", step: snapshot.state.step)
            }
            // A rank that trains too is in another phase by now.
            if isDedicated { awaitNext(step: snapshot.state.step) }
        }
    }

    private func awaitNext(step: Int) {
        do { try recorder.enter(.waiting, step: step) } catch { fail(error, "waiting failed", step: step) }
    }

    /// Validates before it writes, so that the checkpoint knows the best score so far.
    private func process(_ snapshot: Snapshot) throws {
        let step = snapshot.state.step
        var isBest = false
        // What the workers did before they learnt of the end counts for nothing.
        if hasEnded { return }
        if snapshot.isValidated, let validator {
            let isAveraged = snapshot.state.average != nil
            let outcome = try recorder.during(.validation, step: step) {
                guard let found = snapshot.found else {
                    return try validator.validate(
                        snapshot.state.validated, previews: (directory.previews, "latest"), progress: recorder.advance)
                }
                try validator.draw(found.findings, into: directory.previews, prefix: "latest")
                return validator.outcome(of: found.findings, seconds: found.seconds)
            }
            try log.append(ValidationEvent(step: step, isAveraged: isAveraged, outcome: outcome))
            let value = outcome.scores.value(of: metric)
            condition.withLock {
                lastScores = (step, outcome.scores)
                if let value, metric.isBetter(value, than: best?.value) {
                    best = BestScore(step: step, value: value)
                    isBest = true
                } else {
                    best?.validationsSince += 1
                }
            }
            let what = isAveraged ? "validation of the averaged weights" : "validation"
            logger.info("step \(step): \(what) \(outcome.scores.summary)\(isBest ? ", the best so far" : "")")
        }
        let score = condition.withLock { best }
        let ends = snapshot.isValidated && score?.exhausts(patience: configuration.validation.patience) == true
        // The best is kept even between checkpoints, and so is the run's end.
        if snapshot.isCheckpoint || isBest || ends {
            try recorder.during(.checkpoint, step: step) {
                try Checkpoint(configuration: configuration, state: snapshot.state, best: score, images: images)
                    .write(to: directory.checkpoint(step: step), by: directory.unfinishedCheckpoint)
                try directory.adopt(step: step, best: score, keep: configuration.checkpoint.keep)
            }
            detector?.advise(directory.adviceAfterFault)
        }
        if ends, let score {
            note(
                step: step,
                "\(score.validationsSince) validations without a better \(metric.rawValue) than step \(score.step)'s: the run ends here"
            )
            condition.withLock { endStep = step }
        }
    }
}
