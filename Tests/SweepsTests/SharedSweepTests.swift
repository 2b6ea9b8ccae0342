import Foundation
import Support
import Sweeps
import Synchronization
import Testing

/// Several trials at a time, in one process and in several.
@Suite struct SharedSweepTests {
    private static func sweep(_ lines: String) -> String {
        """
        name: s
        base: base.yaml
        set: {training.steps: 20, validation.every: 10}
        parameters:
          seed: [1, 2, 3, 4, 5, 6]
          optimizer.momentum: [0.5, 0.9]
        \(lines)

        """
    }
    private static let halving = "strategy: {successive_halving: {eta: 3, minimum_steps: 10}}"

    private static func expected(_ lines: String) throws -> [String] {
        let place = try SweepPlace(lines, file: sweep)
        _ = try place.run(FakeLauncher())
        return try place.rows()
    }

    @Test(arguments: ["strategy: grid", halving])
    func manyAtATimeEndAsOneAfterAnother(strategy: String) throws {
        let place = try SweepPlace(strategy + "\nparallel: 4", file: Self.sweep)
        let launcher = FakeLauncher(duration: 0.02)
        #expect(try place.run(launcher).exitStatus == 0)
        #expect(launcher.mostRunning > 1 && launcher.mostRunning <= 4)
        #expect(try place.rows() == Self.expected(strategy))
        // How many run at a time may change meanwhile.
        try place.write(Self.sweep(strategy + "\nparallel: 2"), to: "s.yaml")
        #expect(try place.run(FakeLauncher(), resume: true).exitStatus == 0)
    }

    @Test func aStopEndsAllThatRun() throws {
        let place = try SweepPlace("strategy: grid", file: Self.sweep)
        let stop = StopRequest()
        let launcher = FakeLauncher(duration: 0.05)
        for launch in 1...3 {
            launcher.instead(of: launch) { run, _ in
                stop.request()
                try FakeLauncher.save(run)
                return 75
            }
        }
        let summary = try place.run(launcher, stop: stop, parallel: 3)
        #expect(summary.exitStatus == 75 && launcher.launches.count == 3)
        #expect(try place.run(FakeLauncher(), resume: true, parallel: 3).exitStatus == 0)
        #expect(try place.rows() == Self.expected("strategy: grid"))
    }

    @Test(arguments: ["strategy: grid", halving])
    func severalProcessesShareTheTrials(strategy: String) throws {
        let place = try SweepPlace(strategy, file: Self.sweep)
        let launchers = (0..<3).map { _ in FakeLauncher(duration: 0.02) }
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { process in
            do {
                let summary = try place.run(launchers[process], resume: true, waits: process > 0)
                if process > 0, summary.exitStatus != 0 { throw Failure.running("ended with \(summary)") }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(try place.rows() == Self.expected(strategy))
        let all = launchers.flatMap(\.launches).map { $0.arguments.joined(separator: " ") }
        #expect(all.count == (strategy == Self.halving ? 16 : 12) && Set(all).count == all.count)
    }

    @Test func aTrialOfAHostThatIsGoneGoesToAnother() throws {
        let place = try SweepPlace("workers: 2", file: Self.sweep)
        let hosts = try HostFile(text: "a slots=2\nb slots=2 # the other\nc slots=1\n", name: "hosts")
        let launcher = FakeLauncher(duration: 0.02, faulty: "b")
        for launch in 1...2 {
            launcher.instead(of: launch) { _, launch in launch.arguments.contains("x") ? 0 : 1 }
        }
        #expect(try place.run(launcher, hosts: hosts).exitStatus == 0)
        #expect(try place.rows() == Self.expected("workers: 2"))
        #expect(launcher.places.count { $0.description.contains("b") } == 1)
    }

    // MARK: - Claims

    @Test func aClaimIsAnothersUntilItIsReleased() throws {
        let folder = NSTemporaryDirectory() + "lockstep-claims-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let watch = ClaimWatch(patience: 0.2)
        // Names that are no claims.
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["9223372036854775807", "1", "-001", "+007"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        let first = try #require(try Claim.take(in: folder, watch: watch))
        #expect(try Claim.take(in: folder, watch: watch) == nil)
        #expect(first.beat())
        first.release()
        let second = try #require(try Claim.take(in: folder, watch: watch))
        // Who was not heard of for long learns that another has taken over.
        #expect(!first.beat() && second.beat())
        #expect(try Claim.take(in: folder, watch: watch) == nil)
        // As a process of another machine, one that is silent.
        try rewrite("\(folder)/0002", "machine", as: "elsewhere")
        #expect(try Claim.take(in: folder, watch: watch) == nil)
        usleep(300_000)
        let third = try #require(try Claim.take(in: folder, watch: watch))
        third.release()
        // A process of this machine that has ended needs no waiting for.
        let fourth = try #require(try Claim.take(in: folder, watch: watch))
        try rewrite("\(folder)/0004", "started", as: 1)
        #expect(try Claim.take(in: folder, watch: watch) != nil)
        #expect(!fourth.beat())
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4 + 5)
    }

    private func rewrite(_ path: String, _ key: String, as value: Any) throws {
        let data = try Data(contentsOf: URL(filePath: path))
        var content = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        content[key] = value
        try JSONSerialization.data(withJSONObject: content).write(to: URL(filePath: path))
    }

    @Test func aClaimIsTakenByExactlyOne() throws {
        let folder = NSTemporaryDirectory() + "lockstep-claims-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for _ in 0..<20 {
            // Taken by several threads, and released by one.
            struct Taken: @unchecked Sendable { let claim: Claim }
            let taken = Mutex<[Taken]>([])
            DispatchQueue.concurrentPerform(iterations: 4) { _ in
                guard let claim = try? Claim.take(in: folder, watch: ClaimWatch()) else { return }
                taken.withLock { $0.append(Taken(claim: claim)) }
            }
            #expect(taken.withLock { $0.count } == 1)
            taken.withLock { $0.first?.claim.release() }
        }
    }

    // MARK: - Places

    @Test func placesHaveProcessorsAndHostsOfTheirOwn() throws {
        #expect(TrialPlace.processors(in: "\t0-3,8") == [0, 1, 2, 3, 8])
        #expect(!TrialPlace.processors.isEmpty)
        #expect(TrialPlace.local(count: 1, processors: [0, 1]) == [.here(processors: [])])
        #expect(
            TrialPlace.local(count: 2, processors: [0, 1, 4]) == [.here(processors: [0]), .here(processors: [1, 4])])
        #expect(TrialPlace.local(count: 2, processors: [0]) == [.here(processors: []), .here(processors: [])])
        let hosts = try HostFile(text: "\nnode1 slots=5 cores=8\nnode2\nnode3 slots=2\n", name: "hosts")
        let places = try hosts.places(workers: 2).map(\.description)
        #expect(places == ["node1 0-1", "node1 2-3", "node3 0-1", "node1 4-4, node2 0-0"])
        for (text, problem) in [
            ("-x", "hosts line 1: -x is no host's name: write lines such as node1 slots=4"),
            ("a\nb slots=0", "hosts line 2: slots=0: write a host and its workers, such as b slots=4"),
            ("a\na", "hosts line 2: a is there twice: add up its slots"),
            ("# a", "hosts names no host: write lines such as node1 slots=4"),
        ] {
            #expect(throws: Failure.request(problem)) { try HostFile(text: text, name: "hosts") }
        }
        #expect(
            throws: Failure.request(
                "the hosts have 8 slots, and a trial has 9 workers: name more hosts, or give fewer workers")
        ) { try hosts.places(workers: 9) }
    }
}

extension TrialPlace {
    fileprivate var description: String {
        guard case .hosts(let slots) = self else { return "here" }
        return slots.map { "\($0.host.name) \($0.numbers.lowerBound)-\($0.numbers.upperBound - 1)" }.joined(
            separator: ", ")
    }
}
