import Support

/// Where a job's time went, for whoever waited for it.
package struct RunTimes: Encodable, Sendable {
    /// Seconds until the first step: images read, weights drawn or read.
    package private(set) var before = 0.0
    /// Seconds from the first step's beginning to the last one's end.
    package private(set) var training = 0.0
    /// Seconds after the last step: what was still to be validated and saved.
    package private(set) var after = 0.0
    /// Of `training`, the steps' seconds by activity in a mean worker; what is missing passed between steps.
    private(set) var steps = StepTimes(
        data: 0, forward: 0, backward: 0, audit: nil, communication: 0, update: 0)

    private let watch: StopWatch
    private var begin: Double?

    private enum CodingKeys: CodingKey { case before, training, after, steps }

    /// - Parameter watch: runs since the job began.
    init(since watch: StopWatch) { self.watch = watch }

    /// Takes a step in that has just ended.
    mutating func add(_ report: StepReport) {
        let now = watch.seconds
        let begin = begin ?? max(0, now - report.seconds)
        (self.begin, before, training) = (begin, begin, now - begin)
        steps = steps + report.times
    }

    /// All is done.
    mutating func end() {
        let now = watch.seconds
        if begin == nil { before = now } else { after = now - before - training }
    }
}

extension RunTimes: CustomStringConvertible {
    /// "3 min 5 s: 6 s before the first step, 2 min 41 s training (forward 38 %, backward 57 %), 18 s after the last".
    package var description: String {
        guard begin != nil else { return "\(duration(before)): no step was left to train" }
        let named = [
            ("forward", steps.forward), ("backward", steps.backward), ("waiting for images", steps.data),
            ("audits", steps.audit ?? 0), ("sums and other workers", steps.communication), ("update", steps.update),
        ]
        let between = training - named.reduce(0) { $0 + $1.1 }
        let shares = (named + [("between steps", between)])
            .filter { training > 0 && $0.1 >= 0.01 * training }
            .map { "\($0.0) \(Int((100 * $0.1 / training).rounded())) %" }
        let parts = [
            before >= 0.5 ? "\(duration(before)) before the first step" : nil,
            "\(duration(training)) training" + (shares.isEmpty ? "" : " (\(shares.joined(separator: ", ")))"),
            after >= 0.5 ? "\(duration(after)) validating and saving after the last" : nil,
        ]
        return "\(duration(before + training + after)): \(parts.compactMap(\.self).joined(separator: ", "))"
    }
}
