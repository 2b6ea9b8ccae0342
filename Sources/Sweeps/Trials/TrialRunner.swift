import Configurations
import Foundation
import Support
import Synchronization

/// Runs trials as their schedule has it, several at a time; other processes may do the same in the same folder.
///
/// What a trial has done stands in its own folder and nowhere else, and only who has claimed a trial trains it or writes
/// there. One that was begun goes on from its latest checkpoint, or from the start where it has none. So everything may
/// be killed at any moment, and ends with the same results.
final class TrialRunner: Sendable {
    /// What the threads of all places share.
    private struct Progress {
        var states: [TrialState]
        /// What ends everything.
        var failure: (any Error)?
        /// Whether a trial was stopped.
        var isStopped = false
        /// Trials that this process works at, or is about to.
        var own: Set<Int> = []
        /// The rung that was announced last.
        var rung = -1
    }

    private let plan: TrialPlan
    private let folder: TrialFolder
    private let launcher: any TrialLauncher
    private let stop: StopRequest
    private let display: TrialDisplay
    private let watch: ClaimWatch
    private let waits: Bool
    private let changed: @Sendable ([TrialState]) throws -> Void
    private let progress: Mutex<Progress>
    /// Held while files are rewritten from `states`, so that older states never come last.
    private let writing = Mutex(())

    /// - Parameters:
    ///   - waits: whether a process that finds nothing to do waits for the trials of others.
    ///   - changed: called with all states where one has changed, and once at the end; not by two threads at once.
    init(
        _ plan: TrialPlan, in folder: TrialFolder, launcher: any TrialLauncher, stop: StopRequest,
        display: TrialDisplay, watch: ClaimWatch = ClaimWatch(), waits: Bool = true,
        changed: @escaping @Sendable ([TrialState]) throws -> Void
    ) {
        self.plan = plan
        self.folder = folder
        self.launcher = launcher
        self.stop = stop
        self.display = display
        self.watch = watch
        self.waits = waits
        self.changed = changed
        progress = Mutex(Progress(states: Array(repeating: TrialState(), count: plan.trials.count)))
    }

    /// How it ended, with the state of each trial.
    struct Outcome {
        let states: [TrialState]
        /// Whether a stop ended it before all was done.
        let isStopped: Bool
    }

    /// Runs what is left, one trial at a time at each place.
    ///
    /// - Throws: a failure where it cannot go on at all; a trial that fails is in its state.
    func run(at places: [TrialPlace]) throws -> Outcome {
        // Of trials too that nobody claims any more.
        for trial in plan.trials { folder.clean(trial) }
        try readAll()
        try forgetFailures()
        display.begin(plan, states: states)
        try announceChange()
        let group = DispatchGroup()
        for place in places {
            group.enter()
            let thread = Thread {
                self.work(at: place)
                group.leave()
            }
            thread.stackSize = 4 << 20
            thread.start()
        }
        group.wait()
        try readAll()
        try? announceChange()
        display.end()
        let (states, failure, isStopped) = progress.withLock { ($0.states, $0.failure, $0.isStopped) }
        if let failure { throw failure }
        let isDone = plan.schedule.next(states, plan.objective) == .done
        if !isDone, !isStopped, !stop.isRequested, waits {
            throw Failure.running("no host is left to train on: go on with --resume once one can be reached")
        }
        return Outcome(states: states, isStopped: !isDone && (isStopped || stop.isRequested))
    }

    private var states: [TrialState] { progress.withLock { $0.states } }

    private func readAll() throws {
        let states = try plan.trials.map { try TrialState(path: folder.state(of: $0), schedule: plan.schedule) }
        progress.withLock { $0.states = states }
    }

    /// What failed before may have been mended since: it is tried again, unless others have gone on from its rung already,
    /// or another process is at work, which may have tried just now.
    private func forgetFailures() throws {
        let states = states
        let current =
            switch plan.schedule.next(states, plan.objective) {
            // Not always the last: nobody goes on from a rung in which all have failed.
            case .done: max(1, states.map(\.rungs.count).max() ?? 0) - 1
            case .train(_, let rung, _): rung
            }
        let failed = states.indices.filter {
            states[$0].rungs.count == current + 1 && states[$0].rungs[current].value == nil
        }
        guard !failed.isEmpty, !plan.trials.contains(where: { Claim.isHeld(in: folder.claims(of: $0), watch: watch) })
        else { return }
        for index in failed {
            guard let claim = try Claim.take(in: folder.claims(of: plan.trials[index]), watch: watch) else { continue }
            defer { claim.release() }
            var state = states[index]
            state.rungs.removeLast()
            try state.write(to: folder.state(of: plan.trials[index]))
            progress.withLock { [state] in $0.states[index] = state }
        }
    }

    // MARK: - One place

    /// Runs one trial after another until there is none left.
    private func work(at place: TrialPlace) {
        do {
            while !isOver {
                let next = plan.schedule.next(states, plan.objective)
                guard case .train(let trials, let rung, let count) = next else { return }
                announce(rung, of: count)
                if let (index, claim) = try take(trials, rung) {
                    defer {
                        claim.release()
                        progress.withLock { _ = $0.own.remove(index) }
                    }
                    guard try train(index, rung, claim, at: place) else { return }
                    continue
                }
                // All that is left of the rung is others' work. Who has no part in a later one may go.
                if !waits, plan.schedule.most(after: rung, of: count) <= trials.count, areAtWork(trials) { return }
                try wait(trials)
            }
        } catch {
            progress.withLock { $0.failure = $0.failure ?? error }
            // The trials of other places save what they have.
            if !stop.isRequested { stop.request() }
        }
    }

    /// Whether this process trains all of these trials, or others do that are known to live.
    private func areAtWork(_ trials: [Int]) -> Bool {
        let own = progress.withLock { $0.own }
        return trials.allSatisfy {
            own.contains($0) || Claim.isAlive(in: folder.claims(of: plan.trials[$0]), watch: watch)
        }
    }

    private var isOver: Bool { stop.isRequested || progress.withLock { $0.failure != nil || $0.isStopped } }

    /// Claims the first of some trials that nobody else has, and that is still to be trained.
    private func take(_ trials: [Int], _ rung: Int) throws -> (index: Int, claim: Claim)? {
        for index in trials where !isOver {
            let isFree = progress.withLock { $0.own.insert(index).inserted }
            guard isFree else { continue }
            var claim: Claim?
            defer { if claim == nil { progress.withLock { _ = $0.own.remove(index) } } }
            guard let taken = try Claim.take(in: folder.claims(of: plan.trials[index]), watch: watch) else { continue }
            // Another process may have trained it since it was looked at.
            let state = try TrialState(path: folder.state(of: plan.trials[index]), schedule: plan.schedule)
            guard state.rungs.count <= rung else {
                taken.release()
                note(state, of: index)
                continue
            }
            claim = taken
            return (index, taken)
        }
        return nil
    }

    /// Waits a moment for what others do, and looks what that is.
    private func wait(_ trials: [Int]) throws {
        for _ in 0..<10 where !isOver { usleep(50_000) }
        let others = progress.withLock { progress in trials.filter { !progress.own.contains($0) } }
        for index in others where !isOver {
            let state = try TrialState(path: folder.state(of: plan.trials[index]), schedule: plan.schedule)
            if state != states[index] { note(state, of: index) }
        }
    }

    /// Takes over what another process has done.
    private func note(_ state: TrialState, of index: Int) {
        progress.withLock { $0.states[index] = state }
        display.note(plan.trials[index], state)
        try? announceChange()
    }

    /// Says once for each rung which trials have come so far.
    private func announce(_ rung: Int, of count: Int) {
        let isNew = progress.withLock { progress in
            defer { progress.rung = max(progress.rung, rung) }
            return rung > progress.rung
        }
        guard isNew, plan.schedule.rungs.count > 1 else { return }
        display.rung(
            rung, of: plan.schedule, trials: count, statuses: plan.schedule.statuses(states, plan.objective))
    }

    private func announceChange() throws { try writing.withLock { _ in try changed(states) } }

    /// Trains one trial to the end of a rung, again where it fails; false where this place is of no use any more, or a
    /// stop was requested.
    private func train(_ index: Int, _ rung: Int, _ claim: Claim, at place: TrialPlace) throws -> Bool {
        let trial = plan.trials[index]
        let watch = StopWatch()
        var reason = ""
        for attempt in 0...plan.retries {
            let launch = try launch(of: index, until: plan.schedule.rungs[rung])
            let logged = folder.logSize(of: trial)
            display.started(trial, isRetry: attempt > 0, at: place)
            var isOwn = true
            let status = try launcher.launch(launch, at: place, stop: stop) {
                display.progress(trial, step: folder.lastStep(of: trial), seconds: watch.seconds)
                isOwn = claim.beat()
                return isOwn
            }
            guard isOwn else {
                display.stopped(trial, "another process has taken it over")
                return true
            }
            if status == 0 {
                let metrics = try TrialMetrics(path: folder.metrics(of: trial), objective: plan.objective)
                if let best = metrics.best {
                    try enter(
                        TrialState.Rung(value: best.value, step: best.step, seconds: metrics.seconds), of: index)
                    return true
                }
                reason =
                    "\(folder.metrics(of: trial)) has no validation with \(plan.objective.metric.rawValue): "
                    + "validate more often (validation.every) and give data.validation"
                break
            }
            if status == Failure.Kind.stopped.rawValue || stop.isRequested {
                display.stopped(trial)
                progress.withLock { $0.isStopped = true }
                return false
            }
            // A machine that is gone is no fault of the trial, which another place goes on with.
            if let fault = launcher.fault(of: place) {
                display.stopped(trial, "\(fault), and is left out")
                return false
            }
            reason =
                folder.lastError(of: trial, after: logged) ?? "exit status \(status), see \(folder.log(of: trial))"
            // A request that is wrong is wrong the next time too.
            if status == Failure.Kind.request.rawValue { break }
        }
        // A trial that failed may have left no log, or half of one.
        let metrics = try? TrialMetrics(path: folder.metrics(of: trial), objective: plan.objective)
        try enter(TrialState.Rung(seconds: metrics?.seconds ?? 0, reason: reason), of: index)
        return true
    }

    /// Notes what came of a rung.
    private func enter(_ rung: TrialState.Rung, of index: Int) throws {
        var state = states[index]
        state.rungs.append(rung)
        try makeFolder(
            folder.run(of: plan.trials[index]), called: "\(folder.run(of: plan.trials[index])):",
            advice: "check the permissions of the folder that it is in")
        try state.write(to: folder.state(of: plan.trials[index]))
        progress.withLock { [state] in $0.states[index] = state }
        display.finished(plan.trials[index], rung)
        try announceChange()
    }

    private func launch(of index: Int, until: Int?) throws -> TrialLaunch {
        let (trial, configuration) = (plan.trials[index], plan.configurations[index])
        var arguments = ["train"]
        if folder.hasCheckpoint(trial) {
            arguments += ["--resume", folder.run(of: trial)]
        } else {
            try folder.clear(trial)
            arguments.append(plan.base)
            for setting in plan.settings + trial.settings { arguments += ["--set", setting.text] }
            arguments += ["--output", folder.run(of: trial)]
        }
        if let until { arguments += ["--until", "\(until)"] }
        // A coordinator that trains as well is one of the workers.
        var threads = 0
        if case .count(let count) = configuration.run.threads { threads = count }
        return TrialLaunch(
            workers: plan.workers, hasCoordinator: configuration.run.coordinator == .dedicated, threads: threads,
            arguments: arguments, logFile: folder.log(of: trial))
    }
}
