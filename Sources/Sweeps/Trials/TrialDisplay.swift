import Glibc
import Support
import Synchronization

/// Displays the progress of trials: on a terminal a table that is drawn again and again, elsewhere a line for each event.
package final class TrialDisplay: Sendable {
    /// The height and width of a terminal.
    package struct Size: Sendable {
        package let rows: Int
        package let columns: Int

        package init(rows: Int, columns: Int) {
            self.rows = rows
            self.columns = columns
        }
    }

    private struct State {
        var header: [String] = []
        var title = ""
        var metric = ""
        /// What each of them is called.
        var noun = ""
        /// Whether the rung lasts to the end.
        var isLast = true
        var lines: [[String]] = []
        /// What stands above the table beside its title.
        var heading = ""
        var drawn = 0
    }

    private let size: @Sendable () -> Size?
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - size: the terminal's size at the moment; nil where the text goes to a file or pipe.
    ///   - write: takes the text.
    package init(size: @escaping @Sendable () -> Size?, write: @escaping @Sendable (String) -> Void) {
        self.size = size
        self.write = write
    }

    /// Draws on standard error.
    package static var standardError: TrialDisplay {
        TrialDisplay(
            size: {
                guard isatty(STDERR_FILENO) == 1 else { return nil }
                var window = winsize()
                guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_row > 2, window.ws_col > 10
                else { return Size(rows: 24, columns: 80) }
                return Size(rows: Int(window.ws_row), columns: Int(window.ws_col))
            },
            write: { StandardStream.write($0, to: STDERR_FILENO, patience: 1) })
    }

    /// Words of a table's second column.
    private enum Word {
        static let running = ["running", "again"]
        static let ended = ["done", "failed", "pruned"]
    }

    func begin(_ plan: TrialPlan, states: [TrialState]) {
        let statuses = plan.schedule.statuses(states, plan.objective)
        let done = statuses.count { $0 != .open && $0 != .waiting }
        state.withLock { state in
            state.title = plan.title.printable()
            state.noun = plan.noun
            state.metric = plan.objective.metric.rawValue
            state.isLast = plan.schedule.rungs.count == 1
            state.header =
                [plan.noun, "status"] + (plan.trials.first?.settings.map(\.key) ?? [])
                + [state.metric, "step", "seconds"]
            state.lines = plan.trials.map { trial in
                [trial.name, "waiting"] + trial.settings.map { $0.value.printable() } + ["", "", ""]
            }
            for (index, trial) in states.enumerated() where !trial.rungs.isEmpty {
                enter(trial.rungs.last, &state.lines[index], as: statuses[index].rawValue)
            }
            let before = done > 0 ? ", \(done) of them done before" : ""
            show("\(state.title): \(plan.trials.count) \(plan.noun)s\(before)", &state)
        }
    }

    func rung(_ rung: Int, of schedule: TrialSchedule, trials: Int, statuses: [TrialStatus]) {
        state.withLock { state in
            for (index, status) in statuses.enumerated() where status == .pruned || status == .waiting {
                state.lines[index][1] = status.rawValue
            }
            state.isLast = rung + 1 == schedule.rungs.count
            let end = schedule.rungs[rung].map { "to step \($0)" } ?? "to the end"
            state.heading = ", rung \(rung + 1) of \(schedule.rungs.count) \(end)"
            show(
                "rung \(rung + 1) of \(schedule.rungs.count), \(end): \(trials) \(state.noun)\(trials == 1 ? "" : "s")",
                &state)
        }
    }

    func started(_ trial: Trial, isRetry: Bool, at place: TrialPlace) {
        state.withLock { state in
            state.lines[trial.index][1] = isRetry ? "again" : "running"
            let settings = trial.settings.map(\.text).joined(separator: " ")
            let host = place.name.map { " on \($0)" } ?? ""
            show(
                "\(trial.name) of \(state.lines.count) \(isRetry ? "failed, starts again" : "starts")\(host): \(settings)",
                &state)
        }
    }

    func progress(_ trial: Trial, step: Int?, seconds: Double) {
        guard size() != nil else { return }
        state.withLock { state in
            state.lines[trial.index][state.header.count - 2] = step.map(String.init) ?? ""
            state.lines[trial.index][state.header.count - 1] = decimals(seconds, 0)
            draw(&state)
        }
    }

    func finished(_ trial: Trial, _ rung: TrialState.Rung) {
        state.withLock { state in
            enter(rung, &state.lines[trial.index], as: state.isLast ? "done" : "waiting")
            let line = state.lines[trial.index]
            let outcome =
                rung.reason.map { ": \($0)" }
                ?? ": \(state.metric) \(line[line.count - 3]) at step \(line[line.count - 2])"
            show(
                "\(trial.name) \(line[1] == "waiting" ? "trained" : line[1])\(outcome), \(line[line.count - 1]) s",
                &state)
        }
    }

    /// What another process has done.
    func note(_ trial: Trial, _ trialState: TrialState) {
        guard let rung = trialState.rungs.last else { return }
        state.withLock { state in
            enter(rung, &state.lines[trial.index], as: state.isLast ? "done" : "waiting")
            show("\(trial.name) \(state.lines[trial.index][1]), elsewhere", &state)
        }
    }

    func stopped(_ trial: Trial, _ reason: String? = nil) {
        state.withLock { state in
            state.lines[trial.index][1] = "stopped"
            show("\(trial.name) stopped\(reason.map { ": \($0)" } ?? "")", &state)
        }
    }

    /// Says that images are scored, once all trials are done.
    func scoring(_ count: Int, of all: Int) {
        if size() != nil {
            write("\r\u{1B}[Kscoring image \(count) of \(all)" + (count == all ? "\r\u{1B}[K" : ""))
        } else if count == 1 {
            write("scoring \(all) images\n")
        }
    }

    /// Ends the table, so that what comes next starts below it.
    func end() { state.withLock { $0.drawn = 0 } }

    /// - Parameter word: its status, if it has not failed.
    private func enter(_ rung: TrialState.Rung?, _ line: inout [String], as word: String) {
        guard let rung else { return }
        line[1] = rung.value == nil ? "failed" : word
        line.replaceSubrange(
            (line.count - 3)...,
            with: [
                rung.value.map { decimals($0, 4) } ?? "", rung.step.map(String.init) ?? "", decimals(rung.seconds, 1),
            ])
    }

    private func show(_ line: String, _ state: inout State) {
        if size() == nil { write(line.printable() + "\n") } else { draw(&state) }
    }

    private func draw(_ state: inout State) {
        guard let size = size() else { return }
        // Around the trials that run, as many rows as the terminal has.
        let room = max(1, size.rows - 3)
        let running = state.lines.firstIndex { Word.running.contains($0[1]) } ?? state.lines.count
        let first = max(0, min(running - 1, state.lines.count - room))
        let rows = [state.header] + state.lines[first..<min(state.lines.count, first + room)]
        let done = state.lines.count { Word.ended.contains($0[1]) }
        let text =
            ["\(state.title): \(done) of \(state.lines.count) \(state.noun)s\(state.heading)"]
            + alignedLines(rows, left: state.header.count)
        let back = state.drawn > 0 ? "\u{1B}[\(state.drawn)A" : ""
        write(back + text.map { "\u{1B}[2K" + $0.prefix(size.columns - 1) + "\n" }.joined() + "\u{1B}[J")
        state.drawn = text.count
    }
}
