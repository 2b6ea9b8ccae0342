import Foundation
import Reports
import TestSupport
import Testing

/// What is read of a log, whatever state it is in.
@Suite struct RunHistoryTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func step(_ number: Int, loss: String = "0.5") -> String {
        #"{"event":"train","step":\#(number),"loss":\#(loss),"learning_rate":0.1,"gradient_norm":1,"seconds":2,"#
            + #""images_per_second":4,"time":{"data":0.5,"forward":0.5,"backward":0.75,"communication":0,"update":0.25}}"#
    }

    private func history(_ text: String) throws -> RunHistory {
        try RunHistory(path: folder.write(text, to: "metrics.jsonl"), metric: .iou)
    }

    @Test func aLogThatIsNotThereTellsNothing() throws {
        let history = try RunHistory(path: folder.path("none.jsonl"), metric: .iou)
        #expect(history.steps.isEmpty && history.best == nil && history.lastStep == 0)
    }

    @Test func theBestValidationIsTheEarliestOfEquals() throws {
        let history = try history(
            [
                step(1), #"{"event":"validation","step":1,"iou":0.5,"loss":0.3,"confusion_matrix":[[4,1],[2,3]]}"#,
                step(2), #"{"event":"validation","step":2,"iou":0.8,"loss":0.2,"confusion_matrix":[[5,0],[1,4]]}"#,
                step(3), #"{"event":"validation","step":3,"iou":0.8,"loss":0.1,"confusion_matrix":[[9,9],[9,9]]}"#,
            ].joined(separator: "\n") + "\n")
        #expect(history.best?.step == 2 && history.best?.score == 0.8)
        #expect(history.validationsSinceBest == 1)
        #expect(history.confusion?.counts == [5, 0, 1, 4])
        #expect(history.seconds == 6)
        #expect(history.steps[0].phases == [0.5, 0.5, 0.75, 0, 0, 0.25])
    }

    @Test func whatPassesBetweenStepsCounts() throws {
        let event = step(1).replacingOccurrences(of: "\"step\":1", with: "\"step\":1,\"elapsed_seconds\":9")
        #expect(try history(event + "\n").seconds == 9)
        #expect(try history(event + "\n" + step(2) + "\n").seconds == 4)
    }

    @Test func aTornLineWaitsForItsRestAndDamageIsCounted() throws {
        let whole = step(2)
        let history = try history(step(1) + "\n\u{0}\u{1}rubbish\n{\"event\":7}\n" + whole.prefix(30))
        #expect(history.steps.map(\.step) == [1])
        #expect(history.isTorn && history.damagedLines == 2)
        let file = try #require(FileHandle(forWritingAtPath: folder.path("metrics.jsonl")))
        try file.seekToEnd()
        try file.write(contentsOf: Data((whole.dropFirst(30) + "\n").utf8))
        let version = history.version
        try history.update()
        #expect(history.steps.map(\.step) == [1, 2] && !history.isTorn && history.version != version)
    }

    @Test func stepsThatAResumeRepeatsCountOnce() throws {
        let history = try history([step(1), step(2), step(3), step(2, loss: "0.25")].joined(separator: "\n") + "\n")
        #expect(history.steps.map(\.step) == [1, 2])
        #expect(history.steps[1].loss == 0.25)
    }

    @Test func aLogThatWasWrittenAnewIsReadAnew() throws {
        let history = try history([step(1), step(2), step(3)].joined(separator: "\n") + "\n")
        // As a resume does it: another file of the same name.
        try FileManager.default.removeItem(atPath: folder.path("metrics.jsonl"))
        try folder.write([step(1), step(2)].joined(separator: "\n") + "\n", to: "metrics.jsonl")
        try history.update()
        #expect(history.steps.map(\.step) == [1, 2])
    }

    @Test func aLossThatIsNotFiniteIsAGap() throws {
        let history = try history([step(1), step(2, loss: "null"), step(3)].joined(separator: "\n") + "\n")
        #expect(history.lostSteps == [2])
        let chart = try #require(RunCharts(history, metric: .iou).all.first { $0.id == "loss" })
        #expect(chart.curves[0].y == [0.5, nil, 0.5] && chart.gaps == [2])
    }
}
