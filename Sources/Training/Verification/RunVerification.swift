import Checkpoints
import Communication
import Configurations
import Foundation
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
                throw Self.stopped
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
        guard !FileHandle.isLocked(folder: directory.path) else {
            throw Failure.request("\(shown) is being trained: verify it once it has ended")
        }
        let configuration = try? Configuration.load(path: directory.configuration, settings: [])
        if let configuration { try checkLength(configuration) }
        var outcome = Outcome(run: directory.path, from: begin, to: end)
        if let provenance = try Provenance(reading: directory.provenance) {
            try checkPlace(provenance)
            let samples = try? configuration?.samples()
            outcome.differences = try provenance.differences(
                in: directory,
                inputs: samples.map { ($0.train + $0.validation).flatMap { [$0.image.path, $0.labels.path] } },
                isFromBeginning: begin == 0
            ) { done in
                guard !StopSignal.isRaised else { throw Self.stopped }
                console.progress("comparing files: \(done) of \(provenance.count)")
            }
            console.endProgress()
            outcome.files = outcome.differences.isEmpty ? provenance.count : nil
        }
        var yaml = ""
        if outcome.differences.isEmpty { (yaml, outcome.differences) = try examined(from: begin, to: end) }
        guard outcome.differences.isEmpty else { return Plan(outcome: outcome) }
        return Plan(
            outcome: outcome, stops: steps.filter { $0 > begin && $0 <= end },
            folder: try makeFolder(yaml, from: begin))
    }

    private static let stopped = Failure(
        .stopped, "stopped on a signal, and nothing was verified: start lockstep verify again")

    private func checkLength(_ configuration: Configuration) throws {
        guard case .minutes = configuration.training.length else { return }
        throw Failure.request(
            "\(shownPath(directory.path)) was given in minutes: how many steps that is, and the rates of them, depends on the "
                + "machine's speed, so that no other start computes the same; runs of training.steps or epochs can be verified"
        )
    }

    /// Where not one input is there, it is the working folder that is another.
    private func checkPlace(_ provenance: Provenance) throws {
        guard let first = provenance.inputs.first, provenance.inputs.allSatisfy({ access($0.file, F_OK) != 0 }) else {
            return
        }
        throw Failure.request(
            "none of the run's \(provenance.inputs.count) images and labels is there, \(first.file) say: start in the folder in "
                + "which the run was started, or bring them back")
    }

    /// The configuration in YAML of the steps to replay, and what is not as it should be about their checkpoints, and the
    /// run's configuration. Throws where they cannot be replayed by this program, or by no single one.
    private func examined(from begin: Int, to end: Int) throws -> (yaml: String, differences: [String]) {
        var all: [CheckpointMetadata] = []
        for step in directory.checkpointSteps where step >= begin && step <= end {
            let path = directory.checkpoint(step: step)
            do {
                guard let metadata = try SafetensorsFile(reading: path).verified() else {
                    return ("", ["\(shownPath(path)) holds weights but no run"])
                }
                all.append(metadata)
            } catch let failure as Failure where failure.kind == .request { return ("", [failure.message]) }
        }
        guard let last = all.last else { preconditionFailure("no checkpoint of step \(end)") }
        if let other = all.first(where: { $0.run != last.run }) {
            return (
                "", ["\(shownPath(directory.checkpoint(step: other.step))) is of another run than that of step \(end)"]
            )
        }
        try checkLength(last.configuration)
        let computed = all.filter { $0.step > begin }
        for metadata in computed {
            guard let divergence = metadata.divergence(engine: last.configuration.run.engine) else { continue }
            throw Failure.request(
                "\(shownPath(directory.checkpoint(step: metadata.step))) cannot be computed again by this program: \(divergence)"
            )
        }
        for metadata in computed {
            if let change = try change(from: metadata, to: last) { throw wentOn(change, begin, end) }
        }
        if let note = try noteOfChange(from: begin, to: end) { throw wentOn(note, begin, end) }
        try checkCompression(last.configuration)
        guard end == directory.checkpointSteps.last else { return (last.yaml, []) }
        let now = try Configuration.load(path: directory.configuration, settings: [])
        guard try now.resultDigest == last.configuration.resultDigest else {
            return (
                "",
                [
                    "\(shownPath(directory.configuration)) is not the configuration that the checkpoint of step \(end) was trained with"
                ]
            )
        }
        return (last.yaml, [])
    }

    private func wentOn(_ change: String, _ begin: Int, _ end: Int) -> Failure {
        .request(
            "\(shownPath(directory.path)) went on otherwise between steps \(begin) and \(end) (\(change)): verify what lies "
                + "between two checkpoints of one way, with --from and --to")
    }

    /// What steps up to one checkpoint were computed from that those up to another were not; nil where it is the same.
    private func change(from old: CheckpointMetadata, to new: CheckpointMetadata) throws -> String? {
        if old.images != new.images || old.contents != new.contents { return "the images are others" }
        if old.configuration.training.length != new.configuration.training.length,
            new.configuration.optimizer.schedule.shape != .constant
        {
            return "its schedule follows the run's length, which is another"
        }
        guard try old.configuration.resultDigest != new.configuration.resultDigest else { return nil }
        return try new.configuration.changes(since: old.configuration, haveSameImages: true).first
            ?? "optimizer.learning_rate is another"
    }

    /// What the log says of a resume between two steps that changed what is computed from there on.
    private func noteOfChange(from begin: Int, to end: Int) throws -> String? {
        let signs = ["from here", "the learning rate jumps", "the images are not those of the checkpoint"]
        return try events(directory).first { event in
            event.event == "note" && event.step > begin && event.step < end
                && signs.contains { event.message?.contains($0) == true }
        }.flatMap { "step \($0.step): \($0.message ?? "")" }
    }

    /// Gradients that travel in half the bytes are rounded once for each worker.
    private func checkCompression(_ configuration: Configuration) throws {
        guard configuration.communication.compression != .none else { return }
        struct Noted: Decodable { let ranks: [RunEnvironment.Rank] }
        let data = FileManager.default.contents(atPath: directory.environment) ?? Data()
        let then =
            (try? JSONDecoder().decode(Noted.self, from: data))?.ranks.filter { $0.role.contains("worker") } ?? []
        let now = ProcessLayout(ranks: world.size, mode: configuration.run.coordinator).workers.count
        guard then.count != now || Set(then.map(\.host)).count > 1 else { return }
        throw Failure.request(
            "\(shownPath(directory.path)) was trained by \(then.count) workers with communication.compression, by which the result "
                + "depends on their number and hosts: it can be verified with as many workers, on one host")
    }

    /// Makes a folder in which a run stands that goes on from where the replay begins.
    private func makeFolder(_ yaml: String, from begin: Int) throws -> String {
        let place = FileManager.default.temporaryDirectory.path
        let folder =
            "\(place.count > 1 && place.hasSuffix("/") ? String(place.dropLast()) : place)/lockstep-verify-\(UUID().uuidString)"
        let run = RunDirectory(Self.replay(in: folder))
        do {
            guard isFolder(place) == true else { throw Failure.request("there is no folder \(place)") }
            try Support.makeFolder(
                begin == 0 ? folder : run.checkpoints, called: shownPath(folder), advice: "it is needed for the replay")
            try AtomicFile.write(yaml, to: begin == 0 ? "\(folder)/config.yaml" : run.configuration)
            if begin > 0 {
                try AtomicFile.link(run.checkpoint(step: begin), to: realPath(directory.checkpoint(step: begin)))
            }
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw Failure.request("\(Failure(wrapping: error).message); name another temporary folder with TMPDIR")
        }
        return folder
    }

    private func request(from begin: Int, to end: Int, in folder: String) -> TrainingRequest {
        // None of these changes what is computed: when it is saved, and whether it may end sooner.
        let settings = [
            "checkpoint.every=1000000000", "checkpoint.keep=1", "checkpoint.memory=false", "validation.patience=0",
            "run.trace=false",
        ]
        let run = Self.replay(in: folder)
        var request =
            begin == 0
            ? TrainingRequest(configuration: "\(folder)/config.yaml", settings: settings, output: run, until: end)
            : TrainingRequest(settings: settings, resume: run, until: end)
        request.isReplay = true
        return request
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
        outcome.losses = computed.count { logged[$0] == [$1.first ?? nil] }
        if let other = computed.keys.sorted().first(where: { logged[$0] != computed[$0] }) {
            outcome.differences.append(
                "\(shownPath(directory.metrics)) has \(logged[other] == nil ? "no" : "another") loss of step \(other) than its "
                    + "configuration gives")
        }
        return outcome
    }

    private struct Event: Decodable {
        let event: String
        let step: Int
        let loss: Double?
        let message: String?
    }

    private func events(_ run: RunDirectory) throws -> [Event] {
        guard access(run.metrics, F_OK) == 0 else { return [] }
        let text = try InputFile(run.metrics, called: shownPath(run.metrics)).contents(atMost: 1 << 40, as: "a log")
        return text.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONDecoder().decode(Event.self, from: $0) }
    }

    /// The losses in a run's log of the steps that were replayed; of each step one, where the log is as it was written.
    private func losses(_ run: RunDirectory, _ outcome: Outcome) throws -> [Int: [Double?]] {
        let trained = try events(run).filter {
            $0.event == "train" && (outcome.from + 1...outcome.to).contains($0.step)
        }
        return Dictionary(grouping: trained, by: \.step).mapValues { $0.map(\.loss) }
    }
}
