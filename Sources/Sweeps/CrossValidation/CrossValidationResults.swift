import Inference
import Metrics
import Support

/// `results.csv` of a cross-validation: one row a fold that has ended (RFC 4180, lines ended by a line feed). It says what
/// stands in the folds' folders, and nobody reads it back.
package struct CrossValidationResults: Sendable {
    package struct Row: Sendable {
        let fold: Int
        let status: TrialStatus
        /// Images that were held back.
        let images: Int
        /// Of the fold's best validation, by the metrics' names.
        let scores: [String: Double]
        /// The step of that validation.
        let step: Int?
        let seconds: Double
    }

    package let rows: [Row]
    /// The score by which checkpoints are chosen.
    let metric: SegmentationMetric

    init(rows: [Row], metric: SegmentationMetric) { (self.rows, self.metric) = (rows, metric) }

    /// What a validation measures.
    var metrics: [SegmentationMetric] {
        SegmentationMetric.allCases.filter { metric.family.isSuperset(of: $0.family) }
    }

    /// Mean and deviation over the folds: the square root of the squares' sum divided by one less than there are folds.
    package struct Spread: Sendable, Encodable {
        package let mean: Double
        /// nil of a single fold.
        package let deviation: Double?

        init?(_ values: [Double]) {
            guard !values.isEmpty else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            self.mean = mean
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
        }
    }

    func spread(of metric: SegmentationMetric) -> Spread? { Spread(rows.compactMap { $0.scores[metric.rawValue] }) }

    func write(to path: String) throws {
        let header = ["fold", "status", "images"] + metrics.map(\.rawValue) + ["step", "seconds"]
        let cells = rows.map { row in
            ["\(row.fold)", row.status.rawValue, "\(row.images)"]
                + metrics.map { row.scores[$0.rawValue].map { "\($0)" } ?? "" }
                + [row.step.map(String.init) ?? "", decimals(row.seconds, 1)]
        }
        try SharedFile.write(CSV.text([header] + cells), to: path)
    }

    /// The folds for people, and below them the mean of each column with its deviation.
    var table: String {
        let shown = [metric] + [.iou, .dice, .pixelError].filter { $0 != metric }
        let header = ["fold", "status", "images"] + shown.map(\.rawValue) + ["step", "seconds"]
        let cells = rows.map { row in
            ["\(row.fold)", row.status.rawValue, "\(row.images)"]
                + shown.map { row.scores[$0.rawValue].map { decimals($0, 4) } ?? "–" }
                + [row.step.map(String.init) ?? "–", decimals(row.seconds, 1)]
        }
        let spreads = shown.map(spread)
        let ends = [
            ["mean", "", ""] + spreads.map { $0.map { decimals($0.mean, 4) } ?? "–" } + ["", ""],
            ["deviation", "", ""] + spreads.map { $0?.deviation.map { "± " + decimals($0, 4) } ?? "–" } + ["", ""],
        ]
        return aligned([header] + cells + ends, left: 2)
    }
}

/// How a cross-validation ended.
package struct CrossValidationSummary: Sendable, Encodable {
    package let name: String
    package let folder: String
    package let folds: Int
    package let done: Int
    package let failed: Int
    package let isStopped: Bool
    /// Mean and deviation over the folds of what their best validations have measured.
    package let metrics: [String: CrossValidationResults.Spread]
    /// Scores of all images, each by the network that did not see it; nil where a fold is missing.
    package let pooled: SegmentationScores?
    private let results: CrossValidationResults
    private let classNames: [String]?

    private enum CodingKeys: CodingKey { case name, folder, folds, done, failed, isStopped, metrics, pooled }

    init(
        name: String, folder: String, folds: Int, results: CrossValidationResults, isStopped: Bool,
        pooled: EvaluationJob.Outcome?, classNames: [String]?
    ) {
        self.name = name
        self.folder = folder
        self.folds = folds
        self.isStopped = isStopped
        self.results = results
        self.classNames = classNames
        self.pooled = pooled?.overall
        done = results.rows.count { $0.status == .done }
        failed = results.rows.count { $0.status == .failed }
        metrics = Dictionary(
            uniqueKeysWithValues: results.metrics.compactMap { metric in
                results.spread(of: metric).map { (metric.rawValue, $0) }
            })
    }

    /// 0; 1 where a fold failed; 75 where it was stopped.
    package var exitStatus: Int32 {
        isStopped ? Failure.Kind.stopped.rawValue : failed > 0 ? Failure.Kind.running.rawValue : 0
    }

    /// The summary for people.
    package var text: String {
        var lines = [
            results.table, "",
            "\(done) of \(folds) folds done" + (failed > 0 ? ", \(failed) failed" : ""),
        ]
        if let pooled {
            lines += [
                "",
                "every image by the network that did not see it (its best checkpoint, chosen on these same images):",
                pooled.table(names: classNames), "",
                "scores:  \(folder)/scores.json",
                "predict: lockstep predict \(folder.shellWord) --input IMAGES --output RESULTS",
            ]
        }
        lines.append("results: \(folder)/results.csv")
        if isStopped { lines.append("stopped: go on with --resume") }
        return lines.joined(separator: "\n")
    }
}
