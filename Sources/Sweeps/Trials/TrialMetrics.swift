import Foundation
import Support

/// What a run's `metrics.jsonl` says of it.
struct TrialMetrics {
    /// The best validation, the earliest of equals; nil where none gives the metric as a finite number.
    private(set) var best: (value: Double, step: Int)?
    /// All numbers of that validation, by their names.
    private(set) var scores: [String: Double] = [:]
    /// Seconds of all training steps, those before a resume included.
    private(set) var seconds = 0.0

    /// Bytes of a log of training.
    private static let mostBytes = 1 << 32

    /// Throws where the log cannot be read; one that is not there says nothing.
    init(path: String, objective: TrialObjective) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let text = try InputFile(path, called: path).contents(atMost: Self.mostBytes, as: "a log")
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let event = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any] else { continue }
            switch event["event"] as? String {
            case "train": seconds += event["seconds"] as? Double ?? 0
            case "validation":
                guard let step = event["step"] as? Int, let value = event[objective.metric.rawValue] as? Double,
                    value.isFinite, best.map({ objective.isBetter(value, than: $0.value) }) ?? true
                else { continue }
                best = (value, step)
                scores = event.compactMapValues { $0 as? Double }
            default: break
            }
        }
    }
}
