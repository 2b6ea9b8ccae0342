import Configurations
import Foundation
import Metrics
import Support

/// The page of a cross-validation: its folds, and the scores of all images, each by the fold that was not trained on it.
struct CrossValidationPage: Page {
    let template = "crossvalidation"
    private let path: String
    private let configuration: Configuration?
    private var folds: [TrialRun] = []
    private var table: ResultsTable?
    private var pooled: PooledScores?
    private var trouble: [String] = []
    private var version = 0

    init(_ path: String) throws {
        self.path = path
        configuration = try? Configuration.load(path: "\(path)/config.yaml")
        try update()
    }

    private var metric: SegmentationMetric { configuration?.validation.metric ?? .iou }

    mutating func update() throws {
        trouble = configuration == nil ? ["The configuration (config.yaml) is missing or cannot be read."] : []
        do {
            table = try ResultsTable(path: "\(path)/results.csv")
            pooled = try PooledScores(path: "\(path)/scores.json")
        } catch let failure as Failure {
            trouble.append("\(failure.message).")
        }
        let known = Dictionary(folds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let metric = metric
        folds = try Self.foldNames(in: path).map { name in
            let fold = try known[name] ?? TrialRun(name: name, path: "\(path)/\(name)", metric: metric)
            try fold.history.update()
            return fold
        }
        version = folds.reduce((table?.rows.count ?? 0) &+ (pooled == nil ? 0 : 1)) { $0 &+ $1.history.version &+ 1 }
    }

    /// The folders `fold-0`, `fold-1`, … in their order.
    static func foldNames(in path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let folds = names.compactMap { name -> (Int, String)? in
            guard name.hasPrefix("fold-"), let number = Int(name.dropFirst(5)), isFolder("\(path)/\(name)") == true
            else {
                return nil
            }
            return (number, name)
        }
        return folds.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// A fold's row of the table, whether it names folds `0` or `fold-0`.
    private func row(of name: String) -> [String]? {
        table?.rows.first { row in
            let fold = table?.field("fold", of: row)
            return fold == name || fold.map { "fold-\($0)" } == name
        }
    }

    /// Columns of the table that are metrics.
    private var metrics: [SegmentationMetric] {
        let found = (table?.header ?? []).compactMap(SegmentationMetric.init(rawValue:))
        return found.isEmpty ? [metric] : found
    }

    private func score(_ metric: SegmentationMetric, of fold: TrialRun) -> Double? {
        if let row = row(of: fold.name), let value = table?.number(metric.rawValue, of: row) { return value }
        return metric == self.metric ? fold.history.best?.score : nil
    }

    private func status(of fold: TrialRun) -> String {
        row(of: fold.name).flatMap { table?.field("status", of: $0) } ?? fold.status
    }

    var live: Live {
        get throws {
            let statuses = folds.map(status)
            let isRunning = FileHandle.isLocked(folder: path) || statuses.contains("running")
            let failed = statuses.count { $0 == "failed" }
            let scores = folds.compactMap { score(metric, of: $0) }
            var notes = trouble.map { Live.Note(text: shown($0), isBad: true) }
            if pooled == nil {
                notes.append(.init(text: "There are no pooled scores (scores.json) yet: they come with the last fold."))
            }
            if failed > 0 { notes.append(.init(text: "\(failed) fold\(failed == 1 ? "" : "s") failed.", isBad: true)) }
            let verdict =
                pooled?.scores.flatMap { one in one[metric.rawValue] }.map {
                    "\(metric.title) \(figure($0)) over all images, each predicted by the fold that was not trained on it."
                }
                ?? (scores.isEmpty
                    ? "No fold has been validated yet."
                    : "Mean \(metric.title) \(figure(Self.mean(scores))) of \(scores.count) fold\(scores.count == 1 ? "" : "s")\(pooled == nil ? " so far" : "").")
            return Live(
                version: version &* 2 &+ (isRunning ? 1 : 0),
                name: shown(configuration?.name ?? (path as NSString).lastPathComponent),
                badge: isRunning
                    ? .init(word: "running", tone: "live")
                    : failed > 0
                        ? .init(word: "\(failed) failed", tone: "bad")
                        : pooled == nil
                            ? .init(word: "unfinished", tone: "quiet") : .init(word: "finished", tone: "good"),
                verdict: verdict, facts: facts(scores), notes: notes, charts: charts, table: foldTable)
        }
    }

    private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

    private func facts(_ scores: [Double]) -> [Live.Fact] {
        var facts: [Live.Fact] = []
        if let value = pooled?.scores?[metric.rawValue] {
            facts.append(
                .init(label: "out-of-fold \(metric.title)", value: figure(value), detail: "all images together"))
        }
        if !scores.isEmpty {
            let mean = Self.mean(scores)
            let variance = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, scores.count - 1))
            facts.append(
                .init(
                    label: "mean of the folds", value: figure(mean),
                    detail: scores.count > 1 ? "± \(figure(variance.squareRoot())) standard deviation" : "one fold"))
            facts.append(
                .init(
                    label: "range", value: "\(figure(scores.min() ?? .nan)) – \(figure(scores.max() ?? .nan))",
                    detail: "worst and best fold"))
        }
        facts.append(.init(label: "folds", value: "\(folds.count)", detail: ""))
        let seconds = folds.reduce(0) { $0 + $1.history.seconds }
        if seconds > 0 { facts.append(.init(label: "training time", value: duration(seconds), detail: "of all folds")) }
        return facts
    }

    private var charts: [Chart] {
        func chart(_ id: String, _ title: String, _ curve: (TrialRun) -> Curve?) -> Chart? {
            let curves = folds.compactMap(curve)
            return curves.isEmpty ? nil : Chart(id: id, title: title, curves: curves)
        }
        return [
            chart("objective", "Validation \(metric.title)") { fold in
                let found = fold.history.validations.compactMap { one in
                    one.scores[metric.rawValue].map { (one.step, $0) }
                }
                return found.isEmpty ? nil : Curve(fold.name, .dots, x: found.map(\.0), y: found.map(\.1))
            },
            chart("loss", "Training loss") { fold in
                let steps = fold.history.steps
                return steps.isEmpty ? nil : Curve(fold.name, x: steps.map(\.step), y: steps.map(\.loss), most: 600)
            },
        ].compactMap(\.self)
    }

    private var foldTable: Live.Table {
        let columns: [(String, Bool)] =
            [("fold", false), ("status", false), ("images", true)] + metrics.map { ($0.title, true) }
            + [("best step", true), ("time", true)]
        let best = folds.filter { score(metric, of: $0) != nil }.reduce(nil as TrialRun?) { best, fold in
            metric.isBetter(score(metric, of: fold), than: best.flatMap { score(metric, of: $0) }) ? fold : best
        }
        return Live.Table(
            columns: columns.map { .init(title: $0.0, isNumber: $0.1) },
            rows: folds.map { fold in
                let row = row(of: fold.name)
                func number(_ name: String) -> Double? { row.flatMap { table?.number(name, of: $0) } }
                let scores = metrics.map { score($0, of: fold) }
                let step = number("step") ?? fold.history.best.map { Double($0.step) }
                let seconds = number("seconds") ?? fold.history.seconds
                let count = { (value: Double?) in value.flatMap { Int(exactly: $0.rounded()) }.map(grouped) ?? "–" }
                return Live.Table.Row(
                    name: fold.name,
                    texts: [fold.name, shown(status(of: fold)), count(number("images"))]
                        + scores.map { $0.map(figure) ?? "–" } + [count(step), duration(seconds)],
                    numbers: [nil, nil, number("images")] + scores + [step, seconds], isBest: fold === best,
                    status: shown(status(of: fold)), reason: fold.history.failure.map { shown($0.text) })
            }, sortedBy: 0, isDescending: false)
    }

    var sections: [String: Any] {
        get throws {
            var sections: [String: Any] = ["kind": "cross-validation", "place": shown(path)]
            if let confusion = pooled?.confusion {
                sections["scores"] =
                    ScoresSection(
                        SegmentationScores(confusion), names: configuration?.model.names,
                        colors: configuration?.pictureColors,
                        source:
                            "All folds together: each image as it was predicted by the fold that was not trained on it."
                    ).context
            }
            sections["settings"] = configuration.map { ConfigurationSection($0, path: "\(path)/config.yaml").context }
            let word = path.shellWord
            sections["commands"] = [
                [
                    "what": "Segment other images with all folds",
                    "command": shown("lockstep predict \(word) --input IMAGES --output RESULTS"),
                ],
                [
                    "what": "Look at one fold",
                    "command": shown("lockstep report \("\(path)/\(folds.first?.name ?? "fold-0")".shellWord)"),
                ],
            ]
            return sections
        }
    }
}

/// `scores.json`: what `evaluate --json` prints, of the images of all folds.
private struct PooledScores {
    let confusion: ConfusionMatrix?
    /// By the metrics' names; nil where there are none.
    let scores: [String: Double]?

    /// nil where there is no file.
    init?(path: String) throws {
        guard isFolder(path) == false else { return nil }
        let data = try InputFile(path, called: path).contents(atMost: 1 << 28, as: "a table of scores")
        guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else {
            throw Failure.request("\(path) is no JSON object: make the scores anew")
        }
        let overall = object["overall"] as? [String: Any] ?? object
        scores = overall.compactMapValues { ($0 as? NSNumber)?.doubleValue }
        confusion = RunHistory.confusion(overall["confusion_matrix"])
    }
}
