import Checkpoints
import Foundation
import Metrics
import Support

/// What a run's log says of the steps behind a checkpoint.
struct RunCourse {
    /// The steps that were trained.
    private(set) var trained: Set<Int> = []
    /// The validations, in the order of the log; of one that was repeated the last.
    private(set) var validations: [(step: Int, value: Double?)] = []

    /// Reads a log; what cannot be read of it is passed over.
    ///
    /// - Parameters:
    ///   - path: of `metrics.jsonl`; there may be none.
    ///   - step: the checkpoint's.
    ///   - metric: the score of `validations`.
    init(_ path: String, after step: Int, metric: SegmentationMetric) throws {
        guard access(path, F_OK) == 0 else { return }
        let text = try InputFile(path, called: shownPath(path)).contents(atMost: 1 << 40, as: "a log")
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
                let at = event["step"] as? Int, at > step
            else { continue }
            switch event["event"] as? String {
            case "train": trained.insert(at)
            case "validation":
                validations.removeAll { $0.step == at }
                validations.append((at, event[metric.rawValue] as? Double))
            default: break
            }
        }
    }

    /// The best score after the validations up to a step, but for those that are still due.
    ///
    /// - Parameters:
    ///   - best: of the checkpoint.
    ///   - isThere: whether a step's checkpoint is there: a best score is one only where it is.
    func best(
        from best: BestScore?, upTo step: Int, due: Set<Int>, metric: SegmentationMetric, isThere: (Int) -> Bool
    ) -> BestScore? {
        var best = best
        for (at, value) in validations where at <= step && !due.contains(at) {
            if let value, metric.isBetter(value, than: best?.value), isThere(at) {
                best = BestScore(step: at, value: value)
            } else {
                best?.validationsSince += 1
            }
        }
        return best
    }
}
