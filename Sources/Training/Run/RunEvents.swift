/// What a training step leaves in the log.
struct TrainEvent: Encodable {
    var event = "train"
    let step: Int
    /// How often each training image has been seen, in the mean.
    let epoch: Double
    /// Seconds of training since the run began, over all resumes.
    let elapsed: Double
    let loss: Double?
    let learningRate: Double
    let gradientNorm: Double?
    let seconds: Double
    let imagesPerSecond: Double
    let time: StepTimes
    /// The worker that costs the others more than a tenth of the step.
    let slowest: WorkerBehind?
    /// Slots that were computed a second time, with the same bits; nil where the step was not audited.
    let audited: Int?

    enum CodingKeys: String, CodingKey {
        case event, step, epoch, loss, seconds, time, slowest, audited
        case elapsed = "elapsed_seconds"
        case learningRate = "learning_rate"
        case gradientNorm = "gradient_norm"
        case imagesPerSecond = "images_per_second"
    }
}

/// Something of note: a resume, a skipped step, workers that waited for the coordinator.
struct NoteEvent: Encodable {
    var event = "note"
    let step: Int
    let message: String
}

/// What ended a run, its last event; a resume drops it.
struct FailureEvent: Encodable {
    var event = "failure"
    let step: Int
    let message: String
    /// Whether the same would happen again: `launch/supervise` then does not start the run anew.
    let repeats: Bool
}
