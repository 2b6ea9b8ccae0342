import Checkpoints
import Communication
import Configurations
import FailureDetection
import Foundation
import Logging
import Metrics
import Support

/// Owns a run's checkpoints, validation and logs.
///
/// Reports are logged at once. Snapshots are worked on by a thread of its own, one at a time; one more may wait.
///
/// `@unchecked`: `condition` guards what both threads see. `slowest`, `skipped`, `waits`, `times` and `lastStep` belong to the
/// thread that reports; `validator`, `checkpoints`, what they take, and the recorder's measuring of phases, to the thread of snapshots. The log, the console and the
/// failure detector are `Sendable`.
final class Coordinator: @unchecked Sendable {
    private let configuration: Configuration
    private let directory: RunDirectory
    private let console: Console
    private let logger: Logger
    private let log: RunLog
    private let checkpoints: CheckpointWriter
    /// What to do about the run after a fault.
    private let advice: String
    private let validator: Validator?
    private let metric: SegmentationMetric
    private let name: String
    private let isDedicated: Bool
    private let detector: FailureDetector?
    private var slowest: SlowestWorker
    private let recorder: Recorder
    private var lastStep: Int
    /// Steps whose update was left out.
    private var skipped = 0
    /// How often the workers have waited for this rank.
    private var waits = 0
    /// Where the time went.
    private(set) var times: RunTimes
    /// Training images.
    private let images: Int
    /// What the last validation and the last checkpoint took.
    private var (validationSeconds, savingSeconds) = (Double.infinity, 0.0)
    /// Whether the pictures of the last validation could be written.
    private var isDrawing = true

    /// Guards what both threads see.
    private let condition = NSCondition()
    private var progress: ProgressLine
    private var waiting: Snapshot?
    private var isWorking = false
    private var failure: Failure?
    /// Whether checkpoints are in doubt that were made since the last audit.
    private var isInDoubt = false
    private var best: BestScore?
    /// The step at which the run ends, once no better validation is waited for.
    private var endStep: Int?
    private var lastScores: (step: Int, scores: SegmentationScores)?
    /// Steps whose checkpoint is there and is still to be validated, before any snapshot.
    private var due: [Int]
    private var settledCount = 0

    /// - Parameters:
    ///   - directory: the run's folder, as it is reached.
    ///   - checkpoints: writes them.
    ///   - advice: what to do about the run after a fault.
    ///   - validator: nil without validation images.
    ///   - metric: the score by which a checkpoint is the best.
    ///   - start: where the run begins: step 0, or the checkpoint that it resumes from.
    ///   - limit: when it ends.
    ///   - images: how many it trains on.
    ///   - watch: runs since the job began.
    ///   - name: how messages name this rank.
    ///   - isDedicated: whether this rank does nothing else.
    ///   - workers: the workers, in order.
    ///   - recorder: is told what this rank does.
    ///   - detector: is told what can be done about the run after a fault.
    init(
        configuration: Configuration, directory: RunDirectory, checkpoints: CheckpointWriter, advice: String,
        console: Console,
        validator: Validator?,
        metric: SegmentationMetric, start: StartingPoint, limit: TrainingLimit, images: Int, watch: StopWatch,
        name: String, isDedicated: Bool,
        workers: [WorkerPlace],
        recorder: Recorder, detector: FailureDetector?
    ) throws {
        self.recorder = recorder
        self.configuration = configuration
        self.directory = directory
        self.checkpoints = checkpoints
        self.advice = advice
        self.console = console
        logger = console.logger
        self.validator = validator
        self.metric = metric
        best = start.best
        due = start.validationsDue
        self.name = name
        self.isDedicated = isDedicated
        self.detector = detector
        self.images = images
        times = RunTimes(since: watch)
        log = try RunLog(directory, configuration, start: start, limit: limit, logger: logger)
        slowest = SlowestWorker(workers: workers, slots: configuration.training.batch)
        progress = ProgressLine(batch: configuration.training.batch, limit: limit)
        lastStep = start.state.step
    }

    /// Logs a step.
    func report(_ report: StepReport) {
        lastStep = report.step
        let behind = slowest.judge(workers: report.workers, seconds: report.seconds)
        times.add(report)
        add(report, behind: behind)
        if let warning = slowest.warning { note(step: report.step, warning) }
        show { $0.take(report) }
    }

    /// Logs steps that were trained before this start of the run, and that the log lacks. They are brought to the disk at
    /// once: what is kept in memory from now on does not have them any more.
    func recover(_ reports: [StepReport]) {
        guard !reports.isEmpty else { return }
        for report in reports { add(report, behind: nil) }
        log.sync()
    }

    private func add(_ report: StepReport, behind: WorkerBehind?) {
        let batch = Double(configuration.training.batch)
        log.add(
            TrainEvent(
                step: report.step, epoch: Double(report.step) * batch / Double(max(images, 1)), elapsed: report.elapsed,
                loss: report.loss.isFinite ? report.loss : nil, learningRate: report.learningRate,
                gradientNorm: report.gradientNorm.isFinite ? report.gradientNorm : nil, seconds: report.seconds,
                imagesPerSecond: batch / report.seconds, time: report.times, slowest: behind,
                audited: report.audited > 0 ? report.audited : nil))
        if report.isSkipped {
            skipped += 1
            note(step: report.step, "the gradient was not finite: the step was skipped")
        }
    }

    /// Draws the progress line anew after a change, which is made whether or not it is shown.
    private func show(_ change: (inout ProgressLine) -> Void) {
        let text = condition.withLock {
            change(&progress)
            return progress.text
        }
        if !text.isEmpty { console.progress(text) }
    }

    /// Shows which validation image it is the turn of, from 1.
    func isValidating(_ image: Int, of count: Int) { show { $0.activity = "validating \(image) of \(count)" } }

    /// Logs that the workers waited for this rank. The log has it every time, and whoever watches hears what to do.
    func noteWait(step: Int) {
        waits += 1
        let words = "the workers waited: the coordinator was not done with the last snapshot"
        guard waits == 1 else { return log.add(NoteEvent(step: step, message: words)) }
        let isValidating = validator != nil && configuration.validation.place == .coordinator
        note(
            step: step,
            "\(words); where that costs too much time, raise "
                + (isValidating ? "validation.every, or set validation.on: workers" : "checkpoint.every"))
    }

    /// Logs something of note.
    func note(step: Int, _ message: String) {
        log.add(NoteEvent(step: step, message: message))
        logger.notice("step \(step): \(message)")
    }

    /// Logs what ends the run.
    func logFailure(_ error: any Error) {
        let failure = Failure(wrapping: error)
        log.add(FailureEvent(step: lastStep, message: failure.message, repeats: failure.repeats))
    }

    /// Takes checkpoints that were made since the last audit out of the run: those that are there at once, in case this
    /// process does not come to its end, and others when they are.
    func doubt() {
        condition.withLock { isInDoubt = true }
        markDoubtful()
    }

    private func markDoubtful() {
        let last = log.lastAudit
        let steps = directory.checkpointSteps.filter { $0 > last }
        guard let newest = steps.last else { return }
        let made = "made \(last > 0 ? "since the audit of step \(last)" : "before any audit")"
        do {
            try directory.doubt(steps: steps)
            note(
                step: lastStep,
                "\(steps.count) checkpoint\(steps.count == 1 ? "" : "s") \(made), up to step \(newest), "
                    + "\(steps.count == 1 ? "is" : "are") doubtful, and called so from now on")
        } catch {
            logger.error("checkpoints \(made), up to step \(newest), are in doubt, and could not be marked: \(error)")
        }
    }

    private func fail(_ error: any Error, _ what: String, step: Int) {
        let failure = Failure(wrapping: error, what).at(name, step: step)
        condition.withLock { self.failure = self.failure ?? failure }
    }

    /// How many snapshots this rank is done with.
    var settled: Int { condition.withLock { settledCount } }

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
        beginWork()
        condition.unlock()
    }

    /// Makes up for validations that were due when the run was lost.
    func begin() { condition.withLock { if !due.isEmpty { beginWork() } } }

    /// Called with the condition's lock.
    private func beginWork() {
        guard !isWorking else { return }
        isWorking = true
        Thread.detachNewThread { self.work() }
    }

    /// What the workers must do: end, since something went wrong with a snapshot or the log, or since no better
    /// validation is waited for.
    var order: Order? {
        condition.withLock { failure.map { .fail(FailureRecord($0)) } ?? endStep.map { _ in .end } }
    }

    /// Whether the run has ended at a validation, whatever the workers went on to do.
    var hasEnded: Bool { condition.withLock { endStep != nil } }

    /// Ends the log once all is done, and says what is to be known of the run as a whole.
    ///
    /// - Parameter isDone: whether the run has ended well, and was not stopped.
    func close(isDone: Bool) {
        // What was trained beyond the end has no checkpoint.
        if let endStep = condition.withLock({ endStep }) { log.drop(after: endStep) }
        if skipped > 0 {
            note(
                step: lastStep,
                "\(skipped) step\(skipped == 1 ? " was" : "s were") skipped, since the gradient was not finite there")
        }
        if waits > 1 { note(step: lastStep, "the workers waited \(waits) times for the coordinator") }
        log.close(isDone: isDone)
        times.end()
    }

    /// Waits until every snapshot is done; throws what went wrong with one.
    func finish() throws -> (best: BestScore?, last: (step: Int, scores: SegmentationScores)?) {
        condition.lock()
        defer { condition.unlock() }
        while isWorking { condition.wait() }
        // Also what is written last.
        defer { if isInDoubt { markDoubtful() } }
        if failure == nil {
            do { try checkpoints.finish() } catch {
                failure = Failure(wrapping: error, "the last checkpoint").at(name, step: lastStep)
            }
        }
        if let failure { throw failure }
        return (best, lastScores)
    }

    private func work() {
        while let (step, isSubmitted, snapshot) = nextWork() {
            do { try process(snapshot()) } catch {
                fail(error, "a snapshot could not be worked on", step: step)
            }
            if isSubmitted { condition.withLock { settledCount += 1 } }
            // A rank that trains too is in another phase by now.
            if isDedicated { awaitNext(step: step) }
        }
    }

    /// What to work on: first the validations that a run that goes on has to make up for; nil where there is nothing.
    private func nextWork() -> (step: Int, isSubmitted: Bool, snapshot: () throws -> Snapshot)? {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        if let step = due.first {
            due.removeFirst()
            let path = directory.checkpoint(step: step)
            return (step, false, { try Snapshot(due: Checkpoint(reading: path)) })
        }
        guard let snapshot = waiting else {
            isWorking = false
            return nil
        }
        waiting = nil
        return (snapshot.state.step, true, { snapshot })
    }

    private func awaitNext(step: Int) {
        do { try recorder.enter(.waiting, step: step) } catch { fail(error, "waiting failed", step: step) }
    }

    /// Writes what is a checkpoint, validates, and writes it again where that has changed what it says.
    private func process(_ snapshot: Snapshot) throws {
        // What the workers did before they learnt of the end counts for nothing.
        if hasEnded { return }
        // A copy in the same process took no way on which it could change.
        if isDedicated, snapshot.state.digest != snapshot.digest { return reject(snapshot) }
        var best = condition.withLock { self.best }
        // A snapshot that waits for its validation is written first: whatever happens meanwhile costs no step. Not where it
        // waits no longer than writing takes.
        let isDue = snapshot.validation == .due || snapshot.validation == .underWay
        if snapshot.isCheckpoint, snapshot.validation == .none || isDue && validationSeconds > savingSeconds {
            try save(snapshot, best: best, isValidationDue: isDue)
        }
        guard snapshot.validation == .due || snapshot.validation == .done else { return }
        guard let (findings, outcome) = try validate(snapshot) else { return }
        if let loss = outcome.loss, !loss.isFinite {
            checkpoints.discard(step: snapshot.state.step)
            throw Failure.running(
                "the network's answers are not finite after step \(snapshot.state.step), and it was not kept: lower "
                    + "optimizer.learning_rate or set optimizer.clip_norm, and go on from the last checkpoint with --resume, or "
                    + "start again", repeats: true)
        }
        let isBest = note(outcome, of: snapshot, updating: &best)
        let ends = best?.exhausts(patience: configuration.validation.patience) == true
        // The best is kept even between checkpoints, and so is the run's end.
        let isSaved = snapshot.isCheckpoint || isBest || ends ? try save(snapshot, best: best) : true
        condition.withLock {
            if isBest && !isSaved { self.best?.validationsSince += 1 } else { self.best = best }
        }
        draw(findings, of: snapshot)
        if ends, let best { end(best, step: snapshot.state.step) }
    }

    /// Writes a checkpoint; returns whether it is there. Where it cannot be written the run goes on: it is tried again.
    @discardableResult
    private func save(_ snapshot: Snapshot, best: BestScore?, isValidationDue: Bool = false) throws -> Bool {
        let step = snapshot.state.step
        // Steps that a resume builds on are in the log, whatever comes.
        log.sync()
        checkpoints.lastAudit = configuration.run.audit > 0 ? log.lastAudit : nil
        let watch = StopWatch()
        defer { savingSeconds = watch.seconds }
        show { $0.activity = "saving" }
        defer { show { $0.activity = nil } }
        return try recorder.during(.checkpoint, step: step) {
            if let reason = try checkpoints.save(snapshot, best: best, isValidationDue: isValidationDue) {
                note(
                    step: step,
                    "the checkpoint could not be saved, the old ones stay, and it is tried again: \(reason.message)"
                )
                return false
            }
            // One that is still to be validated, or that no step has got beyond, stands in for none before it.
            let isTrusted = !isValidationDue && snapshot.isSound
            do { try checkpoints.adopt(step: step, best: best, isTrusted: isTrusted) } catch {
                note(step: step, "the checkpoint is saved, but not named as the latest: \(error)")
            }
            detector?.advise(advice)
            return true
        }
    }

    private func reject(_ snapshot: Snapshot) {
        let reason = Failure.running(
            "the weights of step \(snapshot.state.step) are not those that the worker sent: check the memory of both machines and "
                + "the network between them")
        checkpoints.reject(because: reason)
        note(step: snapshot.state.step, "no checkpoint, and no validation: \(reason.message)")
    }

    /// What a validation shows; nil without validation images.
    private func validate(
        _ snapshot: Snapshot
    ) throws -> (findings: Validator.Findings, outcome: Validator.Outcome)? {
        guard let validator else { return nil }
        let step = snapshot.state.step
        defer { show { $0.activity = nil } }
        return try recorder.during(.validation, step: step) {
            let findings =
                try snapshot.findings
                ?? validator.validate(
                    snapshot.state.validated, progress: recorder.advance, counting: isValidating)
            validationSeconds = findings.seconds
            return (findings, validator.outcome(of: findings))
        }
    }

    /// Takes a validation into the log and `best`; returns whether it is the best so far.
    private func note(_ outcome: Validator.Outcome, of snapshot: Snapshot, updating best: inout BestScore?) -> Bool {
        let (step, isAveraged) = (snapshot.state.step, snapshot.state.average != nil)
        let value = outcome.scores.value(of: metric)
        let isBest = value.map { metric.isBetter($0, than: best?.value) } ?? false
        if let value, isBest { best = BestScore(step: step, value: value) } else { best?.validationsSince += 1 }
        condition.withLock { lastScores = (step, outcome.scores) }
        log.add(ValidationEvent(step: step, isAveraged: isAveraged, outcome: outcome))
        let what = isAveraged ? "validation of the averaged weights" : "validation"
        logger.info("step \(step): \(what) \(outcome.scores.summary)\(isBest ? ", the best so far" : "")")
        return isBest
    }

    /// Draws the first validation images; that a picture cannot be written is only a warning, and said once.
    private func draw(_ findings: Validator.Findings, of snapshot: Snapshot) {
        let state = snapshot.state
        do {
            let pictures = try validator?.draw(findings, into: directory.previews, prefix: "latest")
            log.add(pictures ?? [], step: state.step, elapsed: state.elapsed)
            isDrawing = true
        } catch {
            if isDrawing { logger.warning("step \(state.step): no picture of the validation: \(error)") }
            isDrawing = false
        }
    }

    private func end(_ best: BestScore, step: Int) {
        note(
            step: step,
            "\(best.validationsSince) validations without a better \(metric.rawValue) than step \(best.step)'s: the run ends here"
        )
        condition.withLock { endStep = step }
    }
}
