import Configurations
import Foundation
import Support
import TestTraits
import Testing

/// Small texts that would take much memory or time.
@Suite struct YAMLBoundsTests {
    /// The refusal of a text, and the seconds that it took.
    private func refusal(_ yaml: String) -> (failure: Failure?, seconds: Double) {
        let watch = ContinuousClock()
        let start = watch.now
        var failure: Failure?
        do { _ = try Configuration.decode(yaml: yaml, name: "a.yaml") } catch let error { failure = error as? Failure }
        return (failure, (watch.now - start) / .seconds(1))
    }

    private static func bomb(levels: Int, width: Int, start: String = "x") -> String {
        var text = "a0: &a0 [\(start)]\n"
        for level in 1...levels {
            let parts = [String](repeating: "*a\(level - 1)", count: width)
            text += "a\(level): &a\(level) [\(parts.joined(separator: ", "))]\n"
        }
        return text
    }

    private static let manyItems = [String](repeating: "x", count: 1000).joined(separator: ",")

    @Test(
        "documents that grow as they are read",
        arguments: [
            // Eight gigabytes from half a kilobyte.
            bomb(levels: 9, width: 9), bomb(levels: 30, width: 2), bomb(levels: 1, width: 5000),
            // In the place of a key, and in mappings.
            bomb(levels: 9, width: 9) + "? *a9\n: 1\n",
            "a: &a {b: 1}\n" + String(repeating: "- {<<: *a}\n", count: 100),
            // Behind ends of lines that are not ASCII's, and without blanks.
            "a: &a [x]\nb: [" + String(repeating: "*a,", count: 30) + "]",
            "a: &a [x]\n" + String(repeating: "- \n\u{2028}*a\n", count: 30),
            // Few aliases of much.
            bomb(levels: 5, width: 3, start: manyItems),
            "names: [" + [String](repeating: "x", count: 200_000).joined(separator: ",") + "]",
            String(repeating: "# a comment\n", count: 100_000),
            "a: " + (0..<70).map { "&a\($0) [" }.joined() + String(repeating: "]", count: 70),
        ].map(LongText.init))
    func growth(_ yaml: LongText) throws {
        let (failure, seconds) = refusal(yaml.text)
        #expect(failure?.kind == .request && failure?.message.contains("a.yaml line") == true)
        #expect((failure?.message.count ?? 0) < 300)
        #expect(seconds < 5)
    }

    @Test(
        "values that lie in each other",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000),
            String(repeating: "{a: ", count: 50_000), String(repeating: "? ", count: 50_000),
            (0..<1100).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n"),
        ].map(LongText.init))
    func depth(_ yaml: LongText) {
        let (failure, seconds) = refusal(yaml.text)
        #expect(
            failure?.kind == .request && (failure?.message.count ?? 0) < 300, "\(failure?.message.prefix(300) ?? "")")
        #expect(seconds < 5)
    }

    @Test("a key that is given often", arguments: [2, 3, 10, 100, 400, 4000])
    func duplicates(_ count: Int) {
        let (failure, seconds) = refusal(String(repeating: "name: x\n", count: count))
        #expect(failure?.message.contains("key 'name' is given twice") == true)
        #expect(failure?.message.hasPrefix("a.yaml line ") == true && seconds < 3)
        let pairs = (0..<count).map { "k\($0): 1\nk\($0): 2\n" }.joined()
        let (other, time) = refusal(pairs)
        #expect(other?.message.contains("is given twice") == true && time < 5)
    }

    @Test("two keys that are given twice, one in a section, are named by their dotted names")
    func dotted() {
        let (failure, _) = refusal("model: {depth: 2,\n depth: 3}\nseed: 1\nseed: 2\n")
        #expect(
            failure?.message.contains("'model.depth' is given twice") == true
                || failure?.message.contains("'seed'") == true)
    }

    @Test(
        "lines on which a search would take long",
        arguments: [
            "a: " + String(repeating: " #", count: 200_000), "a: [" + String(repeating: " ", count: 300_000),
            "images: " + String(repeating: "a ", count: 200_000) + "#b", String(repeating: "x", count: 900_000) + ": 1",
            "name: {" + String(repeating: "a", count: 500_000) + ": 1}",
            "seed: " + String(repeating: "9", count: 900_000),
            String(repeating: "\"", count: 100_001), String(repeating: "a:\n", count: 50_000),
        ].map(LongText.init))
    func longLines(_ yaml: LongText) {
        let (failure, seconds) = refusal(yaml.text)
        #expect(
            failure?.kind == .request && (failure?.message.count ?? 0) < 600, "\(failure?.message.prefix(200) ?? "")")
        #expect(seconds < 10)
    }

    @Test func fewAliasesAreRead() throws {
        let yaml = """
            data:
              train: &files {images: a, labels: b}
              validation: *files
            # *.tif is no alias, "& *b" none either
            """
        let configuration = try Configuration.decode(yaml: yaml, name: "a.yaml")
        #expect(configuration.data.validation == .samples(configuration.data.train))
    }

    @Test(
        "counters beyond all sums",
        arguments: [
            "checkpoint.keep", "checkpoint.every", "training.steps", "validation.every", "validation.patience",
            "run.replica_check_every", "optimizer.schedule.warmup_steps", "training.batch", "data.cache_mb",
            "model.base_channels",
            "model.depth", "model.classes", "data.tile", "run.threads", "data.loader_threads",
        ])
    func counters(_ key: String) throws {
        let yaml = "data: {train: {images: a, labels: b}}"
        for value in [Int.max, Int.max / 2, -1] {
            let failure = #expect(throws: Failure.self) {
                try Configuration.decode(yaml: yaml, name: "a.yaml", settings: ["\(key)=\(value)"])
            }
            #expect(failure?.kind == .request && failure?.message.contains(key) == true)
        }
    }

    @Test func filesThatAreNoTexts() throws {
        for path in ["/dev/zero", "/dev/stdin", "/"] {
            guard path != "/dev/stdin" || isFolder(path) == nil else { continue }
            #expect(throws: Failure.self) { try Configuration.load(path: path) }
        }
    }
}
