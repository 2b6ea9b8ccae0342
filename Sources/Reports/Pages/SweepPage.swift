import Checkpoints
import Configurations
import Foundation
import Metrics
import Support
import Sweeps

/// The page of a sweep: its trials by their objective, as curves and as parallel coordinates.
struct SweepPage: Page {
    let template = "sweep"
    private let path: String
    private let name: String
    private let metric: SegmentationMetric
    private let isMaximized: Bool
    private var table: ResultsTable?
    private var trials: [TrialRun] = []
    private var trouble: [String] = []
    private var version = 0

    /// Curves of a sweep have so many points together.
    private static let mostPoints = 60_000

    init(_ path: String) throws {
        self.path = path
        do {
            let file = try SweepFile.load(path: "\(path)/sweep.yaml")
            (name, metric) = (file.name, file.objective.metric)
            isMaximized = file.objective.direction == .maximize
        } catch let failure as Failure {
            (name, metric, isMaximized) = ((path as NSString).lastPathComponent, .iou, true)
            trouble.append("The sweep file cannot be read, and IoU is taken for its objective: \(failure.message).")
        }
        try update()
    }

    mutating func update() throws {
        do {
            table = try ResultsTable(path: "\(path)/results.csv")
        } catch let failure as Failure {
            table = nil
            trouble =
                trouble.filter { !$0.hasPrefix("The table") } + [
                    "The table of results cannot be read: \(failure.message)."
                ]
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter {
            $0.hasPrefix("trial-") && isFolder("\(path)/\($0)") == true
        }.sorted()
        let known = Dictionary(trials.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        trials = try names.map { name in
            let trial = try known[name] ?? TrialRun(name: name, path: "\(path)/\(name)", metric: metric)
            try trial.history.update()
            return trial
        }
        version = trials.reduce(table?.rows.count ?? 0) { $0 &+ $1.history.version &+ 1 }
    }

    /// Keys of the parameters: the columns between the trial's and the objective's.
    private var parameters: [String] {
        let known: Set = ["trial", "status", "objective", "step", "seconds", "rung", "steps", "reason"]
        return (table?.header ?? []).filter { !known.contains($0) }
    }

    private struct Row {
        let name: String
        let status: String
        let values: [String]
        let objective: Double?
        let step: String?
        let seconds: Double?
        let reason: String?
    }

    private var rows: [Row] {
        guard let table else { return [] }
        var listed: Set<String> = []
        let finished = table.rows.map { row in
            let name = table.field("trial", of: row) ?? ""
            listed.insert(name)
            let status = table.field("status", of: row) ?? ""
            return Row(
                name: name, status: status, values: parameters.map { table.field($0, of: row) ?? "" },
                objective: table.number("objective", of: row), step: table.field("step", of: row),
                seconds: table.number("seconds", of: row), reason: status == "failed" ? reason(name) : nil)
        }
        // What has begun and is in no table yet.
        let others = trials.filter { !listed.contains($0.name) }.map { trial in
            Row(
                name: trial.name, status: trial.status, values: parameters.map { trial.settings[$0] ?? "" },
                objective: trial.history.best?.score, step: trial.history.best.map { "\($0.step)" },
                seconds: trial.history.seconds, reason: nil)
        }
        return finished + others
    }

    /// What a trial that failed said last.
    private func reason(_ name: String) -> String? {
        if let failure = trials.first(where: { $0.name == name })?.history.failure { return shown(failure.text) }
        guard let file = try? InputFile("\(path)/\(name).log", called: name),
            let end = try? file.bytes(at: max(0, file.size - 1 << 16), count: 1 << 16)
        else { return nil }
        let lines = String(decoding: end, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last { $0.hasPrefix("error: ") }.map { shown(String($0.dropFirst("error: ".count))) }
    }

    private func isBetter(_ a: Double, than b: Double) -> Bool { isMaximized ? a > b : a < b }

    private func best(_ rows: [Row]) -> Row? {
        rows.filter { $0.objective != nil && $0.status != "failed" }.reduce(nil) { best, row in
            guard let old = best?.objective, let new = row.objective else { return row }
            return isBetter(new, than: old) ? row : best
        }
    }

    var live: Live {
        get throws {
            let rows = rows
            let best = best(rows)
            // Whether the sweep is at work, or one of its trials is.
            let isRunning =
                FileHandle.isLocked(folder: path)
                || trials.contains { FileHandle.isLocked(folder: "\(path)/\($0.name)") }
            let failed = rows.count { $0.status == "failed" }
            var notes = trouble.map { Live.Note(text: shown($0), isBad: true) }
            if failed > 0 {
                notes.append(
                    .init(
                        text:
                            "\(failed) trial\(failed == 1 ? "" : "s") failed: the table below says why. A resumed sweep tries \(failed == 1 ? "it" : "them") again.",
                        isBad: true))
            }
            if rows.isEmpty { notes.append(.init(text: "No trial has begun yet.")) }
            if let damaged = table?.damagedRows, damaged > 0 {
                notes.append(.init(text: "\(damaged) line\(damaged == 1 ? "" : "s") of results.csv cannot be read."))
            }
            let chosen = best.map { one in
                zip(parameters, one.values).map { "\($0) \($1)" }.joined(separator: ", ")
            }
            let verdict =
                best.map {
                    "Best \(metric.title) \(figure($0.objective ?? .nan)) by \($0.name)\(chosen.map { $0.isEmpty ? "" : " with \($0)" } ?? "")."
                } ?? "No trial is done yet."
            return Live(
                version: version &* 2 &+ (isRunning ? 1 : 0), name: shown(name),
                badge: badge(rows, isRunning: isRunning, failed: failed),
                verdict: shown(verdict), facts: facts(rows, best), notes: notes,
                charts: charts(best), table: leaderboard(rows, best), axes: axes(rows))
        }
    }

    private func badge(_ rows: [Row], isRunning: Bool, failed: Int) -> Live.Badge {
        if isRunning { return .init(word: "running", tone: "live") }
        if failed > 0 { return .init(word: "\(failed) failed", tone: "bad") }
        if rows.isEmpty { return .init(word: "not begun", tone: "quiet") }
        let isOver = rows.allSatisfy { ["done", "pruned"].contains($0.status) }
        return isOver ? .init(word: "finished", tone: "good") : .init(word: "unfinished", tone: "quiet")
    }

    private func facts(_ rows: [Row], _ best: Row?) -> [Live.Fact] {
        var facts: [Live.Fact] = []
        if let best, let value = best.objective {
            facts.append(.init(label: "best \(metric.title)", value: figure(value), detail: best.name))
        }
        let counts = Dictionary(grouping: rows, by: \.status).mapValues(\.count)
        let words = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        facts.append(
            .init(label: "trials", value: grouped(rows.count), detail: shown(words.joined(separator: ", "))))
        let scores = rows.compactMap(\.objective)
        if let middle = median(scores), scores.count > 1 {
            facts.append(
                .init(label: "median \(metric.title)", value: figure(middle), detail: "of \(scores.count) trials"))
        }
        let seconds = rows.compactMap(\.seconds).reduce(0, +)
        if seconds > 0 {
            facts.append(.init(label: "training time", value: duration(seconds), detail: "of all trials"))
        }
        return facts
    }

    private func charts(_ best: Row?) -> [Chart] {
        let most = max(20, min(400, Self.mostPoints / max(1, trials.count)))
        func chart(_ id: String, _ title: String, _ curve: (TrialRun) -> Curve?) -> Chart? {
            let curves = trials.compactMap { trial -> Curve? in
                guard var curve = curve(trial) else { return nil }
                curve.isBest = trial.name == best?.name
                return curve
            }
            return curves.isEmpty ? nil : Chart(id: id, title: title, curves: curves)
        }
        return [
            chart("objective", "Validation \(metric.title)") { trial in
                let found = trial.history.validations.compactMap { one in
                    one.scores[metric.rawValue].map { (one.step, $0) }
                }
                return found.isEmpty ? nil : Curve(trial.name, .dots, x: found.map(\.0), y: found.map(\.1), most: most)
            },
            chart("loss", "Training loss") { trial in
                let steps = trial.history.steps
                return steps.isEmpty ? nil : Curve(trial.name, x: steps.map(\.step), y: steps.map(\.loss), most: most)
            },
        ].compactMap(\.self)
    }

    private func leaderboard(_ rows: [Row], _ best: Row?) -> Live.Table {
        let columns = ["trial", "status"] + parameters + [metric.title, "step", "time"]
        let first = 2
        return Live.Table(
            columns: columns.enumerated().map { index, title in
                let isParameter = (first..<first + parameters.count).contains(index)
                let isNumber =
                    isParameter
                    ? rows.allSatisfy { Self.number($0.values[index - first]) != nil } : index >= first
                return .init(title: shown(title), isNumber: isNumber)
            },
            rows: rows.map { row in
                Live.Table.Row(
                    name: shown(row.name),
                    texts: [shown(row.name), shown(row.status)] + row.values.map(shown) + [
                        row.objective.map(figure) ?? "–", row.step.flatMap { Int($0) }.map(grouped) ?? "–",
                        row.seconds.map { duration($0) } ?? "–",
                    ],
                    numbers: [nil, nil] + row.values.map(Self.number) + [
                        row.objective, row.step.flatMap(Double.init), row.seconds,
                    ], isBest: row.name == best?.name, status: shown(row.status), reason: row.reason)
            }, sortedBy: first + parameters.count, isDescending: isMaximized)
    }

    /// The number that a value is; nil of words, `nan` and `inf` among them, which JSON cannot say.
    private static func number(_ text: String) -> Double? { Double(text).flatMap { $0.isFinite ? $0 : nil } }

    private func axes(_ rows: [Row]) -> [Live.Axis] {
        let axes = parameters.enumerated().map { index, key -> Live.Axis in
            let texts = rows.map { $0.values[index] }
            let numbers = texts.map(Self.number)
            guard numbers.allSatisfy({ $0 != nil }) else {
                let words = Array(Set(texts)).sorted()
                return .init(
                    title: shown(key), values: texts.map { words.firstIndex(of: $0).map(Double.init) },
                    words: words.map { $0.isEmpty ? "–" : shown($0) }, isLogarithmic: false, isObjective: false)
            }
            let values = numbers.compactMap(\.self)
            let isSpread = (values.min() ?? 0) > 0 && (values.max() ?? 0) / (values.min() ?? 1) >= 20
            return .init(title: shown(key), values: numbers, words: nil, isLogarithmic: isSpread, isObjective: false)
        }
        guard !axes.isEmpty else { return [] }
        return axes + [
            .init(
                title: metric.title, values: rows.map { $0.status == "failed" ? nil : $0.objective }, words: nil,
                isLogarithmic: false, isObjective: true)
        ]
    }

    var sections: [String: Any] {
        get throws {
            let rows = rows
            let best = best(rows)
            let word = "\(path)/best.yaml".shellWord
            var commands: [[String: String]] = []
            if rows.isEmpty || !rows.allSatisfy({ ["done", "pruned"].contains($0.status) }) {
                // The copy here does not do: its base is relative to where the file was.
                commands.append([
                    "what": "Go on, by the file that the sweep was begun with",
                    "command": "lockstep sweep SWEEP --resume",
                ])
            }
            if let best, isFolder("\(path)/best.yaml") == false {
                let run = "\(path)/\(best.name)".shellWord
                commands += [
                    [
                        "what": "Segment with the best trial",
                        "command": "lockstep predict \(run) --input IMAGES --output RESULTS",
                    ],
                    ["what": "Look at the best trial", "command": "lockstep report \(run)"],
                    ["what": "Train the best settings anew", "command": "lockstep train \(word)"],
                ]
            }
            var sections: [String: Any] = ["kind": "sweep", "place": shown(path), "metric": metric.title]
            sections["commands"] = commands.map { $0.mapValues(shown) }
            if let yaml = try? Configuration.readText(path: "\(path)/sweep.yaml", what: "sweep") {
                sections["yaml"] = yaml.printable(keepingLines: true)
            }
            return sections
        }
    }
}

/// A run among others: a sweep's trial, or a fold.
final class TrialRun {
    let name: String
    let history: RunHistory
    /// Values of the configuration, by their dotted keys, where it can be read.
    let settings: [String: String]
    private let path: String

    init(name: String, path: String, metric: SegmentationMetric) throws {
        (self.name, self.path) = (name, path)
        let directory = RunDirectory(path)
        history = try RunHistory(path: directory.metrics, metric: metric)
        let text = try? Configuration.readText(path: directory.configuration, what: "configuration")
        let leaves = text.flatMap { try? ConfigurationNode.parse(yaml: $0, name: path) }?.leaves ?? []
        settings = Dictionary(leaves.map { ($0.key, $0.value.text) }, uniquingKeysWith: { first, _ in first })
    }

    var status: String {
        if FileHandle.isLocked(folder: path) { return "running" }
        return history.failure != nil ? "failed" : history.steps.isEmpty ? "waiting" : "unfinished"
    }
}
