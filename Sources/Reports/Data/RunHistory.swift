import Foundation
import Metrics
import Support

/// What a run's `metrics.jsonl` tells, read as far as it has grown.
///
/// A log may be of a run that was killed or still lasts: a last line that is cut off is left for the next look, other lines
/// that say nothing are counted, and steps that a resume repeated count once.
package final class RunHistory {
    /// A training step; what the log does not say, or what was not finite, is not a number.
    package struct Step {
        package let step: Int
        package let loss: Double
        package let learningRate: Double
        package let gradientNorm: Double
        package let seconds: Double
        package let imagesPerSecond: Double
        package let epoch: Double
        /// Seconds of training since the run began, what passes between steps included.
        package let elapsed: Double
        /// Seconds by `phases`.
        package let phases: [Double]
    }

    package struct Validation {
        package let step: Int
        /// By the names of the metrics; those that are finite.
        package let scores: [String: Double]
        package let loss: Double?
        package let seconds: Double
        package let isAveraged: Bool
    }

    package struct Remark {
        package let step: Int
        package let text: String
    }

    /// What a step's time goes to, as the log names it.
    package static let phases = ["data", "forward", "backward", "audit", "communication", "update"]

    package private(set) var steps: [Step] = []
    package private(set) var validations: [Validation] = []
    package private(set) var notes: [Remark] = []
    package private(set) var failure: Remark?
    /// The best validation, the earliest of equals; nil where none gives the metric.
    package private(set) var best: (step: Int, score: Double)?
    /// Pixels of each class taken for each other one, in the best validation.
    package private(set) var confusion: ConfusionMatrix?
    /// Whole lines that say nothing.
    package private(set) var damagedLines = 0
    /// Whether the last line is cut off.
    package private(set) var isTorn = false
    /// Changes with every event.
    package private(set) var version = 0

    private let path: String
    private let metric: SegmentationMetric
    private var identity: FileIdentity?
    private var offset = 0

    /// - Parameters:
    ///   - path: the log; one that is not there tells nothing.
    ///   - metric: by which a validation is the best.
    package init(path: String, metric: SegmentationMetric) throws {
        (self.path, self.metric) = (path, metric)
        try update()
    }

    /// Reads what has been written since; from the beginning where the log is another one, as after a resume.
    package func update() throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let file = try InputFile(path, called: path)
        let current = FileIdentity(path)
        if file.size < offset || current != identity { forget() }
        identity = current
        let newline = UInt8(ascii: "\n")
        while offset < file.size {
            let part = try file.bytes(at: offset, count: min(Self.chunk, file.size - offset))
            guard let end = part.lastIndex(of: newline) else {
                // A line longer than that is none of ours.
                guard part.count == Self.chunk else { break }
                damagedLines += 1
                offset += part.count
                continue
            }
            for line in part[..<end].split(separator: newline) { take(line) }
            offset += end + 1
            version += 1
        }
        isTorn = offset < file.size
    }

    /// Counts on from another history of the run, so that no two states have one version.
    package func countVersions(after earlier: RunHistory) { version += earlier.version + 1 }

    private static let chunk = 16 << 20

    private func forget() {
        (steps, validations, notes, failure, confusion, best) = ([], [], [], nil, nil, nil)
        (damagedLines, offset) = (0, 0)
        version += 1
    }

    private func take(_ line: ArraySlice<UInt8>) {
        guard let event = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any],
            let kind = event["event"] as? String, let step = event["step"] as? Int, step >= 0, step < 1 << 53
        else {
            damagedLines += 1
            return
        }
        switch kind {
        case "train": takeStep(step, event)
        case "validation": takeValidation(step, event)
        case "note": notes.append(Remark(step: step, text: event["message"] as? String ?? ""))
        case "failure": failure = Remark(step: step, text: event["message"] as? String ?? "")
        default: break
        }
    }

    private func takeStep(_ step: Int, _ event: [String: Any]) {
        while let last = steps.last, last.step >= step { steps.removeLast() }
        failure = nil
        let times = event["time"] as? [String: Any] ?? [:]
        steps.append(
            Step(
                step: step, loss: Self.number(event["loss"]) ?? .nan,
                learningRate: Self.number(event["learning_rate"]) ?? .nan,
                gradientNorm: Self.number(event["gradient_norm"]) ?? .nan,
                seconds: max(0, Self.number(event["seconds"]) ?? 0),
                imagesPerSecond: Self.number(event["images_per_second"]) ?? .nan,
                epoch: Self.number(event["epoch"]) ?? .nan,
                elapsed: Self.number(event["elapsed_seconds"]) ?? .nan,
                phases: Self.phases.map { max(0, Self.number(times[$0]) ?? 0) }))
    }

    private func takeValidation(_ step: Int, _ event: [String: Any]) {
        if let last = validations.last, last.step >= step {
            while let last = validations.last, last.step >= step { validations.removeLast() }
            best = nil
            for one in validations { takeBest(one.step, one.scores) }
        }
        var scores: [String: Double] = [:]
        for metric in SegmentationMetric.allCases { scores[metric.rawValue] = Self.number(event[metric.rawValue]) }
        validations.append(
            Validation(
                step: step, scores: scores, loss: Self.number(event["loss"]),
                seconds: max(0, Self.number(event["seconds"]) ?? 0), isAveraged: event["weights"] as? String == "ema"))
        // The matrices of all of them would not fit, of many classes.
        if takeBest(step, scores) || confusion == nil { confusion = Self.confusion(event["confusion_matrix"]) }
    }

    /// Whether a validation is the best so far.
    @discardableResult
    private func takeBest(_ step: Int, _ scores: [String: Double]) -> Bool {
        guard let score = scores[metric.rawValue], metric.isBetter(score, than: best?.score) else { return false }
        best = (step, score)
        return true
    }

    private static func number(_ value: Any?) -> Double? {
        (value as? NSNumber).map(\.doubleValue).flatMap { $0.isFinite ? $0 : nil }
    }

    static func confusion(_ value: Any?) -> ConfusionMatrix? {
        guard let rows = value as? [[Int]], (1...1024).contains(rows.count),
            rows.allSatisfy({ $0.count == rows.count && $0.allSatisfy { (0...(1 << 50)).contains($0) } })
        else { return nil }
        return ConfusionMatrix(classes: rows.count, counts: rows.flatMap(\.self))
    }
}

extension RunHistory {
    /// Validations that followed the best.
    package var validationsSinceBest: Int { best.map { best in validations.count { $0.step > best.step } } ?? 0 }

    /// The last step that the log has; 0 where there is none.
    package var lastStep: Int { max(steps.last?.step ?? 0, validations.last?.step ?? 0) }

    /// Seconds of training, as the run counts them, with what passes between steps; of an older log those of its steps.
    package var seconds: Double {
        let sum = steps.reduce(0) { $0 + $1.seconds }
        return steps.last.map(\.elapsed).map { $0.isFinite ? max($0, sum) : sum } ?? sum
    }

    /// The mean loss of the last steps, those aside where it was not finite.
    package func recentLoss(_ count: Int = 50) -> Double? {
        let losses = steps.suffix(count).map(\.loss).filter(\.isFinite)
        return losses.isEmpty ? nil : losses.reduce(0, +) / Double(losses.count)
    }

    /// Steps whose loss was not finite.
    package var lostSteps: [Int] { steps.filter { !$0.loss.isFinite }.map(\.step) }
}
