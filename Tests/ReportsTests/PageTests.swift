import Foundation
import Reports
import Support
import TestSupport
import Testing

/// Pages of folders as they may be.
@Suite struct PageTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let step =
        #"{"event":"train","step":1,"loss":0.5,"learning_rate":0.1,"gradient_norm":1,"seconds":2,"images_per_second":4}"#
        + "\n"

    private func html(_ name: String = "run") throws -> String {
        String(decoding: try Report(folder.path(name)).html(isServed: false), as: UTF8.self)
    }

    @Test func aFolderThatHoldsNothingIsRefused() throws {
        try folder.write("", to: "empty/notes.txt")
        try folder.write("name: x\n", to: "runs/cells/config.yaml")
        for (name, words) in [
            ("empty", "holds no run"), ("none", "does not exist"), ("empty/notes.txt", "is a file"),
            ("runs", "runs/cells say"),
        ] {
            let failure = #expect(throws: Failure.self) { try Report(folder.path(name)) }
            #expect(
                failure?.kind == .request && failure?.message.contains(words) == true, "\(String(describing: failure))")
        }
    }

    @Test func whatComesFromFilesIsEscaped() throws {
        let evil = "</script><script>alert(1)</script>"
        try folder.write(
            "name: \"<script>alert(1)\"\nmodel: {class_names: [\"<b>a</b>\", \"\u{202E}b\"]}\ndata: {train: {images: a, labels: b}}\n",
            to: "run/config.yaml")
        try folder.write(
            Self.step + #"{"event":"validation","step":1,"iou":0.5,"confusion_matrix":[[4,1],[2,3]]}"# + "\n"
                + "{\"event\":\"note\",\"step\":1,\"message\":\"<img src=x onerror=alert(1)>\"}\n"
                + "{\"event\":\"failure\",\"step\":1,\"message\":\"\(evil)\"}\n", to: "run/metrics.jsonl")
        try folder.write(
            #"{"ranks":[{"rank":0,"role":"<i>","host":"<u>h","cpu":"c","cores":2}]}"#, to: "run/environment.json")
        let page = try html()
        for markup in ["<script>alert", "<b>a", "<img", "<i>", "<u>h", "\u{202E}"] {
            #expect(!page.contains(markup), "\(markup)")
        }
        #expect(page.contains("&lt;b&gt;a") && page.contains("\\u003cscript"))
        // As many elements as an honest page has.
        #expect(page.components(separatedBy: "</script>").count == 4)
    }

    @Test func aPageAsksNobody() throws {
        try folder.write("name: cells\ndata: {train: {images: a, labels: b}}\n", to: "run/config.yaml")
        try folder.write(Self.step, to: "run/metrics.jsonl")
        let page = try html()
        for word in ["http://", "https://", "src=\"", "@import", "url("] { #expect(!page.contains(word), "\(word)") }
        #expect(page.contains("connect-src 'none'"))
    }

    @Test(arguments: [
        ("", "has not begun"), ("{\"event\":", "has not begun"),
        (step + "{\"event\":\"train\",\"st", "is cut off"), ("nonsense\n" + step, "cannot be read"),
        (step.replacingOccurrences(of: "0.5", with: "null"), "was not finite"), (step, "before its time"),
    ])
    func aRunInAnyStateHasAPage(_ log: String, _ words: String) throws {
        try folder.write("name: cells\ndata: {train: {images: a, labels: b}}\n", to: "run/config.yaml")
        try folder.write(log, to: "run/metrics.jsonl")
        #expect(try html().contains(words))
    }

    @Test func aConfigurationThatCannotBeReadIsSaid() throws {
        try folder.write("name: [", to: "run/config.yaml")
        try folder.write(Self.step, to: "run/metrics.jsonl")
        #expect(try html().contains("The configuration cannot be read"))
    }

    @Test func aSweepHasItsTrialsAndWhyOneFailed() throws {
        try folder.write(
            "name: tiny\nbase: a.yaml\nparameters: {optimizer.momentum: [0.5, 0.9]}\n", to: "sweep/sweep.yaml")
        try folder.write(
            "trial,status,optimizer.momentum,objective,step,seconds\ntrial-0001,done,0.5,0.75,3,1.5\n"
                + "trial-0002,failed,0.9,,,0.5\nhalf,a,row\n", to: "sweep/results.csv")
        try folder.write("starts\nerror: the loss is not finite <here>\n", to: "sweep/trial-0002.log")
        let report = try Report(folder.path("sweep"))
        let live = try report.live
        let rows = try #require(live.table?.rows)
        #expect(rows.map(\.name) == ["trial-0001", "trial-0002"])
        #expect(rows[0].isBest && rows[1].reason == "the loss is not finite <here>")
        #expect(live.axes.map(\.title) == ["optimizer.momentum", "IoU"])
        #expect(live.verdict.contains("0.750") && live.notes.contains { $0.text.contains("results.csv") })
        #expect(try !html("sweep").contains("<here>"))
    }

    @Test func aCrossValidationHasItsFoldsAndPooledScores() throws {
        for fold in 0...10 { try folder.write(Self.step, to: "cv/fold-\(fold)/metrics.jsonl") }
        try folder.write(
            "fold,status,images,iou,step,seconds\n0,done,5,0.7,100,9\n1,done,5,0.9,100,9\n", to: "cv/results.csv")
        try folder.write(
            #"{"overall":{"iou":0.81,"confusion_matrix":[[4,1],[2,3]]},"images":[]}"#, to: "cv/scores.json")
        let live = try Report(folder.path("cv")).live
        let rows = try #require(live.table?.rows)
        #expect(rows.map(\.name) == (0...10).map { "fold-\($0)" })
        #expect(rows[1].isBest && rows[1].texts.contains("0.900"))
        #expect(live.verdict.contains("0.810") && live.facts.contains { $0.value == "0.800" })
        try folder.write("not JSON", to: "cv/scores.json")
        #expect(try Report(folder.path("cv")).live.notes.contains { $0.text.contains("no JSON object") })
    }
}
