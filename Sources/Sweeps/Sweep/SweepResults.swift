import Support

/// `results.csv` of a sweep: one row a trial that has trained to the end of a rung or failed (RFC 4180, lines ended by a line
/// feed). It says what stands in the trials' folders, and nobody reads it back.
struct SweepResults {
    let path: String
    let parameters: [String]

    /// How a trial stands.
    struct Row {
        let trial: Trial
        let status: TrialStatus
        let last: TrialState.Rung
    }

    /// Rewrites the file; a reader sees the old rows or the new ones, never half of them.
    func write(_ rows: [Row]) throws {
        let header = ["trial", "status"] + parameters + ["objective", "step", "seconds"]
        let cells = rows.map { row in
            [row.trial.name, row.status.rawValue] + row.trial.settings.map(\.value) + [
                row.last.value.map { "\($0)" } ?? "", row.last.step.map(String.init) ?? "",
                decimals(row.last.seconds, 1),
            ]
        }
        try SharedFile.write(CSV.text([header] + cells), to: path)
    }
}
