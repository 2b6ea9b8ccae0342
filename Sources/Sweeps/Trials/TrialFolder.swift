import Checkpoints
import Configurations
import Foundation
import Support

/// The folder of several trials: each has its run's folder there, with its state and its claims, and its log beside it.
struct TrialFolder: Sendable {
    let path: String

    func run(of trial: Trial) -> String { "\(path)/\(trial.name)" }
    func log(of trial: Trial) -> String { "\(path)/\(trial.name).log" }
    func metrics(of trial: Trial) -> String { RunDirectory(run(of: trial)).metrics }
    func state(of trial: Trial) -> String { "\(run(of: trial))/trial.json" }
    func claims(of trial: Trial) -> String { "\(run(of: trial))/claims" }

    var isThere: Bool { FileManager.default.fileExists(atPath: path) }

    /// Makes the folder.
    func create() throws {
        try makeFolder(path, called: "\(path):", advice: "check the permissions of the folder that it is in")
        SharedFile.clean(path)
    }

    /// Removes what processes that have ended left half-written of a trial's state and claims.
    func clean(_ trial: Trial) {
        SharedFile.clean(run(of: trial), of: "trial.json")
        SharedFile.clean(claims(of: trial))
    }

    /// Whether a trial that was begun can be gone on with.
    func hasCheckpoint(_ trial: Trial) -> Bool {
        let directory = RunDirectory(run(of: trial))
        return directory.holdsRun && !directory.checkpointSteps.isEmpty
    }

    /// Removes what an unfinished trial without a checkpoint left, but for its claims and its state.
    func clear(_ trial: Trial) throws {
        let run = run(of: trial)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: run)) ?? []
        where name != "claims" && name != "trial.json" {
            do {
                try FileManager.default.removeItem(atPath: "\(run)/\(name)")
            } catch {
                throw Failure.running("\(run)/\(name): cannot be removed: check its permissions")
            }
        }
    }

    /// Bytes of a trial's log so far.
    func logSize(of trial: Trial) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: log(of: trial)))?[.size] as? Int ?? 0
    }

    /// What the last `error: …` says in a trial's log after its first `offset` bytes.
    func lastError(of trial: Trial, after offset: Int) -> String? {
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
    func lastStep(of trial: Trial) -> Int? {
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

    /// Throws `Failure.request` where a file says something else than the folder's copy of it; comments and layout are
    /// nothing else.
    ///
    /// - Parameters:
    ///   - text: what the file says now.
    ///   - original: its path, for errors.
    ///   - what: was begun with it: "sweep".
    ///   - free: keys that may change.
    func check(copy: String, against text: String, of original: String, what: String, except free: Set<String> = [])
        throws
    {
        let before = try ConfigurationNode.parse(
            yaml: try Configuration.readText(path: copy, what: "\(what)'s copy"), name: copy)
        let after = try ConfigurationNode.parse(yaml: text, name: original)
        guard let difference = Self.difference(from: before, to: after, except: free) else { return }
        throw Failure.request(
            "\(original): has changed since the \(what) began: \(difference): put it back, or give the \(what) "
                + "another name")
    }

    /// The first difference of two documents in words.
    private static func difference(
        from before: ConfigurationNode, to after: ConfigurationNode, except free: Set<String>
    ) -> String? {
        let old = before.leaves.filter { !free.contains($0.key) }.map { ($0.key, $0.value.text) }
        let new = after.leaves.filter { !free.contains($0.key) }.map { ($0.key, $0.value.text) }
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
}
