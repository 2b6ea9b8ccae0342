import Configurations
import Foundation
import Support
import Sweeps
import Synchronization
import Testing

private let expected = [
    "trial,status,optimizer.momentum,data.validation,objective,step",
    "trial-0001,done,0.5,{fraction: 0.25},0.25,10",
    "trial-0002,done,0.5,\"{fold: 0, of: 5}\",0.375,10",
    "trial-0003,done,0.9,{fraction: 0.25},0.5,10",
    "trial-0004,done,0.9,\"{fold: 0, of: 5}\",0.625,10",
]

@Suite struct SweepRunnerTests {
    @Test func trialsRunInOrderAndTheBestIsKept() throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        let summary = try place.run(launcher)
        #expect(try place.rows() == expected)
        #expect(try place.read("results.csv").split(separator: "\n")[1].hasSuffix(",10,2.2"))
        #expect(summary.exitStatus == 0 && summary.done == 4)
        #expect(summary.best?.trial == "trial-0004" && summary.best?.objective == 0.625 && summary.best?.step == 10)
        #expect(launcher.launches.map(\.ranks) == [3, 3, 3, 3])
        #expect(launcher.launches[1].logFile == place.folder + "/trial-0002.log")
        #expect(
            launcher.launches[1].arguments == [
                "train", place.folder + "/base.yaml", "--set", "training.steps=20", "--set", "optimizer.momentum=0.5",
                "--set", "data.validation={fold: 0, of: 5}", "--output", place.folder + "/trial-0002",
            ])
        let best = try Configuration.load(path: place.folder + "/best.yaml")
        #expect(best.name == "s-best" && best.run.output == "runs" && best.optimizer.momentum == 0.9)
        #expect(best.training.length == .steps(20) && best.data.validation == .split(.fold(0, of: 5)))
    }

    @Test func minimizing() throws {
        let place = try SweepPlace("objective: {metric: iou, direction: minimize}")
        let summary = try place.run(FakeLauncher())
        #expect(summary.best?.trial == "trial-0001" && summary.best?.objective == 0.125 && summary.best?.step == 20)
    }

    @Test func aSharedCoordinatorIsOneOfTheWorkers() throws {
        let place = try SweepPlace()
        try place.write("data: {train: {images: a, labels: b}}\nrun: {coordinator: shared}\n", to: "base.yaml")
        let launcher = FakeLauncher()
        _ = try place.run(launcher)
        #expect(launcher.launches[0].ranks == 2)
    }

    /// Killed in a trial, before or after its first checkpoint, and gone on with.
    @Test(arguments: [1, 2, 3, 4], [false, true])
    func aKilledSweepEndsWithTheSameResults(launch: Int, hasCheckpoint: Bool) throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        launcher.instead(of: launch) { run, _ in
            if hasCheckpoint { try FakeLauncher.save(run) }
            throw FakeLauncher.Killed()
        }
        #expect(throws: FakeLauncher.Killed.self) { try place.run(launcher) }
        #expect(try place.rows() == Array(expected[..<launch]))
        let untouched = try? FileManager.default.attributesOfItem(atPath: place.folder + "/trial-0001/metrics.jsonl")
        let second = FakeLauncher()
        #expect(try place.run(second, resume: true).exitStatus == 0)
        #expect(try place.rows() == expected)
        #expect(second.launches.count == 5 - launch)
        #expect(
            second.launches[0].arguments[1]
                == (hasCheckpoint ? "--resume" : place.folder + "/base.yaml"))
        if launch > 1 {
            let now = try FileManager.default.attributesOfItem(atPath: place.folder + "/trial-0001/metrics.jsonl")
            #expect(now[.modificationDate] as? Date == untouched?[.modificationDate] as? Date)
        }
        let third = FakeLauncher()
        #expect(try place.run(third, resume: true).done == 4)
        #expect(third.launches.isEmpty)
    }

    @Test func aSweepThatExistsIsRefusedWithoutResume() throws {
        let place = try SweepPlace()
        _ = try place.run(FakeLauncher())
        let launcher = FakeLauncher()
        #expect(
            throws: Failure.request(
                "\(place.folder): holds a sweep already: go on with --resume, or give this one another name")
        ) { try place.run(launcher) }
        #expect(launcher.launches.isEmpty)
    }

    @Test func aChangedSweepIsRefusedWithTheDifference() throws {
        let place = try SweepPlace()
        _ = try place.run(FakeLauncher())
        let end = ": put it back, or give the sweep another name"
        func refusal() -> String? {
            do {
                _ = try place.run(FakeLauncher(), resume: true)
                return nil
            } catch { return "\(error)" }
        }
        try place.write("# a comment\n" + SweepPlace.text("retries:    1"), to: "s.yaml")
        #expect(refusal() == nil)
        let changed = "\(place.sweep): has changed since the sweep began: "
        try place.write(SweepPlace.text("retries: 2"), to: "s.yaml")
        #expect(refusal() == changed + "retries was 1, is now 2" + end)
        try place.write(SweepPlace.text("retries: 1\nworkers: 1"), to: "s.yaml")
        #expect(refusal() == changed + "workers was missing, is now 1" + end)
        try place.write(
            SweepPlace.text("retries: 1").replacingOccurrences(of: "[0.5, 0.9]", with: "[0.5]"), to: "s.yaml")
        #expect(refusal() == changed + "parameters.optimizer.momentum was [0.5, 0.9], is now [0.5]" + end)
        try place.write(SweepPlace.text("retries: 1"), to: "s.yaml")
        try place.write("data: {train: {images: c, labels: b}}\ntraining: {minutes: 3}\n", to: "base.yaml")
        #expect(
            refusal() == "\(place.root)/base.yaml: has changed since the sweep began: data.train.images was a, is now c"
                + end)
    }

    @Test func aFailingTrialIsStartedAgain() throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        launcher.instead(of: 2) { _, _ in 1 }
        #expect(try place.run(launcher).exitStatus == 0)
        #expect(launcher.launches.count == 5 && launcher.launches[1] == launcher.launches[2])
        #expect(try place.rows() == expected)
    }

    @Test(arguments: [(Int32(1), 2), (2, 1), (137, 2)])
    func aTrialThatKeepsFailingIsRecordedAndTheSweepGoesOn(status: Int32, starts: Int) throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        for launch in 2..<2 + starts {
            launcher.instead(of: launch) { _, launch in
                try "step 1\nerror: no more memory\n".write(toFile: launch.logFile, atomically: true, encoding: .utf8)
                return status
            }
        }
        let shown = Mutex("")
        let summary = try place.run(
            launcher, display: TrialDisplay(size: { nil }, write: { text in shown.withLock { $0 += text } }))
        #expect(summary.exitStatus == 1 && summary.done == 3 && summary.failed == 1)
        #expect(launcher.launches.count == 3 + starts)
        var rows = expected
        rows[2] = "trial-0002,failed,0.5,\"{fold: 0, of: 5}\",,"
        #expect(try place.rows() == rows)
        if starts == 1 { #expect(shown.withLock { $0 }.contains("trial-0002 failed: no more memory")) }
        // Once what was wrong is mended, the failed trial alone runs again.
        let second = FakeLauncher()
        #expect(try place.run(second, resume: true).exitStatus == 0)
        #expect(second.launches.count == 1)
        #expect(try place.rows() == expected)
    }

    @Test func aTrialWithoutTheMetricHasFailed() throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        launcher.instead(of: 1) { _, _ in 0 }
        #expect(try place.run(launcher).failed == 1)
        #expect(launcher.launches.count == 4)
    }

    @Test func aStopEndsTheSweepWith75() throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        launcher.instead(of: 2) { _, _ in 75 }
        let summary = try place.run(launcher)
        #expect(summary.exitStatus == 75 && launcher.launches.count == 2)
        #expect(try place.rows() == Array(expected[..<2]))

        let stop = StopRequest()
        let second = FakeLauncher()
        second.instead(of: 1) { _, _ in
            stop.request()
            return 138
        }
        #expect(try place.run(second, resume: true, stop: stop).exitStatus == 75)
        #expect(second.launches.count == 1)
        #expect(try place.run(FakeLauncher(), resume: true).exitStatus == 0)
        #expect(try place.rows() == expected)
    }

    @Test func everyTrialsConfigurationIsCheckedFirst() throws {
        let place = try SweepPlace()
        let launcher = FakeLauncher()
        func refusal(_ before: String, _ after: String) throws -> String {
            try place.write(
                SweepPlace.text("retries: 1").replacingOccurrences(of: before, with: after), to: "s.yaml")
            do {
                _ = try place.run(launcher)
                return "nothing is wrong"
            } catch { return "\(error)" }
        }
        #expect(
            try refusal("[0.5, 0.9]", "[0.5, 1]")
                == "\(place.sweep), trial-0003: --set optimizer.momentum=1: optimizer.momentum must be at least 0 and less "
                + "than 1, not 1")
        #expect(
            try refusal("retries: 1", "workers: 5")
                == "\(place.sweep), trial-0001: workers 5 is more than training.batch 4: use fewer workers or a larger batch"
        )
        #expect(
            try refusal("base.yaml", "none.yaml")
                == "\(place.root)/none.yaml: no such file: check the path of the base configuration")
        #expect(launcher.launches.isEmpty && !FileManager.default.fileExists(atPath: place.folder))
    }

    @Test func theTableIsDrawnAgainOnATerminal() throws {
        let place = try SweepPlace()
        let shown = Mutex<[String]>([])
        _ = try place.run(
            FakeLauncher(),
            display: TrialDisplay(
                size: { .init(rows: 24, columns: 60) }, write: { text in shown.withLock { $0.append(text) } }))
        let last = try #require(shown.withLock { $0.last })
        #expect(last.hasPrefix("\u{1B}[6A") && last.contains("4 of 4 trials"))
        let lines = last.split(separator: "\n").map { $0.drop { $0 != "K" }.dropFirst() }
        #expect(lines.count == 7 && lines[5].hasPrefix("trial-0004  done    0.9"))
        #expect(lines.allSatisfy { $0.count < 60 })
    }
}
