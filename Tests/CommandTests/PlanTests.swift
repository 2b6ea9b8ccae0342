import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// lockstep plan.
    @Suite struct Planning {
        /// A network whose step takes a moment, and no data: a tile's size says all.
        private static let configuration = """
            model: {base_channels: 4, depth: 1}
            data: {train: {images: none, labels: none}, tile: 44}
            training: {batch: 6}
            """

        private func plan(_ arguments: [String]) throws -> Program.Outcome {
            let folder = try TemporaryFolder()
            let path = try folder.write(Self.configuration, to: "small.yaml")
            return try Program.run(["plan", path] + arguments, in: folder)
        }

        @Test func listsTheHostsAndTheirBatches() throws {
            let outcome = try plan([
                "--hosts", "1,2,...,16,24", "--bandwidth", "1Gbit", "--latency", "20us", "--steps", "1", "--json",
            ])
            #expect(outcome.status == 0, "\(outcome)")
            let rows = try #require(try outcome.json["rows"] as? [[String: Any]])
            #expect(rows.map { $0["hosts"] as? Int } == [1, 2, 4, 8, 16, 24])
            #expect(rows.map { $0["batch"] as? Int } == [6, 6, 6, 8, 16, 24])
            #expect(rows[0]["mebibytes_sent"] as? Double == 0 && (rows[1]["mebibytes_sent"] as? Double ?? 0) > 0)
            #expect(rows.allSatisfy { ($0["step_seconds"] as? Double ?? 0) > 0 })
        }

        @Test(
            "what cannot be planned is one line",
            arguments: [
                ["--hosts", "0", "--bandwidth", "1Gbit", "--latency", "1us"],
                ["--hosts", "2,...", "--bandwidth", "1Gbit", "--latency", "1us"],
                ["--hosts", "2", "--bandwidth", "fast", "--latency", "1us"],
                ["--hosts", "2", "--bandwidth", "1Gbit", "--latency", "1"],
                ["--hosts", "2", "--bandwidth", "1Gbit"],
            ])
        func refused(arguments: [String]) throws {
            let outcome = try plan(arguments)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
            #expect(
                outcome.errors.hasPrefix("error: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }
    }
}
