import Foundation
import Support
import Synchronization

/// `metrics.jsonl`: one JSON object an event; a validation follows the steps that went on meanwhile.
///
/// The coordinator's two threads write to it, in turn.
final class MetricsLog: Sendable {
    private let file: Mutex<FileHandle>
    private let path: String
    private let encoder: JSONEncoder

    /// Opens the log to add to it.
    ///
    /// - Parameters:
    ///   - lastStep: events of later steps are dropped first: a resumed run repeats them.
    init(path: String, lastStep: Int) throws {
        self.path = path
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.encoder = encoder
        file = Mutex(try Self.open(path, lastStep: lastStep))
    }

    /// Drops the events of later steps: the run has ended at `step`.
    func drop(after step: Int) throws {
        try file.withLock { $0 = try Self.open(path, lastStep: step) }
    }

    /// The log without the events of steps later than `lastStep`, to be added to.
    private static func open(_ path: String, lastStep: Int) throws -> FileHandle {
        struct Place: Decodable { let step: Int }
        let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let kept = old.split(separator: "\n").filter { line in
            // A line that was cut off by a crash is of a step that is repeated.
            guard let place = try? JSONDecoder().decode(Place.self, from: Data(line.utf8)) else { return false }
            return place.step <= lastStep
        }
        try AtomicFile.write(kept.map { $0 + "\n" }.joined(), to: path)
        guard let file = FileHandle(forWritingAtPath: path) else {
            throw Failure.running("\(path) cannot be written: \(Failure.systemReason(errno))")
        }
        try file.seekToEnd()
        return file
    }

    func append(_ event: some Encodable) throws {
        let line = try encoder.encode(event) + Data("\n".utf8)
        do {
            try file.withLock { try $0.write(contentsOf: line) }
        } catch {
            throw Failure.running("\(path) cannot be written: is the disk full?")
        }
    }
}

/// What a training step leaves in the log.
struct TrainEvent: Encodable {
    var event = "train"
    let step: Int
    let loss: Double?
    let learningRate: Double
    let gradientNorm: Double?
    let seconds: Double
    let imagesPerSecond: Double
    let time: StepTimes
    /// The worker that costs the others more than a tenth of the step.
    let slowest: WorkerBehind?

    enum CodingKeys: String, CodingKey {
        case event, step, loss, seconds, time, slowest
        case learningRate = "learning_rate"
        case gradientNorm = "gradient_norm"
        case imagesPerSecond = "images_per_second"
    }
}

/// Something of note: a resume, a skipped step, workers that waited for the coordinator.
struct NoteEvent: Encodable {
    var event = "note"
    let step: Int
    let message: String
}

/// What ended a run, its last event; the resume of an earlier step drops it.
struct FailureEvent: Encodable {
    var event = "failure"
    let step: Int
    let message: String
    /// Whether the same would happen again: `launch/supervise` then does not start the run anew.
    let repeats: Bool
}
