import Support

/// The progress line: step, loss, images a second, and time left.
struct ProgressLine {
    private let batch: Int
    private let watch = StopWatch()
    private var startProgress: Double?
    private var seconds: Double?
    private var loss: Double?

    init(batch: Int) { self.batch = batch }

    /// Step, loss, images/s and time left. Loss and speed are moving averages.
    mutating func line(after report: StepReport) -> String {
        func average(_ old: Double?, _ new: Double) -> Double { old.map { 0.9 * $0 + 0.1 * new } ?? new }
        // What is not finite would stay in the average for ever.
        let loss = report.loss.isFinite ? average(self.loss, report.loss) : self.loss
        let seconds = average(self.seconds, report.seconds)
        let start = startProgress ?? report.progress
        (self.loss, self.seconds, startProgress) = (loss, seconds, start)
        let done = report.progress - start
        let left = done > 0 ? "  \(duration(watch.seconds / done * (1 - report.progress))) left" : ""
        let data = report.times.data / report.seconds
        let wait = data >= 0.01 ? "  waiting for data \(Int(data * 100)) %" : ""
        return "step \(report.step)  \(Int(report.progress * 100)) %  loss \(decimals(loss ?? report.loss, 4))  "
            + "\(decimals(Double(batch) / seconds, 2)) images/s\(wait)\(left)"
    }
}
