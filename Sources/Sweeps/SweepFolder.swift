import Checkpoints
import Configurations
import Foundation
import Support

/// A sweep's folder: copies of what it was begun with, its trials, and its results.
struct SweepFolder {
    let path: String

    var sweepCopy: String { "\(path)/sweep.yaml" }
    /// The base as it was when the sweep began; trials start from it, so that an edit reaches none of them.
    var baseCopy: String { "\(path)/base.yaml" }
    var results: String { "\(path)/results.csv" }
    var best: String { "\(path)/best.yaml" }

    func run(of trial: SweepTrial) -> String { "\(path)/\(trial.name)" }
    func log(of trial: SweepTrial) -> String { "\(path)/\(trial.name).log" }
    func metrics(of trial: SweepTrial) -> String { RunDirectory(run(of: trial)).metrics }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Makes the folder and its copies, or checks that they are of the same sweep.
    func prepare(sweepPath: String, basePath: String, resume: Bool) throws {
        let sweep = try Configuration.readText(path: sweepPath, what: "sweep")
        let base = try Configuration.readText(path: basePath, what: "base configuration")
        if exists(path), !resume {
            throw Failure.request("\(path): holds a sweep already: go on with --resume, or give this one another name")
        }
        try makeFolder(path, called: "\(path):", advice: "check the permissions of the folder that it is in")
        // The sweep's copy is the last to be written: where it is missing, nothing has begun.
        guard exists(sweepCopy) else {
            try AtomicFile.write(base, to: baseCopy)
            try AtomicFile.write(sweep, to: sweepCopy)
            return
        }
        for (copy, original, text) in [(sweepCopy, sweepPath, sweep), (baseCopy, basePath, base)] {
            let before = try ConfigurationNode.parse(
                yaml: try Configuration.readText(path: copy, what: "sweep's copy"), name: copy)
            let after = try ConfigurationNode.parse(yaml: text, name: original)
            guard let difference = Self.difference(from: before, to: after) else { continue }
            throw Failure.request(
                "\(original): has changed since the sweep began: \(difference): put it back, or give the sweep "
                    + "another name")
        }
    }

    /// The first difference of two documents in words; comments and layout are none.
    private static func difference(from before: ConfigurationNode, to after: ConfigurationNode) -> String? {
        let old = before.leaves.map { ($0.key, $0.value.text) }
        let new = after.leaves.map { ($0.key, $0.value.text) }
        let oldByKey = Dictionary(old) { first, _ in first }
        let newByKey = Dictionary(new) { first, _ in first }
        for (key, text) in old where newByKey[key] != text {
            return "\(key) was \(text), " + (newByKey[key].map { "is now \($0)" } ?? "is now missing")
        }
        for (key, text) in new where oldByKey[key] == nil { return "\(key) was missing, is now \(text)" }
        // The order matters for parameters alone: it numbers the trials.
        let order = { (leaves: [(String, String)]) in leaves.map(\.0).filter { $0.hasPrefix("parameters.") } }
        return order(old) == order(new) ? nil : "the order of the parameters is another"
    }

    /// Locks the folder for this process, for as long as the handle lives.
    func lock() throws -> FileHandle {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure.running("\(path): cannot be opened: \(Failure.systemReason(errno))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard handle.lock() else {
            throw Failure.request("\(path): another lockstep sweep is at work in it: wait for it or end it")
        }
        return handle
    }

    /// Whether a trial that was begun can be gone on with.
    func hasCheckpoint(_ trial: SweepTrial) -> Bool {
        let directory = RunDirectory(run(of: trial))
        return directory.holdsRun && !directory.checkpointSteps.isEmpty
    }

    /// Removes what an unfinished trial without a checkpoint left.
    func clear(_ trial: SweepTrial) throws {
        guard exists(run(of: trial)) else { return }
        do {
            try FileManager.default.removeItem(atPath: run(of: trial))
        } catch {
            throw Failure.running("\(run(of: trial)): cannot be removed: check its permissions")
        }
    }

    /// Bytes of a trial's log so far.
    func logSize(of trial: SweepTrial) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: log(of: trial)))?[.size] as? Int ?? 0
    }

    /// What the last `error: …` says in a trial's log after its first `offset` bytes.
    func lastError(of trial: SweepTrial, after offset: Int) -> String? {
        guard let text = Self.end(of: log(of: trial), after: offset, atMost: 1 << 20) else { return nil }
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last { $0.hasPrefix("error: ") }.map { String($0.dropFirst("error: ".count)) }
    }

    /// The last bytes of a file; nil where it cannot be read or is no longer than `offset`.
    private static func end(of path: String, after offset: Int, atMost most: Int) -> [UInt8]? {
        guard let file = try? InputFile(path, called: path), file.size > offset else { return nil }
        let start = max(offset, file.size - most)
        return try? file.bytes(at: start, count: file.size - start)
    }

    /// The step of the last event in a trial's metrics.
    func lastStep(of trial: SweepTrial) -> Int? {
        guard let tail = Self.end(of: metrics(of: trial), after: 0, atMost: 4096) else { return nil }
        // The last line may be half written.
        for line in tail.split(separator: UInt8(ascii: "\n")).reversed() {
            if let event = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any],
                let step = event["step"] as? Int
            {
                return step
            }
        }
        return nil
    }
}
