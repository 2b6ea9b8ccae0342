import Checkpoints
import Communication
import Configurations
import FailureDetection
import Foundation
import Support

/// A worker's part of a run: step after step, and between them what is due: snapshots for the coordinator, validations that
/// the workers share, comparisons of the replicas.
final class Worker {
    private let configuration: Configuration
    private let limit: TrainingLimit
    /// The step at which this start of the run ends, though the run is longer.
    private let until: Int?
    private let workers: any Communicator
    private let trainer: Trainer
    private let recorder: Recorder
    /// The coordinator as this worker reaches it; only the lead worker does.
    private let coordinator: (any CoordinatorClient)?
    private let hasValidation: Bool
    /// Whether the state that the run goes on from is still to be validated, and still to be saved.
    private let isValidationDue: Bool
    private let isUnsaved: Bool
    /// Set on one worker of each machine, where states are kept in memory.
    private let keeper: StateKeeper?
    /// Snapshots that were submitted to the coordinator, which all workers count.
    private var submissions = 0
    /// Of them, those that the others were told to be over.
    private var settled = 0
    /// Set where the workers validate.
    private let validation: SharedValidation?
    private let watch = StopWatch()
    private let startElapsed: Double
    /// What validations took, which is no training.
    private var validationSeconds = 0.0
    /// What this worker tells the others with every step: once asked to stop or end, it goes on saying so.
    private var control = Control()
    private var replicas: ReplicaCheck

    /// - Parameters:
    ///   - until: the step at which this start of the run ends, though the run is longer; nil: at the run's end.
    ///   - trainer: what computes the steps, with all `workers`.
    ///   - start: what the run goes on from.
    ///   - validator: set where the workers validate.
    ///   - keeper: set on one worker of each machine, where states are kept in memory.
    init(
        configuration: Configuration, limit: TrainingLimit, until: Int?, workers: any Communicator, trainer: Trainer,
        coordinator: (any CoordinatorClient)?, hasValidation: Bool, start: StartingPoint, validator: Validator?,
        keeper: StateKeeper?, recorder: Recorder
    ) {
        self.configuration = configuration
        self.limit = limit
        self.until = until
        self.workers = workers
        self.trainer = trainer
        self.recorder = recorder
        self.coordinator = coordinator
        self.hasValidation = hasValidation
        self.isValidationDue = start.isValidationDue && hasValidation
        isUnsaved = start.isUnsaved
        self.keeper = keeper
        validation = validator.map { SharedValidation(validator: $0, workers: workers, recorder: recorder) }
        replicas = ReplicaCheck(workers: workers)
        startElapsed = trainer.state.elapsed
    }

    private var state: TrainingState { trainer.state }

    /// Whether no step follows: the run ends here, or this start of it does.
    private var isAtEnd: Bool {
        limit.isReached(step: state.step, elapsed: state.elapsed) || until.map { state.step >= $0 } ?? false
    }

    /// Trains to the end of the run, or until a signal; throws on all workers alike.
    func run() throws -> Ending {
        defer { trainer.stop() }
        do { return try train() } catch let failure as Failure {
            // Nothing good comes of a state that replicas differ in, or whose gradients are in doubt.
            if replicas.haveDiffered || trainer.haveGradientsDiffered { keeper?.removeAll() }
            if trainer.haveGradientsDiffered { try coordinator?.doubt() }
            throw failure
        }
    }

    private func train() throws -> Ending {
        if isValidationDue || isUnsaved {
            try submitSnapshot(isCheckpoint: true, isSound: true, validate: isValidationDue)
        }
        while !isAtEnd {
            try updateControl()
            let outcome = try trainer.step(control) { try coordinator?.isSending() ?? false }
            // A coordinator elsewhere that takes no messages may keep the workers waiting, which is no fault of theirs.
            if !(coordinator is LocalCoordinator) { try recorder.enter(.waiting, step: state.step) }
            let report = StepReport(
                outcome, progress: limit.progress(step: state.step, elapsed: state.elapsed), elapsed: elapsed)
            try coordinator?.report(report)
            if outcome.control.end { return .done }
            let isStopped = outcome.control.stop
            let isLast = isAtEnd
            let isValidated = hasValidation && (isLast || isValidationStep)
            if let keeper {
                keeper.take(report, settled: outcome.control.settled)
                recorder.keeping(step: state.step) { keeper.keep(state, isValidated: isValidated) }
            }
            // A validation that is due is not left out for a signal: the resumed run could not make up for it.
            try submitSnapshot(
                isCheckpoint: isStopped || isLast || isDue(every: configuration.checkpoint.every),
                isSound: !outcome.isSkipped,
                validate: isValidated)
            if isStopped && !isLast { return .stopped }
            if workers.size > 1, isDue(every: configuration.run.replicaCheckEvery) {
                try recorder.enter(.waiting, step: state.step)
                try replicas.compare(state)
            }
        }
        return .done
    }

    /// Updates `control` by the coordinator's order, a signal, and the lead worker's clock.
    private func updateControl() throws {
        switch try coordinator?.order() {
        case .stop: control.stop = true
        case .end: control.end = true
        case .fail(let record): control.failure = record.failure
        case nil: break
        }
        if StopSignal.isRaised { control.stop = true }
        if workers.rank == 0 {
            control.elapsed = elapsed
            let all = try coordinator?.settled() ?? 0
            (control.settled, settled) = (all - settled, all)
        }
    }

    /// Seconds of training since the run began, by this worker's clock.
    private var elapsed: Double { startElapsed + watch.seconds - validationSeconds }

    /// Whether a validation is due. Where the minutes of a run are over within half of the steps between two, that of the
    /// last step stands for it: whoever waits for the end need not wait for both.
    private var isValidationStep: Bool {
        let every = configuration.validation.every
        return isDue(every: every)
            && !limit.endsWithin(steps: (every + 1) / 2, step: state.step, elapsed: state.elapsed)
    }

    private func isDue(every steps: Int) -> Bool { steps > 0 && state.step % steps == 0 }

    /// Gives the coordinator a copy of the run's state, once the replicas are known to be equal and sound.
    private func submitSnapshot(isCheckpoint: Bool, isSound: Bool, validate: Bool) throws {
        guard isCheckpoint || validate else { return }
        try workers.agree { try recorder.enter(.checkpoint, step: state.step) }
        let digest = try replicas.compare(state)
        guard state.isFinite else {
            throw Failure.running(
                "the weights are not finite after step \(state.step), and were not saved: lower optimizer.learning_rate or set "
                    + "optimizer.clip_norm, and go on from the last checkpoint with --resume, or start again",
                repeats: true)
        }
        func submit(_ due: Snapshot.Validation, _ findings: Validator.Findings? = nil) throws {
            submissions += 1
            if due != .none { keeper?.expect(validation: state.step, submission: submissions) }
            try coordinator?.submit(
                state, digest: digest, isCheckpoint: isCheckpoint, isSound: isSound, validation: due, findings: findings
            )
        }
        guard validate else { return try submit(.none) }
        guard let validation else { return try submit(.due) }
        // Saved before the workers validate: whatever happens meanwhile costs no step.
        if isCheckpoint { try submit(.underWay) }
        let found = try validation.run(state.validated, step: state.step) { try coordinator?.isValidating($0, of: $1) }
        validationSeconds += found.seconds
        try submit(.done, found)
    }
}
