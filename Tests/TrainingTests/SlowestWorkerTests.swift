import Testing
import Training

@Suite struct SlowestWorkerTests {
    private static let places = (1...3).map { WorkerPlace(rank: $0, host: "node\($0)") }

    /// What is said after steps in which each worker's slots took so long.
    private func judge(
        _ seconds: [Double], slots: Int, steps: Int = 30
    ) -> (last: WorkerBehind?, warnings: [String]) {
        var slowest = SlowestWorker(workers: Self.places, slots: slots)
        var last: WorkerBehind?
        var warnings: [String] = []
        for _ in 0..<steps {
            let times = seconds.map { WorkerTimes(data: 0.1 * $0, forward: 0.3 * $0, backward: 0.6 * $0) }
            last = slowest.judge(workers: times, seconds: (seconds.max() ?? 0) + 0.1)
            warnings += [slowest.warning].compactMap { $0 }
        }
        return (last, warnings)
    }

    @Test func aSlowOneIsNamedOnce() throws {
        let (last, warnings) = judge([1, 1.5, 1.1], slots: 3)
        let behind = try #require(last)
        #expect(behind.rank == 2 && behind.host == "node2")
        // 1.5 instead of 1.1, of a step of 1.6.
        #expect(abs(behind.share - 0.25) < 1e-9)
        #expect(warnings.count == 1 && warnings[0].hasPrefix("rank 2 on node2 is the slowest: steps would be 25 %"))
    }

    @Test func oneWithMoreSlotsIsNotSlow() {
        // Four slots: one worker has two.
        let (last, warnings) = judge([1, 1, 2], slots: 4)
        #expect(last == nil && warnings.isEmpty)
    }

    @Test func aTenthOfTheStepIsNothing() {
        #expect(judge([1, 1.05, 1.14], slots: 3).last == nil)
        #expect(judge([1, 1, 1], slots: 3).last == nil)
    }

    @Test func aFewSlowStepsAreNothing() {
        #expect(judge([1, 2, 1], slots: 3, steps: 5).last == nil)
        var slowest = SlowestWorker(workers: Self.places, slots: 3)
        for step in 0..<40 {
            let times = [1, step == 20 ? 3 : 1, 1].map { WorkerTimes(forward: $0) }
            _ = slowest.judge(workers: times, seconds: step == 20 ? 3 : 1)
            #expect(slowest.warning == nil)
        }
    }

    @Test("the first steps, in which images are read for the first time, make nobody slow")
    func slowBeginning() {
        var slowest = SlowestWorker(workers: Self.places, slots: 3)
        for step in 0..<40 {
            let times = [1, step < 5 ? 20 : 1, 1].map { WorkerTimes(data: $0) }
            #expect(slowest.judge(workers: times, seconds: step < 5 ? 20 : 1) == nil && slowest.warning == nil)
        }
    }

    @Test("steps of milliseconds are no measure before there are many")
    func fastSteps() {
        var slowest = SlowestWorker(workers: Self.places, slots: 3)
        for _ in 0..<60 {
            let times = [0.01, 0.02, 0.01].map { WorkerTimes(forward: $0) }
            #expect(slowest.judge(workers: times, seconds: 0.02) == nil)
        }
    }

    @Test func oneWorkerAloneIsNeverSlow() {
        var slowest = SlowestWorker(workers: [WorkerPlace(rank: 0, host: "a")], slots: 3)
        for _ in 0..<20 { #expect(slowest.judge(workers: [WorkerTimes(forward: 1)], seconds: 2) == nil) }
    }
}
