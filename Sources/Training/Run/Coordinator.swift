public import Diagnostics
import Foundation
import Kernels
public import Network
import Segmentation
import Synchronization

/// A step as the lead worker reports it.
public struct StepReport: Codable, Sendable {
    public let step: Int
    public let loss: Double
    public let learningRate: Double
    public let gradientNorm: Double
    /// Seconds of the step, images included.
    public let seconds: Double
    public let dataWait: Double
    public let communication: Double
    /// Share of the run that is done, 0 to 1.
    public let progress: Double
    /// Whether the update was left out because the gradient was not finite.
    public let isSkipped: Bool
}

/// Copies of weights and momentum, on their way to the disk and the validation images.
public final class Snapshot: Sendable {
    public let state: TrainingState
    public let isCheckpoint: Bool
    public let isValidated: Bool

    public init(state: TrainingState, isCheckpoint: Bool, isValidated: Bool) {
        self.state = state
        self.isCheckpoint = isCheckpoint
        self.isValidated = isValidated
    }
}

/// Owns a run's checkpoints, validation and logs.
///
/// Reports are logged at once. Snapshots are worked on by a thread of its own, one at a time; one more may wait.
public final class Coordinator: @unchecked Sendable {
    private let configuration: Configuration
    private let directory: RunDirectory
    private let console: Console
    private let log: MetricsLog
    private let validator: Validator?
    private let progress: ProgressLine

    /// Guards what both threads see.
    private let condition = NSCondition()
    private var waiting: Snapshot?
    private var isWorking = false
    private var failure: Failure?
    private var best: BestScore?
    private var lastScores: (step: Int, scores: SegmentationScores)?

    /// - Parameters:
    ///   - validator: nil without validation images.
    ///   - start: where the run begins: step 0, or the checkpoint that it resumes from.
    public init(
        configuration: Configuration, directory: RunDirectory, console: Console, validator: Validator?,
        start: TrainingState, best: BestScore?
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.console = console
        self.validator = validator
        self.best = best
        log = try MetricsLog(path: directory.metrics, lastStep: start.step)
        progress = ProgressLine(batch: configuration.training.batch)
    }

    /// Logs a step.
    public func report(_ report: StepReport) throws {
        try log.append(
            TrainEvent(
                step: report.step, loss: report.loss.isFinite ? report.loss : nil, learningRate: report.learningRate,
                gradientNorm: report.gradientNorm.isFinite ? report.gradientNorm : nil, seconds: report.seconds,
                imagesPerSecond: Double(configuration.training.batch) / report.seconds, dataWait: report.dataWait,
                communication: report.communication))
        if report.isSkipped { try note(step: report.step, "the gradient was not finite: the step was skipped") }
        let text = progress.line(after: report)
        console.progress(text)
    }

    /// Logs something of note.
    public func note(step: Int, _ message: String) throws {
        try log.append(NoteEvent(step: step, message: message))
        console.say("step \(step): \(message)")
    }

    /// Whether a snapshot would be taken at once.
    public var canAccept: Bool { condition.withLock { waiting == nil } }

    /// Takes a snapshot; waits while another one waits.
    public func accept(_ snapshot: Snapshot) {
        condition.lock()
        while waiting != nil { condition.wait() }
        waiting = snapshot
        if !isWorking {
            isWorking = true
            Thread.detachNewThread { self.work() }
        }
        condition.unlock()
    }

    /// What went wrong with a snapshot; the run must end.
    public var pendingFailure: Failure? { condition.withLock { failure } }

    /// Waits until every snapshot is done; throws what went wrong with one.
    public func finish() throws -> (best: BestScore?, last: (step: Int, scores: SegmentationScores)?) {
        condition.lock()
        defer { condition.unlock() }
        while isWorking { condition.wait() }
        if let failure { throw failure }
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
                let failure = error as? Failure ?? .running("a snapshot could not be saved: \(error)")
                condition.withLock { self.failure = self.failure ?? failure }
            }
        }
    }

    /// Validates before it writes, so that the checkpoint knows the best score so far.
    private func process(_ snapshot: Snapshot) throws {
        let step = snapshot.state.step
        var isBest = false
        if snapshot.isValidated, let validator {
            let outcome = try validator.validate(snapshot.state.weights, previews: (directory.previews, "latest"))
            try log.append(ValidationEvent(step: step, outcome: outcome))
            let metric = configuration.validation.metric
            let value = outcome.scores.value(of: metric)
            condition.withLock {
                lastScores = (step, outcome.scores)
                if let value, metric.isBetter(value, than: best?.value) {
                    best = BestScore(step: step, value: value)
                    isBest = true
                }
            }
            console.say("step \(step): validation \(outcome.scores.summary)\(isBest ? ", the best so far" : "")")
        }
        // The best is kept even between checkpoints.
        if snapshot.isCheckpoint || isBest {
            let best = condition.withLock { self.best }
            try Checkpoint(configuration: configuration.yaml, state: snapshot.state, best: best)
                .write(to: directory.checkpoint(step: step))
            try directory.adopt(step: step, best: best, keep: configuration.checkpoint.keep)
        }
    }
}

/// The line that says how far a run is.
struct ProgressLine {
    private let batch: Int
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let state = Mutex(State())

    private struct State {
        var startProgress: Double?
        var seconds: Double?
        var loss: Double?
    }

    init(batch: Int) {
        self.batch = batch
        start = clock.now
    }

    /// Step, loss, images/s and time left. Loss and speed are moving averages.
    func line(after report: StepReport) -> String {
        let (loss, seconds, from) = state.withLock { state in
            state.loss = state.loss.map { 0.9 * $0 + 0.1 * report.loss } ?? report.loss
            state.seconds = state.seconds.map { 0.9 * $0 + 0.1 * report.seconds } ?? report.seconds
            state.startProgress = state.startProgress ?? report.progress
            return (state.loss ?? 0, state.seconds ?? 1, state.startProgress ?? 0)
        }
        let spent = (clock.now - start) / .seconds(1)
        let done = report.progress - from
        let left = done > 0 ? spent / done * (1 - report.progress) : nil
        let wait = report.dataWait >= 0.01 ? "  waiting for data \(Int(report.dataWait * 100)) %" : ""
        return "step \(report.step)  \(Int(report.progress * 100)) %  loss \(decimals(loss, 4))  "
            + "\(decimals(Double(batch) / seconds, 2)) images/s\(wait)" + (left.map { "  \(duration($0)) left" } ?? "")
    }
}

/// A number with a fixed number of decimals.
func decimals(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }

/// Seconds as a person says them: "42 s", "3 min 10 s", "2 h 5 min".
public func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
}
