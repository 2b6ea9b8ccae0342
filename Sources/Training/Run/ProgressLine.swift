import Support

/// The progress line, what matters most first, since a terminal shows as much of it as it has room for: time left, step,
/// loss, what is done beside the steps, and images a second.
struct ProgressLine {
    private let batch: Int
    private let limit: TrainingLimit
    private let watch = StopWatch()
    private var startProgress: Double?
    private var seconds: Double?
    private var loss: Double?
    private var last: StepReport?

    /// What the coordinator does beside the steps, or after the last: "validating 3 of 5".
    var activity: String?

    init(batch: Int, limit: TrainingLimit) { (self.batch, self.limit) = (batch, limit) }

    /// Takes a step in. Loss and speed are moving averages.
    mutating func take(_ report: StepReport) {
        func average(_ old: Double?, _ new: Double) -> Double { old.map { 0.9 * $0 + 0.1 * new } ?? new }
        // What is not finite would stay in the average for ever.
        if report.loss.isFinite { loss = average(loss, report.loss) }
        seconds = average(seconds, report.seconds)
        startProgress = startProgress ?? report.progress
        last = report
    }

    /// The parts of the line, two blanks between them.
    var text: String {
        guard let last, let seconds else { return activity ?? "" }
        var parts: [String] = []
        let isOver = last.progress >= 1
        let done = last.progress - (startProgress ?? 0)
        if isOver {
            parts.append("trained")
        } else if done > 0 {
            parts.append("\(duration(watch.seconds / done * (1 - last.progress))) left")
        }
        switch limit {
        case .steps(let steps): parts.append("step \(last.step)/\(steps)")
        case .seconds: parts.append("\(Int(last.progress * 100)) %  step \(last.step)")
        }
        parts.append("loss \(decimals(loss ?? last.loss, 4))")
        if let activity { parts.append(activity) }
        if !isOver {
            parts.append("\(decimals(Double(batch) / seconds, 2)) images/s")
            let data = last.times.data / last.seconds
            if data >= 0.01 { parts.append("waiting for data \(Int(data * 100)) %") }
        }
        return parts.joined(separator: "  ")
    }
}
