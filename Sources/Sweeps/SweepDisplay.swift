import Glibc
import Support

/// Displays the progress of a sweep: on a terminal a table that is drawn again and again, elsewhere a line for each event.
package final class SweepDisplay {
    /// The height and width of a terminal.
    package struct Size: Sendable {
        package let rows: Int
        package let columns: Int

        package init(rows: Int, columns: Int) {
            self.rows = rows
            self.columns = columns
        }
    }

    private let size: () -> Size?
    private let write: (String) -> Void
    private var header: [String] = []
    private var title: (metric: String, name: String) = ("", "")
    private var lines: [[String]] = []
    private var names: [String: Int] = [:]
    private var current = 0
    private var drawn = 0

    /// - Parameters:
    ///   - size: the terminal's size at the moment; nil where the text goes to a file or pipe.
    ///   - write: takes the text.
    package init(size: @escaping () -> Size?, write: @escaping (String) -> Void) {
        self.size = size
        self.write = write
    }

    /// Draws on standard error.
    package static var standardError: SweepDisplay {
        SweepDisplay(
            size: {
                guard isatty(STDERR_FILENO) == 1 else { return nil }
                var window = winsize()
                guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_row > 2, window.ws_col > 10
                else { return Size(rows: 24, columns: 80) }
                return Size(rows: Int(window.ws_row), columns: Int(window.ws_col))
            },
            write: { StandardStream.write($0, to: STDERR_FILENO, patience: 1) })
    }

    func begin(file: SweepFile, trials: [SweepTrial], results: [TrialResult]) {
        title = (file.objective.metric.rawValue, file.name.printable())
        header = ["trial", "status"] + file.parameters.map(\.key) + [title.metric, "step", "seconds"]
        lines = trials.map { [$0.name, "waiting"] + $0.settings.map { $0.value.printable() } + ["", "", ""] }
        names = Dictionary(uniqueKeysWithValues: trials.enumerated().map { ($1.name, $0) })
        for result in results { enter(result) }
        let done = results.isEmpty ? "" : ", \(results.count) of them done before"
        if size() == nil { write("sweep \(title.name): \(trials.count) trials\(done)\n") } else { draw() }
    }

    func started(_ trial: SweepTrial, isRetry: Bool) {
        current = names[trial.name] ?? 0
        lines[current][1] = isRetry ? "again" : "running"
        let settings = trial.settings.map(\.text).joined(separator: " ")
        show("\(trial.name) of \(lines.count) \(isRetry ? "failed, starts again" : "starts"): \(settings)")
    }

    func progress(_ trial: SweepTrial, step: Int?, seconds: Double) {
        guard size() != nil else { return }
        lines[current][header.count - 2] = step.map(String.init) ?? ""
        lines[current][header.count - 1] = decimals(seconds, 0)
        draw()
    }

    func finished(_ result: TrialResult, reason: String?) {
        enter(result)
        let outcome =
            reason.map { ": \($0)" }
            ?? ": \(title.metric) \(lines[current][header.count - 3]) at step \(lines[current][header.count - 2])"
        show("\(result.trial.name) \(result.status.rawValue)\(outcome), \(lines[current][header.count - 1]) s")
    }

    func stopped(_ trial: SweepTrial) {
        lines[current][1] = "stopped"
        show("\(trial.name) stopped")
    }

    /// Ends the table, so that what comes next starts below it.
    func end() { drawn = 0 }

    private func enter(_ result: TrialResult) {
        guard let index = names[result.trial.name] else { return }
        lines[index][1] = result.status.rawValue
        lines[index].replaceSubrange(
            (header.count - 3)...,
            with: [
                result.objective.map { decimals($0, 4) } ?? "", result.step.map(String.init) ?? "",
                decimals(result.seconds, 1),
            ])
    }

    private func show(_ line: String) {
        if size() == nil { write(line.printable() + "\n") } else { draw() }
    }

    private func draw() {
        guard let size = size() else { return }
        // Around the trial that runs, as many rows as the terminal has.
        let room = max(1, size.rows - 3)
        let first = max(0, min(current - room + 2, lines.count - room))
        let rows = [header] + lines[first..<min(lines.count, first + room)]
        let done = lines.count { $0[1] == "done" || $0[1] == "failed" }
        let text =
            ["sweep \(title.name): \(done) of \(lines.count) trials"]
            + alignedLines(rows, left: header.count)
        let back = drawn > 0 ? "\u{1B}[\(drawn)A" : ""
        write(back + text.map { "\u{1B}[2K" + $0.prefix(size.columns - 1) + "\n" }.joined() + "\u{1B}[J")
        drawn = text.count
    }
}
