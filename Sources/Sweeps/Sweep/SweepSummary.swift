import Support

/// How a sweep ended.
package struct SweepSummary: Sendable, Equatable, Encodable {
    /// The best trial.
    package struct Best: Sendable, Equatable, Encodable {
        package let trial: String
        /// Values as YAML by their dotted keys.
        package let parameters: [String: String]
        package let metric: String
        package let objective: Double
        package let step: Int
        /// The trial's run directory.
        package let run: String
        /// `best.yaml`, ready for `train`.
        package let configuration: String
    }

    package let name: String
    /// Trials of the whole sweep.
    package let trials: Int
    package let done: Int
    /// Trials that ended early, since better ones went on.
    package let pruned: Int
    package let failed: Int
    /// Whether a signal ended the sweep before all trials had run.
    package let isStopped: Bool
    /// nil where no trial has a score.
    package let best: Best?
    /// The path of `results.csv`.
    package let results: String

    /// 0; 1 where a trial failed; 75 where the sweep was stopped.
    package var exitStatus: Int32 {
        isStopped ? Failure.Kind.stopped.rawValue : failed > 0 ? Failure.Kind.running.rawValue : 0
    }

    /// The summary in a few lines for people.
    package var text: String {
        let open = trials - done - pruned - failed
        var lines = [
            "\(done) of \(trials) trials done" + (pruned > 0 ? ", \(pruned) pruned" : "")
                + (failed > 0 ? ", \(failed) failed" : "")
                + (open > 0 && !isStopped ? ", \(open) left to other processes" : "")
        ]
        if let best {
            let parameters = best.parameters.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            lines += [
                "best:    \(best.trial), \(best.metric) \(decimals(best.objective, 4)) at step \(best.step) with "
                    + parameters.joined(separator: ", "),
                "train:   lockstep train \(best.configuration.shellWord)",
            ]
        }
        lines.append("results: \(results)")
        if isStopped { lines.append("stopped: go on with --resume") }
        return lines.joined(separator: "\n")
    }
}
