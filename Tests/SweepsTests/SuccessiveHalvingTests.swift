import Foundation
import Sweeps
import Testing

@Suite struct SuccessiveHalvingTests {
    private static let objective = TrialObjective(metric: .iou, direction: .maximize)

    private static func state(_ values: [Double?]) -> TrialState {
        TrialState(rungs: values.map { TrialState.Rung(value: $0, step: $0 == nil ? nil : 1, seconds: 0) })
    }

    @Test func rungsGrowByEtaUpToTheLength() {
        #expect(TrialSchedule(minimumSteps: 100, eta: 3, steps: 1000).rungs == [100, 300, 900, nil])
        #expect(TrialSchedule(minimumSteps: 100, eta: 3, steps: 900).rungs == [100, 300, nil])
        #expect(TrialSchedule(minimumSteps: Int.max / 2, eta: 3, steps: Int.max).rungs == [Int.max / 2, nil])
        #expect(TrialSchedule.whole.rungs == [nil])
    }

    @Test func theBestOfARungGoOnAndOfEqualsTheFirst() {
        let schedule = TrialSchedule(minimumSteps: 1, eta: 2, steps: 4)
        func next(_ values: [[Double?]]) -> TrialSchedule.Next { schedule.next(values.map(Self.state), Self.objective) }
        func statuses(_ values: [[Double?]]) -> [TrialStatus] {
            schedule.statuses(values.map(Self.state), Self.objective)
        }
        #expect(next([[], [], [], [], []]) == .train(trials: [0, 1, 2, 3, 4], rung: 0, of: 5))
        #expect(next([[0.5], [], [0.5], [0.7], [0.1]]) == .train(trials: [1], rung: 0, of: 5))
        #expect(statuses([[0.5], [], [0.5], [0.7], [0.1]]) == [.waiting, .open, .waiting, .waiting, .waiting])
        // Two of five go on: the best, and of the equals the first.
        let first: [[Double?]] = [[0.5], [0.2], [0.5], [0.7], [0.1]]
        #expect(next(first) == .train(trials: [0, 3], rung: 1, of: 2))
        #expect(statuses(first) == [.waiting, .pruned, .pruned, .waiting, .pruned])
        // A failed trial goes nowhere, and nobody in its place who was worse.
        #expect(next([[nil], [nil], [nil], [0.7], [nil]]) == .train(trials: [3], rung: 1, of: 1))
        #expect(statuses([[nil], [nil], [nil], [0.7], [nil]]) == [.failed, .failed, .failed, .waiting, .failed])
        let second: [[Double?]] = [[0.5, 0.8], [0.2], [0.5], [0.7, 0.75], [0.1]]
        #expect(next(second) == .train(trials: [0], rung: 2, of: 1))
        #expect(statuses(second) == [.waiting, .pruned, .pruned, .pruned, .pruned])
        let last: [[Double?]] = [[0.5, 0.8, 0.9], [0.2], [0.5], [0.7, 0.75], [0.1]]
        #expect(next(last) == .done && statuses(last) == [.done, .pruned, .pruned, .pruned, .pruned])
        #expect(next([[nil], [nil]]) == .done)
    }

    private static func sweep(_ lines: String) -> String {
        """
        name: s
        base: base.yaml
        set: {training.steps: 20, validation.every: 10}
        parameters:
          optimizer.momentum: [0.5, 0.9]
          data.validation: [{fraction: 0.25}, {fold: 0, of: 5}]
        \(lines)

        """
    }
    private static let halving = "strategy: {successive_halving: {eta: 2, minimum_steps: 10}}"

    @Test func survivorsGoOnFromTheirCheckpoints() throws {
        let place = try SweepPlace(Self.halving, file: Self.sweep)
        let launcher = FakeLauncher()
        let summary = try place.run(launcher)
        #expect(summary.done == 2 && summary.pruned == 2 && summary.exitStatus == 0)
        #expect(summary.best?.trial == "trial-0004")
        #expect(
            try place.rows().dropFirst().map { $0.split(separator: ",")[1] } == ["pruned", "pruned", "done", "done"])
        let launches = launcher.launches
        #expect(launches.count == 6)
        #expect(launches[..<4].allSatisfy { $0.arguments.suffix(2) == ["--until", "10"] })
        #expect(
            launches[4...].map(\.arguments) == [
                ["train", "--resume", place.folder + "/trial-0003"],
                ["train", "--resume", place.folder + "/trial-0004"],
            ])
    }

    @Test func aRungInWhichAllFailedIsTriedAgainByAResume() throws {
        let place = try SweepPlace(Self.halving, file: Self.sweep)
        let broken = FakeLauncher()
        for launch in 1...4 { broken.instead(of: launch) { _, _ in 2 } }
        #expect(try place.run(broken).failed == 4)
        let mended = FakeLauncher()
        let summary = try place.run(mended, resume: true)
        #expect(summary.done == 2 && summary.pruned == 2 && mended.launches.count == 6)
    }

    @Test func whatCannotBeComparedIsRefused() throws {
        func refusal(_ before: String, _ after: String) throws -> String {
            let place = try SweepPlace(Self.halving) {
                Self.sweep($0).replacingOccurrences(of: before, with: after)
            }
            do {
                _ = try place.run(FakeLauncher())
                return "nothing is wrong"
            } catch { return "\(error)".replacingOccurrences(of: place.sweep, with: "FILE") }
        }
        #expect(
            try refusal("training.steps: 20, ", "")
                == "FILE, trial-0001: successive_halving compares trials after so many steps: give training.steps, not minutes or "
                + "epochs")
        #expect(
            try refusal("optimizer.momentum: [0.5, 0.9]", "training.steps: [20, 30]")
                == "FILE, trial-0003: successive_halving needs trials of one length: leave training.steps out of parameters"
        )
        #expect(
            try refusal("minimum_steps: 10", "minimum_steps: 20")
                == "FILE, trial-0001: successive_halving has minimum_steps 20: it must be less than training.steps 20")
        #expect(
            try refusal("validation.every: 10", "validation.every: 15").contains("at step 10, and validation.every 15"))
    }

    /// Twelve trials, killed three times, end as those that never were; under each strategy.
    @Test(arguments: [
        "strategy: grid", "strategy: {random: {trials: 12, seed: 2}}", halving,
        "strategy: {successive_halving: {trials: 12, seed: 2, eta: 3, minimum_steps: 10}}",
    ])
    func killedThreeTimes(strategy: String) throws {
        func file(_ lines: String) -> String {
            Self.sweep(lines).replacingOccurrences(
                of: "optimizer.momentum: [0.5, 0.9]", with: "optimizer.momentum: [0.5, 0.9, 0.6, 0.7, 0.8, 0.95]")
        }
        let whole = try SweepPlace(strategy, file: file)
        let launcher = FakeLauncher()
        #expect(try whole.run(launcher).exitStatus == 0)
        let expected = try whole.rows()
        #expect(expected.count == 13)

        let place = try SweepPlace(strategy, file: file)
        // In the last rung too, where there is more than one.
        let isHalving = strategy.contains("halving")
        let kills = isHalving ? [3, 12, 2] : [3, 8, 3]
        for (turn, launch) in kills.enumerated() {
            let launcher = FakeLauncher()
            launcher.instead(of: launch) { run, _ in
                if turn == 1 { try FakeLauncher.save(run) }
                throw FakeLauncher.Killed()
            }
            #expect(throws: FakeLauncher.Killed.self) { try place.run(launcher, resume: turn > 0) }
        }
        #expect(try place.run(FakeLauncher(), resume: true).exitStatus == 0)
        #expect(try place.rows() == expected)
    }
}
