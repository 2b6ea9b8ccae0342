import Checkpoints
import Communication
import Configurations
import Foundation
import Kernels
import Support

/// Compares a run with its own record, and computes a part of it again: `lockstep verify`.
///
/// A run is a function of its configuration and its images. Whoever has both, and a program with the same engine, gets the
/// same bits, whatever the machine and the number of workers and threads.
package struct RunVerification {
    /// What was found; the same on every rank.
    package struct Outcome: Codable, Sendable {
        package let run: String
        /// The steps between which the run was replayed.
        package let from: Int
        package let to: Int
        /// Files that are as `provenance.json` says; nil where the run has none.
        package var files: Int?
        /// Checkpoints that were computed again, up to the first that differs.
        package var checkpoints: [State] = []
        /// Steps whose loss is the log's.
        package var losses = 0
        /// What is not as it should be, a sentence each; nothing is replayed where that is seen beforehand.
        package var differences: [String] = []

        package struct State: Codable, Sendable {
            package let step: Int
            /// `TrainingState.digest`, as the checkpoint says and as it was computed again.
            package let recorded: String
            package let replayed: String
        }
    }

    private let world: any Communicator
    private let localRanks: Int
    private let console: Console
    private let directory: RunDirectory

    package init(of run: String, world: any Communicator, localRanks: Int, console: Console) {
        self.world = world
        self.localRanks = localRanks
        self.console = console
        directory = RunDirectory(run)
    }

    /// Verifies the steps from one checkpoint to another.
    ///
    /// - Parameters:
    ///   - from: a checkpoint's step, or 0, the run's beginning; nil for the oldest checkpoint that is there.
    ///   - to: a checkpoint's step; nil for the newest.
    package func run(from: Int?, to: Int?) throws -> Outcome {
        var folder: String?
        defer { if let folder { try? FileManager.default.removeItem(atPath: folder) } }
        let plan = try world.agreeOnRoot { () throws -> Plan in
            let plan = try self.plan(from: from, to: to)
            folder = plan.folder
            return plan
        }
        guard let place = plan.folder else { return plan.outcome }
        let replay = RunDirectory(Self.replay(in: place))
        var outcome = plan.outcome
        // From checkpoint to checkpoint, so that no more than two of the replay's are on the disk.
        for step in plan.stops {
            console.say("computing \(shownPath(directory.path)) again up to step \(step), in a folder of its own")
            do {
                _ = try TrainingJob(world: world, localRanks: localRanks, console: console.showingProgressAlone)
                    .run(request(from: outcome.checkpoints.last?.step ?? outcome.from, to: step, in: place))
            } catch let failure as Failure where failure.kind == .stopped {
                throw Failure(.stopped, "stopped on a signal, and nothing was verified: start lockstep verify again")
            }
            outcome = try world.agreeOnRoot { try compared(outcome, at: step, with: replay) }
            guard outcome.differences.isEmpty else { return outcome }
        }
        return outcome
    }

    // MARK: - Before

    private struct Plan: Codable {
        let outcome: Outcome
        /// The checkpoints behind the first one, to be computed again.
        var stops: [Int] = []
        /// Where that is done, on rank 0; nil where it need not be.
        var folder: String?
    }

    private static func replay(in folder: String) -> String { "\(folder)/run" }

    private func plan(from: Int?, to: Int?) throws -> Plan {
        let shown = shownPath(directory.path)
        guard directory.holdsRun else {
            throw Failure.request("\(shown) holds no run: name the folder of one that has ended")
        }
        let steps = directory.checkpointSteps
        guard let last = steps.last else {
            throw Failure.request("\(shown) has no checkpoint, and nothing to compare with: name a run that has ended")
        }
        let end = to ?? last
        let begin = from ?? steps.first { $0 < end } ?? 0
        for (option, step) in [("--from", begin), ("--to", end)] where step != 0 && !steps.contains(step) {
            throw Failure.request(
                "\(option) \(step): \(shown) has no checkpoint of that step; there are \(steps.map(String.init).joined(separator: ", "))"
            )
        }
        guard begin < end else {
            throw Failure.request("there are no steps from \(begin) to \(end): give --from a step before that of --to")
        }
        if let configuration = try? Configuration.load(path: directory.configuration, settings: []) {
            try checkLength(configuration)
        }
        var outcome = Outcome(run: directory.path, from: begin, to: end)
        if let provenance = try Provenance(reading: directory.provenance) {
            outcome.differences = provenance.differences(in: directory)
            outcome.files = provenance.count - outcome.differences.count
        }
        var configuration = ""
        if outcome.differences.isEmpty {
            (configuration, outcome.differences) = try examined(from: begin, to: end)
        }
        guard outcome.differences.isEmpty else { return Plan(outcome: outcome) }
        return Plan(
            outcome: outcome, stops: steps.filter { $0 > begin && $0 <= end },
            folder: try makeFolder(configuration, from: begin))
    }

    private func checkLength(_ configuration: Configuration) throws {
        guard case .minutes = configuration.training.length else { return }
        throw Failure.request(
            "\(shownPath(directory.path)) was given in minutes: how many steps that is, and the rates of them, depends on the "
                + "machine's speed, so that no other start computes the same; runs of training.steps or epochs can be verified"
        )
    }

    /// The configuration in YAML of the steps to replay, and what the checkpoints of both ends, and the run's configuration,
    /// have that does not go together. Throws where they cannot be replayed by this program.
    private func examined(from begin: Int, to end: Int) throws -> (yaml: String, differences: [String]) {
        var ends: [CheckpointMetadata] = []
        for step in [begin, end] where step > 0 {
            let path = directory.checkpoint(step: step)
            do {
                guard let metadata = try SafetensorsFile(reading: path).verified() else {
                    return ("", ["\(shownPath(path)) holds weights but no run"])
                }
                ends.append(metadata)
            } catch let failure as Failure where failure.kind == .request { return ("", [failure.message]) }
        }
        guard let last = ends.last, let first = ends.first else { preconditionFailure("steps without an end") }
        try checkLength(last.configuration)
        for metadata in ends {
            guard let divergence = metadata.divergence(engine: last.configuration.run.engine) else { continue }
            throw Failure.request(
                "\(shownPath(directory.checkpoint(step: metadata.step))) cannot be computed again by this program: \(divergence)"
            )
        }
        let changes = try last.configuration.changes(since: first.configuration, haveSameImages: true)
        let isSameLength =
            first.configuration.training.length == last.configuration.training.length
            || last.configuration.optimizer.schedule.shape == .constant
        guard try first.configuration.resultDigest == last.configuration.resultDigest, isSameLength else {
            throw Failure.request(
                "\(shownPath(directory.path)) went on with another configuration between steps \(begin) and \(end) ("
                    + (changes.first
                        ?? (isSameLength ? "optimizer.learning_rate" : "the run's length, which its schedule follows"))
                    + "): verify what lies between two checkpoints of one")
        }
        var differences: [String] = []
        if first.run != last.run {
            differences.append("the checkpoints of steps \(begin) and \(end) are of two runs")
        }
        let now = try Configuration.load(path: directory.configuration, settings: [])
        if try now.resultDigest != last.configuration.resultDigest {
            differences.append(
                "\(shownPath(directory.configuration)) is not the configuration that the checkpoint of step \(end) was trained with"
            )
        }
        return (last.yaml, differences)
    }

    /// Makes a folder in which a run stands that goes on from where the replay begins.
    private func makeFolder(_ yaml: String, from begin: Int) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-verify-\(UUID().uuidString)").path
        let run = RunDirectory(Self.replay(in: folder))
        try Support.makeFolder(
            begin == 0 ? folder : run.checkpoints, called: shownPath(folder), advice: "name another folder with TMPDIR")
        let configuration = begin == 0 ? "\(folder)/config.yaml" : run.configuration
        try AtomicFile.write(yaml, to: configuration)
        if begin > 0 {
            try AtomicFile.link(run.checkpoint(step: begin), to: realPath(directory.checkpoint(step: begin)))
        }
        return folder
    }

    private func request(from begin: Int, to end: Int, in folder: String) -> TrainingRequest {
        // None of these changes what is computed: when it is saved and validated, and whether it may end sooner.
        let settings = [
            "checkpoint.every=1000000000", "checkpoint.keep=1", "checkpoint.memory=false",
            "validation.every=1000000000",
            "validation.patience=0", "run.trace=false",
        ]
        let run = Self.replay(in: folder)
        return begin == 0
            ? TrainingRequest(configuration: "\(folder)/config.yaml", settings: settings, output: run, until: end)
            : TrainingRequest(settings: settings, resume: run, until: end)
    }

    // MARK: - After

    /// The outcome with what is to be said of a step that was computed again.
    private func compared(_ outcome: Outcome, at step: Int, with replay: RunDirectory) throws -> Outcome {
        var outcome = outcome
        let path = directory.checkpoint(step: step)
        let then: CheckpointMetadata?
        do { then = try SafetensorsFile(reading: path).verified() } catch let failure as Failure {
            outcome.differences.append(failure.message)
            return outcome
        }
        let now = try SafetensorsFile(reading: replay.checkpoint(step: step)).checkpoint
        outcome.checkpoints.append(
            .init(step: step, recorded: then?.stateDigest ?? "", replayed: now?.stateDigest ?? ""))
        if then?.contents != now?.contents || then?.images != now?.images {
            outcome.differences.append("the images are not those that step \(step) was trained with")
        }
        if then?.stateDigest != now?.stateDigest {
            outcome.differences.append("\(shownPath(path)) has other weights or momentum than its configuration gives")
        }
        let (logged, computed) = (try losses(directory, outcome), try losses(replay, outcome))
        outcome.losses = computed.count { logged[$0] == $1 }
        if let other = computed.keys.sorted().first(where: { logged[$0] != nil && logged[$0] != computed[$0] }) {
            outcome.differences.append(
                "\(shownPath(directory.metrics)) has another loss of step \(other) than its configuration gives")
        }
        return outcome
    }

    /// The losses in a run's log of the steps that were replayed, as the log writes them.
    private func losses(_ run: RunDirectory, _ outcome: Outcome) throws -> [Int: Double] {
        struct Event: Decodable {
            let event: String
            let step: Int
            let loss: Double?
        }
        guard access(run.metrics, F_OK) == 0 else { return [:] }
        let text = try InputFile(run.metrics, called: shownPath(run.metrics)).contents(atMost: 1 << 40, as: "a log")
        var losses: [Int: Double] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? JSONDecoder().decode(Event.self, from: line), event.event == "train",
                (outcome.from + 1...outcome.to).contains(event.step)
            else { continue }
            losses[event.step] = event.loss
        }
        return losses
    }
}
