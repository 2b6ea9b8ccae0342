import Foundation
import Support
import Sweeps
import Synchronization

/// A folder with a base configuration and a sweep file, removed with the test.
final class SweepPlace: Sendable {
    let root = NSTemporaryDirectory() + "lockstep-sweep-\(UUID().uuidString)"
    var sweep: String { root + "/s.yaml" }
    var folder: String { root + "/sweeps/s" }

    init(_ lines: String = "retries: 1", file: (String) -> String = SweepPlace.text) throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try write("data: {train: {images: a, labels: b}}\ntraining: {minutes: 3}\n", to: "base.yaml")
        try write(file(lines), to: "s.yaml")
    }

    static func text(_ lines: String) -> String {
        """
        name: s
        base: base.yaml
        set: {training.steps: 20}
        parameters:
          optimizer.momentum: [0.5, 0.9]
          data.validation: [{fraction: 0.25}, {fold: 0, of: 5}]
        \(lines)

        """
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(root)/\(name)", atomically: true, encoding: .utf8)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }

    /// results.csv without the seconds.
    func rows() throws -> [String] {
        try read("results.csv").split(separator: "\n").map { String($0[..<($0.lastIndex(of: ",") ?? $0.endIndex)]) }
    }

    func run(
        _ launcher: FakeLauncher, resume: Bool = false, stop: StopRequest = StopRequest(), parallel: Int? = nil,
        hosts: HostFile? = nil, waits: Bool = true, patience: Double = 60,
        display: TrialDisplay = TrialDisplay(size: { nil }, write: { _ in })
    ) throws -> SweepSummary {
        try SweepRunner(
            path: sweep, resume: resume, parallel: parallel, hosts: hosts, waits: waits, launcher: launcher, stop: stop,
            display: display, root: root + "/sweeps", patience: patience
        ).run()
    }
}

/// Trains by writing down what its settings are worth.
final class FakeLauncher: TrialLauncher {
    struct Killed: Error {}
    typealias Action = @Sendable (_ run: String, _ launch: TrialLaunch) throws -> Int32

    private struct State {
        var launches: [TrialLaunch] = []
        var places: [TrialPlace] = []
        var instead: [Int: Action] = [:]
        var running = 0
        var mostRunning = 0
    }

    private let state = Mutex(State())
    /// Seconds that a training takes.
    private let duration: Double
    private let faulty: String?

    init(duration: Double = 0, faulty: String? = nil) { (self.duration, self.faulty) = (duration, faulty) }

    var launches: [TrialLaunch] { state.withLock { $0.launches } }
    var places: [TrialPlace] { state.withLock { $0.places } }
    var mostRunning: Int { state.withLock { $0.mostRunning } }

    /// What to do in place of training, by the number of the launch, from 1.
    func instead(of launch: Int, _ action: @escaping Action) { state.withLock { $0.instead[launch] = action } }

    func launch(_ launch: TrialLaunch, at place: TrialPlace, stop: StopRequest, tick: () -> Bool) throws -> Int32 {
        let action = state.withLock { state in
            state.launches.append(launch)
            state.places.append(place)
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
            return state.instead[state.launches.count]
        }
        defer { state.withLock { $0.running -= 1 } }
        let words = launch.arguments
        let resumed = words[1] == "--resume"
        let until = words.firstIndex(of: "--until").flatMap { Int(words[$0 + 1]) } ?? .max
        let run = resumed ? words[2] : words[(words.firstIndex(of: "--output") ?? 0) + 1]
        if !resumed {
            // As train does with a run that exists.
            if FileManager.default.fileExists(atPath: run + "/config.yaml") { return 2 }
            try FileManager.default.createDirectory(atPath: run + "/checkpoints", withIntermediateDirectories: true)
            try words.joined(separator: " ").write(toFile: run + "/settings", atomically: true, encoding: .utf8)
        }
        if duration > 0 { usleep(UInt32(duration * 1e6)) }
        guard tick() else { return 143 }
        if let action { return try action(run, launch) }
        let settings = try String(contentsOfFile: run + "/settings", encoding: .utf8)
        let quality = (settings.contains("momentum=0.9") ? 0.5 : 0.25) + (settings.contains("fold") ? 0.125 : 0)
        let metrics = """
            {"event":"train","step":1,"loss":0.1,"iou":0.99,"seconds":1.25}
            {"event":"train","step":2,"loss":0.1,"iou":0.99,"seconds":1}
            {"event":"validation","step":10,"iou":\(quality),"pixel_error":\(1 - quality)}
            {"event":"validation","step":20,"iou":\(quality - 0.125),"pixel_error":\(1.125 - quality)}
            {"event":"validation","step":30,"iou":null}
            """
        let lines = metrics.split(separator: "\n").filter { line in
            let step = line.split(separator: "\"step\":")[1].prefix { $0.isNumber }
            return (Int(step) ?? 0) <= until
        }
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: run + "/metrics.jsonl", atomically: true, encoding: .utf8)
        try FakeLauncher.save(run)
        return 0
    }

    /// A checkpoint, as far as sweeps look at it.
    static func save(_ run: String) throws {
        try "".write(toFile: run + "/checkpoints/step-00000010.safetensors", atomically: true, encoding: .utf8)
        try "".write(toFile: run + "/config.yaml", atomically: true, encoding: .utf8)
    }

    func fault(of place: TrialPlace) -> String? {
        guard let faulty, case .hosts(let slots) = place, slots.contains(where: { $0.host.name == faulty }) else {
            return nil
        }
        return "\(faulty) cannot be reached"
    }
}
