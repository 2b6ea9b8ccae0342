import Configurations
import Foundation
import Support

/// How a trial ended.
package struct TrialResult: Sendable, Equatable {
    package enum Status: String, Sendable, Encodable {
        case done, failed
    }

    package let trial: SweepTrial
    package let status: Status
    /// The best value of the objective over the trial's validations; nil for a failed trial.
    package let objective: Double?
    /// The step of that validation.
    package let step: Int?
    /// Seconds of its training steps, over all its starts.
    package let seconds: Double
}

/// `results.csv`: one row a finished trial (RFC 4180, lines ended by a line feed).
struct SweepResults {
    let path: String
    let parameters: [String]

    private var header: [String] { ["trial", "status"] + parameters + ["objective", "step", "seconds"] }

    /// Rewrites the file; a reader sees the old rows or the new ones, never half of them.
    func write(_ results: [TrialResult]) throws {
        let rows = results.sorted { $0.trial.number < $1.trial.number }.map { result in
            [result.trial.name, result.status.rawValue] + result.trial.settings.map(\.value) + [
                result.objective.map { "\($0)" } ?? "", result.step.map(String.init) ?? "",
                decimals(result.seconds, 1),
            ]
        }
        try AtomicFile.write(CSV.text([header] + rows), to: path)
    }

    /// The results of earlier runs of the sweep; none where there is no file yet.
    func read(trials: [SweepTrial]) throws -> [TrialResult] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        var rows: [[String]]
        do {
            rows = try CSV.records(Configuration.readText(path: path, what: "sweep's results")).map(\.fields)
        } catch let flaw as CSV.Flaw {
            throw unreadable("line \(flaw.line)")
        }
        guard !rows.isEmpty, rows.removeFirst() == header else { throw unreadable("its first line") }
        return try rows.map { row in
            guard row.count == header.count, let trial = trials.first(where: { $0.name == row[0] }),
                let status = TrialResult.Status(rawValue: row[1]),
                trial.settings.map(\.value) == Array(row[2..<2 + parameters.count]),
                let seconds = Double(row[row.count - 1])
            else { throw unreadable("the line of '\(row.first ?? "")'") }
            let objective = Double(row[row.count - 3])
            let step = Int(row[row.count - 2])
            guard status == .failed || (objective != nil && step != nil) else {
                throw unreadable("the line of '\(row[0])'")
            }
            return TrialResult(trial: trial, status: status, objective: objective, step: step, seconds: seconds)
        }
    }

    private func unreadable(_ part: String) -> Failure {
        .request("\(path): \(part) is not of this sweep: put the file back as it was, or remove it")
    }
}

/// What a run's `metrics.jsonl` says of it.
struct TrialMetrics {
    /// The best validation, the earliest of equals; nil where none gives the metric as a finite number.
    private(set) var best: (value: Double, step: Int)?
    /// Seconds of all training steps, those before a resume included.
    private(set) var seconds = 0.0

    /// Bytes of a log of training.
    private static let mostBytes = 1 << 32

    /// Throws where the log cannot be read; one that is not there says nothing.
    init(path: String, objective: SweepObjective) throws {
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
            default: break
            }
        }
    }
}
