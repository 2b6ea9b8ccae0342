import Checkpoints

/// A copy of a run's state, on its way to the disk and the validation images.
///
/// Sendable without a lock: whoever makes it hands it over to the coordinator's thread, and nobody changes the state after
/// that.
final class Snapshot: @unchecked Sendable {
    let state: TrainingState
    /// `TrainingState.digest` as the worker made it.
    let digest: String
    let isCheckpoint: Bool
    /// Whether its last step was made, and not skipped.
    let isSound: Bool
    let validation: Validation
    /// What the workers have found with it, where `validation` is `.done`.
    let findings: Validator.Findings?

    /// What is to be done about its scores.
    enum Validation: String, Codable {
        /// Nothing: none is due.
        case none
        /// The coordinator validates.
        case due
        /// The workers are about to.
        case underWay
        /// They have.
        case done
    }

    /// Of a checkpoint that is still to be validated.
    convenience init(due checkpoint: Checkpoint) {
        self.init(
            state: checkpoint.state, digest: checkpoint.state.digest, isCheckpoint: true, isSound: true,
            validation: .due)
    }

    init(
        state: TrainingState, digest: String, isCheckpoint: Bool, isSound: Bool, validation: Validation,
        findings: Validator.Findings? = nil
    ) {
        precondition((validation == .done) == (findings != nil), "a snapshot whose validation is \(validation)")
        self.state = state
        self.digest = digest
        self.isCheckpoint = isCheckpoint
        self.isSound = isSound
        self.validation = validation
        self.findings = findings
    }
}
