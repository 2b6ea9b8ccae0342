/// A step as the lead worker reports it.
struct StepReport: Codable, Sendable {
    let step: Int
    let loss: Double
    let learningRate: Double
    let gradientNorm: Double
    /// Seconds of the step, images included.
    let seconds: Double
    /// Seconds of the lead worker's update.
    let update: Double
    /// What each worker's own slots took.
    private(set) var workers: [WorkerTimes]
    /// Share of the run that is done, 0 to 1.
    let progress: Double
    /// Seconds of training since the run began, over all resumes, by the lead worker's clock.
    let elapsed: Double
    /// Whether the update was left out because the gradient was not finite.
    let isSkipped: Bool
    /// Slots that were computed a second time, by all workers together, with the same bits.
    let audited: Int

    /// - Parameters:
    ///   - progress: share of the run that is done.
    ///   - elapsed: seconds of training at the step's end.
    init(_ outcome: StepOutcome, progress: Double, elapsed: Double) {
        step = outcome.step
        loss = outcome.loss
        learningRate = outcome.learningRate
        gradientNorm = outcome.gradientNorm
        seconds = outcome.end - outcome.begin
        update = outcome.end - outcome.summed
        workers = outcome.workers
        self.progress = progress
        self.elapsed = elapsed
        isSkipped = outcome.isSkipped
        audited = outcome.audited
    }

    /// The same with one mean worker, which is all that the log needs of them.
    var condensed: StepReport {
        var report = self
        func mean(_ field: (WorkerTimes) -> Double) -> Double {
            workers.map(field).reduce(0, +) / Double(max(workers.count, 1))
        }
        report.workers = [
            WorkerTimes(
                data: mean(\.data), forward: mean(\.forward), backward: mean(\.backward), audit: mean(\.audit))
        ]
        return report
    }

    /// The step's seconds in a mean worker.
    var times: StepTimes {
        func mean(_ field: (WorkerTimes) -> Double) -> Double {
            workers.map(field).reduce(0, +) / Double(max(workers.count, 1))
        }
        return StepTimes(
            data: mean(\.data), forward: mean(\.forward), backward: mean(\.backward),
            audit: audited > 0 ? mean(\.audit) : nil,
            communication: mean { max(0, seconds - update - $0.total - $0.audit) }, update: update)
    }
}

/// The seconds of a step by activity.
struct StepTimes: Codable, Sendable {
    /// Waiting for images.
    let data: Double
    let forward: Double
    let backward: Double
    /// Computing slots a second time; nil where the step was not audited.
    let audit: Double?
    /// Waiting for other workers, and for sums that were still under way when the backward pass was over.
    let communication: Double
    let update: Double
}

extension StepTimes {
    static func + (a: Self, b: Self) -> Self {
        Self(
            data: a.data + b.data, forward: a.forward + b.forward, backward: a.backward + b.backward,
            audit: a.audit.map { $0 + (b.audit ?? 0) } ?? b.audit,
            communication: a.communication + b.communication, update: a.update + b.update)
    }
}
