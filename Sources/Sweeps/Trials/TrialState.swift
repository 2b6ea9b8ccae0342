import Foundation
import Support

/// What a trial has done, in its own folder as `trial.json`: of each rung that it has trained to the end of, or failed in,
/// what came of it. Only who holds the trial's claim writes it, and always as a whole.
package struct TrialState: Sendable, Equatable, Codable {
    package struct Rung: Sendable, Equatable, Codable {
        /// The best value of the objective over the run's validations until then, the earliest of equals; nil where the
        /// trial failed.
        package var value: Double?
        /// The step of that validation.
        package var step: Int?
        /// Seconds of its training steps so far, over all its starts.
        package var seconds: Double
        /// Why it failed.
        package var reason: String?

        package init(value: Double? = nil, step: Int? = nil, seconds: Double, reason: String? = nil) {
            (self.value, self.step, self.seconds, self.reason) = (value, step, seconds, reason)
        }
    }

    package var rungs: [Rung] = []

    package init(rungs: [Rung] = []) { self.rungs = rungs }

    private static let mostBytes = 1 << 20

    /// Reads a trial's state; none yet where there is no file.
    ///
    /// Throws `Failure.request` for a file that is none of ours, or that no trial of the schedule can have written.
    init(path: String, schedule: TrialSchedule) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let bytes = try InputFile(path, called: path).contents(atMost: Self.mostBytes, as: "a trial's state")
        guard let state = try? JSONDecoder().decode(TrialState.self, from: Data(bytes)),
            state.rungs.dropLast().allSatisfy({ $0.value != nil }),
            state.rungs.allSatisfy({ ($0.value == nil) == ($0.step == nil) && $0.value?.isFinite ?? true }),
            state.rungs.count <= schedule.rungs.count,
            zip(state.rungs, schedule.rungs).allSatisfy({ rung, end in
                (0...(end ?? .max)).contains(rung.step ?? 0) && rung.seconds >= 0 && rung.seconds.isFinite
            })
        else {
            throw Failure.request(
                "\(path) is not what a trial has written: remove it, and the trial is looked at again")
        }
        self = state
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try SharedFile.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }
}

/// Files that several processes may write at the same time, on several machines: the last one's is there, as a whole.
enum SharedFile {
    /// Writes text under a name of this process's own and renames it.
    static func write(_ text: String, to path: String) throws {
        try AtomicFile.write(path, by: "\(path).\(ownName()).part") {
            try $0.write(contentsOf: Data(text.utf8))
        }
    }

    /// A name that no other file has: of this process, and of the file.
    static func ownName() -> String { "\(Claim.Content.thisProcess)_\(UUID().uuidString)" }

    /// Removes what processes left half-written in a folder that were killed, or lost the disk: what those of this machine
    /// left that have ended, and all that is older than a write can last.
    ///
    /// - Parameter file: the file that was to be written; nil: any.
    static func clean(_ folder: String, of file: String? = nil, olderThan age: Double = 600) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasSuffix(".part") && file.map({ name.hasPrefix("\($0).") }) ?? true {
            let path = "\(folder)/\(name)"
            if Claim.Content.hasEnded(process: name.split(separator: ".").dropLast().last ?? "") {
                unlink(path)
                continue
            }
            let time = (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
            if let time, Date().timeIntervalSince(time) >= age { unlink(path) }
        }
    }
}
