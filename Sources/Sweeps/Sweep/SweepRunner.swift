import Configurations
import Support

/// Runs the trials of a sweep file.
package struct SweepRunner: Sendable {
    private let path: String
    private let file: SweepFile
    private let plan: TrialPlan
    private let places: [TrialPlace]
    private let resume: Bool
    private let waits: Bool
    private let folder: SweepFolder
    private let launcher: any TrialLauncher
    private let stop: StopRequest
    private let display: TrialDisplay
    private let patience: Double

    /// Reads the sweep file and the configuration of every trial; nothing is written yet.
    ///
    /// - Parameters:
    ///   - path: the sweep file.
    ///   - resume: whether to go on with a sweep that was begun, beside other processes that may be at it.
    ///   - parallel: trials at a time, where it is not what the file says.
    ///   - hosts: where they run, if not on this machine; as many at a time as there is room for, if not said otherwise.
    ///   - waits: whether to wait for trials of other processes, where there is nothing else to do.
    ///   - root: the folder that the sweep's folder is in.
    ///   - patience: seconds without a sign of life after which a trial of another machine's process is taken over.
    /// - Throws: a request's failure for a mistake in the sweep file, the base, or any trial's configuration.
    package init(
        path: String, resume: Bool, parallel: Int? = nil, hosts: HostFile? = nil, waits: Bool = true,
        launcher: any TrialLauncher, stop: StopRequest = StopRequest(), display: TrialDisplay = .standardError,
        root: String = "sweeps", patience: Double = 60
    ) throws {
        self.path = path
        (self.launcher, self.stop, self.display, self.resume) = (launcher, stop, display, resume)
        (self.waits, self.patience) = (waits, patience)
        file = try SweepFile.load(path: path)
        folder = SweepFolder(path: "\(root)/\(file.name)")
        plan = try Self.plan(file, path: path, folder: folder)
        places = try Self.places(
            hosts, workers: file.workers, parallel: parallel ?? (hosts == nil ? file.parallel : nil),
            trials: plan.trials.count)
    }

    static func places(_ hosts: HostFile?, workers: Int, parallel: Int?, trials: Int) throws -> [TrialPlace] {
        guard let hosts else { return TrialPlace.local(count: min(parallel ?? 1, trials)) }
        return Array(try hosts.places(workers: workers).prefix(min(parallel ?? .max, trials)))
    }

    private static func plan(_ file: SweepFile, path: String, folder: SweepFolder) throws -> TrialPlan {
        let base = try Configuration.readText(path: file.base, what: "base configuration")
        func configuration(_ settings: [Trial.Setting]) throws -> Configuration {
            try Configuration.decode(yaml: base, name: file.base, settings: (file.settings + settings).map(\.text))
        }
        func failure(_ error: any Error, _ place: String) -> any Error {
            (error as? Failure).map { Failure.request("\(path)\(place): \($0.message)") } ?? error
        }
        var common = try ConfigurationNode.parse(yaml: base, name: file.base)
        for setting in file.settings { try common.apply(setting: setting.text) }
        let trials: [Trial]
        do {
            trials = try file.trials { settings in
                guard !file.constraints.isEmpty else { return true }
                // Keys that the files do not give have their defaults, where the rest makes a configuration.
                var document = common
                for setting in settings { try document.apply(setting: setting.text) }
                let given = Dictionary(document.leaves) { first, _ in first }
                var whole: [String: ConfigurationNode]?
                return try file.constraints.allSatisfy { constraint in
                    try constraint.holds { key in
                        if let node = given[key] { return node.constraintValue }
                        if whole == nil {
                            let yaml = try configuration(settings).yaml
                            whole = Dictionary(try ConfigurationNode.parse(yaml: yaml, name: "defaults").leaves) {
                                first, _ in first
                            }
                        }
                        return whole?[key]?.constraintValue
                    }
                }
            }
        } catch { throw failure(error, "") }
        let configurations = try trials.map { trial in
            do { return try configuration(trial.settings) } catch { throw failure(error, ", \(trial.name)") }
        }
        for (trial, configuration) in zip(trials, configurations) where file.workers > configuration.training.batch {
            throw Failure.request(
                "\(path), \(trial.name): workers \(file.workers) is more than training.batch "
                    + "\(configuration.training.batch): use fewer workers or a larger batch")
        }
        return TrialPlan(
            title: "sweep \(file.name)", noun: "trial", trials: trials, configurations: configurations,
            base: folder.baseCopy,
            settings: file.settings, schedule: try schedule(file, trials, configurations, path: path),
            objective: file.objective, workers: file.workers, retries: file.retries)
    }

    /// The rungs; of trials that differ in length, or are validated elsewhere than at a rung's end, none can be compared.
    private static func schedule(
        _ file: SweepFile, _ trials: [Trial], _ configurations: [Configuration], path: String
    ) throws -> TrialSchedule {
        guard case .successiveHalving(_, _, let eta, let minimum) = file.strategy else { return .whole }
        func failure(_ trial: Trial, _ problem: String) -> Failure {
            .request("\(path), \(trial.name): successive_halving \(problem)")
        }
        var length: Int?
        for (trial, configuration) in zip(trials, configurations) {
            guard case .steps(let steps) = configuration.training.length else {
                throw failure(trial, "compares trials after so many steps: give training.steps, not minutes or epochs")
            }
            guard length == nil || length == steps else {
                throw failure(trial, "needs trials of one length: leave training.steps out of parameters")
            }
            length = steps
        }
        let steps = length ?? 1
        guard minimum < steps else {
            throw failure(trials[0], "has minimum_steps \(minimum): it must be less than training.steps \(steps)")
        }
        let schedule = TrialSchedule(minimumSteps: minimum, eta: eta, steps: steps)
        for (trial, configuration) in zip(trials, configurations) {
            let every = configuration.validation.every
            guard let rung = schedule.rungs.compactMap(\.self).first(where: { $0 % every != 0 }) else { continue }
            throw failure(
                trial,
                "compares trials at step \(rung), and validation.every \(every) validates none there: set validation.every to a "
                    + "number that divides it, such as \(minimum), or change minimum_steps")
        }
        return schedule
    }

    /// Runs what is left of the sweep.
    ///
    /// - Throws: a failure where the sweep cannot go on at all; a trial that fails is in the summary.
    package func run() throws -> SweepSummary {
        try folder.prepare(sweepPath: path, basePath: file.base, resume: resume)
        let outcome = try TrialRunner(
            plan, in: folder.trials, launcher: launcher, stop: stop, display: display,
            watch: ClaimWatch(patience: patience), waits: waits, changed: write
        ).run(at: places)
        return summary(of: rows(outcome.states), isStopped: outcome.isStopped)
    }

    private func rows(_ states: [TrialState]) -> [SweepResults.Row] {
        let statuses = plan.schedule.statuses(states, plan.objective)
        return plan.trials.compactMap { trial in
            states[trial.index].rungs.last.map {
                SweepResults.Row(trial: trial, status: statuses[trial.index], last: $0)
            }
        }
    }

    /// Writes `results.csv`, and `best.yaml` of the best trial so far.
    private func write(_ states: [TrialState]) throws {
        let rows = rows(states)
        try SweepResults(path: folder.results, parameters: file.parameters.map(\.key)).write(rows)
        guard let best = best(of: rows) else { return }
        var configuration = plan.configurations[best.trial.index]
        configuration.name = "\(file.name)-best"
        try SharedFile.write(
            "# \(best.trial.name) of the sweep \(file.name), as it is ready for lockstep train\n" + configuration.yaml,
            to: folder.best)
    }

    /// The best trial: of equals one that trained to its end, and then the first.
    private func best(of rows: [SweepResults.Row]) -> SweepResults.Row? {
        var best: SweepResults.Row?
        for row in rows.filter({ $0.status == .done }) + rows.filter({ $0.status != .done }) {
            guard let value = row.last.value else { continue }
            if best?.last.value.map({ file.objective.isBetter(value, than: $0) }) ?? true { best = row }
        }
        return best
    }

    private func summary(of rows: [SweepResults.Row], isStopped: Bool) -> SweepSummary {
        let best = best(of: rows)
        func count(_ status: TrialStatus) -> Int { rows.count { $0.status == status } }
        return SweepSummary(
            name: file.name, trials: plan.trials.count, done: count(.done), pruned: count(.pruned),
            failed: count(.failed), isStopped: isStopped,
            best: best.flatMap { best in
                guard let value = best.last.value, let step = best.last.step else { return nil }
                return SweepSummary.Best(
                    trial: best.trial.name,
                    parameters: Dictionary(best.trial.settings.map { ($0.key, $0.value) }) { first, _ in first },
                    metric: file.objective.metric.rawValue, objective: value, step: step,
                    run: folder.trials.run(of: best.trial), configuration: folder.best)
            },
            results: folder.results)
    }
}
