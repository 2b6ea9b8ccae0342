import Checkpoints
import Configurations
import Foundation
import Metrics
import Network
import Support

/// The page of a run.
struct RunPage: Page {
    let template = "run"
    private let directory: RunDirectory
    private let configuration: Configuration?
    private let configurationFile: FileIdentity?
    private let history: RunHistory
    private let environment: EnvironmentFile?
    private var state: RunState
    private var trouble: [String] = []
    /// Set once the best checkpoint has been evaluated.
    var review: Review?
    /// Why it could not be.
    var reviewFailure: String?
    /// Whether one is still to come.
    var awaitsReview = false

    /// Reads a run's folder; what in it cannot be read is said on the page.
    init(_ path: String) throws {
        directory = RunDirectory(path)
        configurationFile = FileIdentity(directory.configuration)
        do {
            configuration = try Configuration.load(path: directory.configuration)
        } catch let failure as Failure {
            configuration = nil
            trouble.append("The configuration cannot be read: \(failure.message).")
        }
        history = try RunHistory(path: directory.metrics, metric: configuration?.validation.metric ?? .iou)
        environment = EnvironmentFile(path: directory.environment)
        state = RunState(directory, history, configuration)
    }

    mutating func update() throws {
        if FileIdentity(directory.configuration) != configurationFile {
            // The run has begun, or goes on with another configuration.
            var page = try RunPage(directory.path)
            (page.review, page.reviewFailure, page.awaitsReview) = (review, reviewFailure, awaitsReview)
            page.history.countVersions(after: history)
            self = page
        }
        try history.update()
        state = RunState(directory, history, configuration)
    }

    /// The checkpoint whose predictions are shown; nil where there is none yet.
    var reviewedFile: String? { try? RunDirectory.checkpointFile(at: directory.path) }

    private var metric: SegmentationMetric { configuration?.validation.metric ?? .iou }

    private var name: String { configuration?.name ?? (directory.path as NSString).lastPathComponent }

    var live: Live {
        get throws {
            Live(
                version: version, name: shown(name),
                badge: Live.Badge(word: state.word, tone: state.tone), verdict: verdict, facts: facts,
                notes: notes, charts: RunCharts(history, metric: metric).all, phases: phases, reviewed: review?.step)
        }
    }

    /// Another one with every event, state and review; a whole number in JavaScript too.
    private var version: Int {
        (history.version &* 8 &+ state.number &+ (review?.step ?? -1) &* 1_000_003) & ((1 << 52) - 1)
    }

    // MARK: - The head

    private var verdict: String {
        var words: [String] = []
        if let best = history.best {
            words.append("Best \(metric.title) \(figure(best.score)) at step \(grouped(best.step))")
        } else if history.validations.isEmpty {
            words.append(history.steps.isEmpty ? "Nothing was trained yet" : "No validation yet")
        } else {
            words.append("No validation gave the \(metric.title)")
        }
        if !history.steps.isEmpty { words.append("after \(duration(history.seconds)) of training") }
        if let environment { words.append(environment.place) }
        return words.joined(separator: ", ") + "."
    }

    private var facts: [Live.Fact] {
        var facts: [Live.Fact] = []
        if let best = history.best {
            facts.append(
                .init(label: "best \(metric.title)", value: figure(best.score), detail: "step \(grouped(best.step))"))
        }
        if let loss = history.recentLoss() {
            let count = min(50, history.steps.count)
            facts.append(.init(label: "training loss", value: figure(loss), detail: "mean of the last \(count)"))
        }
        if let last = history.steps.last {
            let epoch = last.epoch.isFinite ? "\(figure(last.epoch)) epochs" : nil
            var detail = epoch ?? ""
            if case .steps(let steps)? = configuration?.training.length {
                detail = "of \(grouped(steps))" + (epoch.map { ", \($0)" } ?? "")
            }
            facts.append(.init(label: "steps", value: grouped(last.step), detail: detail))
            let each = median(history.steps.suffix(1000).map(\.seconds)) ?? 0
            facts.append(
                .init(label: "training time", value: duration(history.seconds), detail: "\(figure(each)) s a step"))
            if let speed = median(history.steps.suffix(1000).map(\.imagesPerSecond).filter(\.isFinite)) {
                facts.append(
                    .init(label: "images a second", value: figure(speed), detail: environment?.ranksWords ?? ""))
            }
        }
        if let model = configuration?.model.architecture {
            facts.append(
                .init(
                    label: "parameters", value: grouped(ParameterLayout(model).count),
                    detail: "base \(model.baseChannels), depth \(model.depth)"))
        }
        return facts
    }

    private var notes: [Live.Note] {
        var notes: [Live.Note] = []
        if let failure = history.failure {
            notes.append(.init(text: "The run failed at step \(failure.step): \(shown(failure.text)).", isBad: true))
        }
        notes += trouble.map { Live.Note(text: shown($0), isBad: true) }
        if state == .empty {
            notes.append(
                .init(text: "The log has no step yet: the run has not begun, or was ended before its first step."))
        }
        if state == .stopped {
            notes.append(
                .init(
                    text:
                        "The run ended before its time, at step \(grouped(history.lastStep)): it was stopped or killed, and goes on with --resume."
                ))
        }
        let lost = history.lostSteps
        if let first = lost.first {
            notes.append(
                .init(
                    text:
                        "The loss was not finite at \(lost.count) step\(lost.count == 1 ? "" : "s"), from step \(first) on: a lower optimizer.learning_rate, or optimizer.clip_norm, may help.",
                    isBad: true))
        }
        if history.damagedLines > 0 {
            notes.append(
                .init(
                    text:
                        "\(history.damagedLines) line\(history.damagedLines == 1 ? "" : "s") of metrics.jsonl cannot be read, and \(history.damagedLines == 1 ? "is" : "are") left out."
                ))
        }
        if history.isTorn, state != .running {
            notes.append(.init(text: "The last line of metrics.jsonl is cut off, as by a kill or a full disk."))
        }
        return notes
    }

    private var phases: [Live.Phase] {
        let total = history.seconds
        guard total > 0 else { return [] }
        let meanings = [
            "waiting for images", "forward pass", "backward pass", "slots computed a second time",
            "waiting for other workers and their sums", "updating the weights",
        ]
        var rows = zip(RunHistory.phases, meanings).enumerated().map { index, names in
            (names.0, names.1, history.steps.reduce(0) { $0 + $1.phases[index] })
        }
        let rest = total - rows.reduce(0) { $0 + $1.2 }
        if rest > 0.005 * total { rows.append(("other", "what is none of these", rest)) }
        return rows.filter { $0.2 > 0 }.map {
            Live.Phase(name: $0.0, meaning: $0.1, time: briefTime($0.2), share: min(1, $0.2 / total))
        }
    }

    // MARK: - The sections

    var sections: [String: Any] {
        get throws {
            var sections: [String: Any] = [:]
            sections["kind"] = "run"
            sections["place"] = shown(directory.path)
            sections["remarks"] = history.notes.suffix(30).map { ["step": grouped($0.step), "text": shown($0.text)] }
            if let scores = review?.scores ?? history.confusion.map(SegmentationScores.init) {
                sections["scores"] =
                    ScoresSection(
                        scores, names: configuration?.model.names, colors: configuration?.pictureColors,
                        source: scoresSource
                    ).context
            }
            sections["reviewNotes"] = (review?.notes ?? []).map(shown)
            sections["reviewFailure"] =
                reviewFailure.map { "No predictions can be shown: \(shown($0))." }
                ?? (review != nil
                    ? nil
                    : awaitsReview
                        ? "The best checkpoint is evaluated meanwhile, once there is one; the page says when there are pictures."
                        : "This page was made without looking at the validation images.")
            if let gallery = review?.gallery, !gallery.samples.isEmpty {
                sections["gallery"] = [
                    "data": HTMLPage.inScript(try JSONEncoder().encode(gallery)), "shown": "\(gallery.samples.count)",
                    "count": "\(gallery.count)", "metric": gallery.metric,
                ]
            }
            sections["settings"] = configuration.map { ConfigurationSection($0, path: directory.configuration).context }
            sections["environment"] = environment?.context
            sections["checkpoints"] = CheckpointsSection(directory).context
            sections["commands"] = commands
            return sections
        }
    }

    private var scoresSource: String {
        if let review {
            return
                "The checkpoint of step \(grouped(review.step)), evaluated on \(review.images) validation image\(review.images == 1 ? "" : "s") when this page was made."
        }
        return "From the run's log: its best validation\(history.best.map { ", step \(grouped($0.step))" } ?? "")."
    }

    private var commands: [[String: String]] {
        let run = directory.path.shellWord
        let ranks = environment?.ranks.count ?? 1
        let mpirun = ranks > 1 ? "mpirun -np \(ranks) " : ""
        var commands: [[String: String]] = []
        func add(_ what: String, _ command: String) { commands.append(["what": what, "command": shown(command)]) }
        if reviewedFile != nil {
            add("Segment other images", "lockstep predict \(run) --input IMAGES --output RESULTS")
            add("Score it on other images", "lockstep evaluate \(run) --images IMAGES --labels LABELS")
        }
        if state == .stopped || state == .failed {
            add("Go on with this run", "\(mpirun)lockstep train --resume \(run)")
        }
        if configuration != nil {
            add(
                "Train it again",
                "\(mpirun)lockstep train \(directory.configuration.shellWord) --output \((directory.path + "-again").shellWord)"
            )
        }
        if state == .running { add("Follow it here", "lockstep report \(run) --serve") }
        return commands
    }
}

extension RunState {
    /// Tells states apart in a version.
    fileprivate var number: Int {
        switch self {
        case .empty: 0
        case .running: 1
        case .finished: 2
        case .stopped: 3
        case .failed: 4
        }
    }
}
