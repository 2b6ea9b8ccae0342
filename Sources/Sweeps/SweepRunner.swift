import Configurations
import Support

/// Runs the trials of a sweep file, one after another.
///
/// A trial is done once its row stands in `results.csv`. One that was begun goes on from its latest checkpoint, or from
/// the start where it has none; so a sweep may be killed at any moment, and ends with the same results.
package struct SweepRunner {
    private let path: String
    private let file: SweepFile
    private let trials: [SweepTrial]
    private let configurations: [Configuration]
    private let resume: Bool
    private let folder: SweepFolder
    private let launcher: any TrialLauncher
    private let stop: StopRequest
    private let display: SweepDisplay

    /// Reads the sweep file and the configuration of every trial; nothing is written yet.
    ///
    /// - Parameters:
    ///   - path: the sweep file.
    ///   - resume: whether to go on with a sweep that was begun.
    ///   - root: the folder that the sweep's folder is in.
    /// - Throws: a request's failure for a mistake in the sweep file, the base, or any trial's configuration.
    package init(
        path: String, resume: Bool, launcher: any TrialLauncher, stop: StopRequest = StopRequest(),
        display: SweepDisplay = .standardError, root: String = "sweeps"
    ) throws {
        self.path = path
        (self.launcher, self.stop, self.display, self.resume) = (launcher, stop, display, resume)
        file = try SweepFile.load(path: path)
        trials = file.trials
        folder = SweepFolder(path: "\(root)/\(file.name)")
        let base = try Configuration.readText(path: file.base, what: "base configuration")
        configurations = try trials.map { [file] trial in
            do {
                let settings = (file.settings + trial.settings).map(\.text)
                return try Configuration.decode(yaml: base, name: file.base, settings: settings)
            } catch let failure as Failure {
                throw Failure.request("\(path), \(trial.name): \(failure.message)")
            }
        }
        for (trial, configuration) in zip(trials, configurations) where file.workers > configuration.training.batch {
            throw Failure.request(
                "\(path), \(trial.name): workers \(file.workers) is more than training.batch "
                    + "\(configuration.training.batch): use fewer workers or a larger batch")
        }
    }

    /// Runs what is left of the sweep.
    ///
    /// - Throws: a failure where the sweep cannot go on at all; a trial that fails is in the summary.
    package func run() throws -> SweepSummary {
        try folder.prepare(sweepPath: path, basePath: file.base, resume: resume)
        let lock = try folder.lock()
        defer { withExtendedLifetime(lock) {} }
        let table = SweepResults(path: folder.results, parameters: file.parameters.map(\.key))
        // What failed before may have been mended since.
        var results = try table.read(trials: trials).filter { $0.status == .done }
        try write(results, to: table)
        display.begin(file: file, trials: trials, results: results)
        for (index, trial) in trials.enumerated() where !results.contains(where: { $0.trial == trial }) {
            guard !stop.isRequested, let result = try run(trial, configuration: configurations[index]) else {
                display.end()
                return summary(of: results, isStopped: true)
            }
            results.append(result)
            try write(results, to: table)
        }
        display.end()
        return summary(of: results, isStopped: false)
    }

    /// Runs one trial, again where it fails; nil where it was stopped.
    private func run(_ trial: SweepTrial, configuration: Configuration) throws -> TrialResult? {
        let clock = ContinuousClock()
        let start = clock.now
        var reason = ""
        for attempt in 0...file.retries {
            let launch = try launch(of: trial, configuration: configuration)
            let logged = folder.logSize(of: trial)
            display.started(trial, isRetry: attempt > 0)
            let status = try launcher.launch(launch, stop: stop) {
                display.progress(trial, step: folder.lastStep(of: trial), seconds: (clock.now - start) / .seconds(1))
            }
            if status == 0 {
                let metrics = try TrialMetrics(path: folder.metrics(of: trial), objective: file.objective)
                if let best = metrics.best {
                    let result = TrialResult(
                        trial: trial, status: .done, objective: best.value, step: best.step, seconds: metrics.seconds)
                    display.finished(result, reason: nil)
                    return result
                }
                reason =
                    "\(folder.metrics(of: trial)) has no validation with \(file.objective.metric.rawValue): "
                    + "validate more often (validation.every) and give data.validation"
                break
            }
            if status == Failure.Kind.stopped.rawValue || stop.isRequested {
                display.stopped(trial)
                return nil
            }
            reason =
                folder.lastError(of: trial, after: logged) ?? "exit status \(status), see \(folder.log(of: trial))"
            // A request that is wrong is wrong the next time too.
            if status == Failure.Kind.request.rawValue { break }
        }
        // A trial that failed may have left no log, or half of one.
        let metrics = try? TrialMetrics(path: folder.metrics(of: trial), objective: file.objective)
        let result = TrialResult(
            trial: trial, status: .failed, objective: nil, step: nil, seconds: metrics?.seconds ?? 0)
        display.finished(result, reason: reason)
        return result
    }

    private func launch(of trial: SweepTrial, configuration: Configuration) throws -> TrialLaunch {
        var arguments = ["train"]
        if folder.hasCheckpoint(trial) {
            arguments += ["--resume", folder.run(of: trial)]
        } else {
            try folder.clear(trial)
            arguments += [folder.baseCopy]
            for setting in file.settings + trial.settings { arguments += ["--set", setting.text] }
            arguments += ["--output", folder.run(of: trial)]
        }
        // A coordinator that trains as well is one of the workers.
        let ranks = file.workers + (configuration.run.coordinator == .dedicated ? 1 : 0)
        return TrialLaunch(ranks: ranks, arguments: arguments, logFile: folder.log(of: trial))
    }

    /// Writes `results.csv`, and `best.yaml` of the best trial so far.
    private func write(_ results: [TrialResult], to table: SweepResults) throws {
        try table.write(results)
        guard let best = best(of: results) else { return }
        var configuration = configurations[best.trial.number - 1]
        configuration.name = "\(file.name)-best"
        try AtomicFile.write(
            "# \(best.trial.name) of the sweep \(file.name), as it is ready for lockstep train\n" + configuration.yaml,
            to: folder.best)
    }

    private func best(of results: [TrialResult]) -> TrialResult? {
        var best: TrialResult?
        for result in results.sorted(by: { $0.trial.number < $1.trial.number }) {
            guard let value = result.objective else { continue }
            if best?.objective.map({ file.objective.isBetter(value, than: $0) }) ?? true { best = result }
        }
        return best
    }

    private func summary(of results: [TrialResult], isStopped: Bool) -> SweepSummary {
        let best = best(of: results)
        return SweepSummary(
            name: file.name, trials: trials.count, done: results.count { $0.status == .done },
            failed: results.count { $0.status == .failed }, isStopped: isStopped,
            best: best.flatMap { best in
                guard let value = best.objective, let step = best.step else { return nil }
                return SweepSummary.Best(
                    trial: best.trial.name,
                    parameters: Dictionary(best.trial.settings.map { ($0.key, $0.value) }) { first, _ in first },
                    metric: file.objective.metric.rawValue, objective: value, step: step,
                    run: folder.run(of: best.trial), configuration: folder.best)
            },
            results: folder.results)
    }
}

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
    package let failed: Int
    /// Whether a signal ended the sweep before all trials had run.
    package let isStopped: Bool
    /// nil where no trial is done.
    package let best: Best?
    /// The path of `results.csv`.
    package let results: String

    /// 0; 1 where a trial failed; 75 where the sweep was stopped.
    package var exitStatus: Int32 {
        isStopped ? Failure.Kind.stopped.rawValue : failed > 0 ? Failure.Kind.running.rawValue : 0
    }

    /// The summary in a few lines for people.
    package var text: String {
        var lines = ["\(done) of \(trials) trials done" + (failed > 0 ? ", \(failed) failed" : "")]
        if let best {
            let parameters = best.parameters.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            lines += [
                "best:    \(best.trial), \(best.metric) \(best.objective) at step \(best.step) with "
                    + parameters.joined(separator: ", "),
                "train:   lockstep train \(best.configuration)",
            ]
        }
        lines.append("results: \(results)")
        if isStopped { lines.append("stopped: go on with --resume") }
        return lines.joined(separator: "\n")
    }
}
