import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// lockstep bench --critical-path.
    @Suite struct CriticalPaths {
        private static let small = [
            "bench", "--critical-path", "--size", "60", "--base", "4", "--depth", "1", "--steps", "1",
        ]

        @Test func predictsMoreThreadsThanThereAre() throws {
            let folder = try TemporaryFolder()
            let outcome = try Program.run(Self.small + ["--threads", "1,2,...,64", "--json"], in: folder)
            #expect(outcome.status == 0, "\(outcome)")
            let json = try outcome.json
            let rows = try #require(json["rows"] as? [[String: Any]])
            #expect(rows.map { $0["threads"] as? Int } == [1, 2, 4, 8, 16, 32, 64])
            #expect(rows[0]["forks"] as? Int == 0 && rows[0]["speed_up"] as? Double == 1)
            for row in rows.dropFirst() {
                let (work, path) = (row["work"] as? Double ?? 0, row["critical_path"] as? Double ?? 0)
                #expect(path > 0 && path < work, "\(row)")
                #expect(row["forks"] as? Int ?? 0 > 10 && row["predicted"] as? Double ?? 0 >= path, "\(row)")
                #expect((row["layers"] as? [[String: Any]])?.isEmpty == false)
            }
            #expect(json["fork_seconds"] as? Double ?? 0 >= 5e-6)
        }

        /// What moves no byte in time waits for the memory.
        @Test func aSlowMemoryDecides() throws {
            let folder = try TemporaryFolder()
            let outcome = try Program.run(
                Self.small + ["--threads", "8", "--memory-bandwidth", "0.01", "--json"], in: folder)
            let row = try #require((try outcome.json["rows"] as? [[String: Any]])?.first)
            #expect(row["speed_up"] as? Double ?? 9 < 1 && row["bound_by_memory"] as? Double ?? 0 > 0, "\(row)")
        }

        @Test func saysWhichLayersLimit() throws {
            let folder = try TemporaryFolder()
            let outcome = try Program.run(Self.small + ["--threads", "2,16"], in: folder)
            #expect(outcome.status == 0 && outcome.output.contains("what limits 16 threads"), "\(outcome)")
            #expect(outcome.output.contains("encoder.0.conv2"), "\(outcome)")
        }

        @Test(
            "what makes no sense is one line",
            arguments: [
                ["--threads", "0"], ["--threads", "1,2000"], ["--memory-bandwidth", "0"], ["--layers"], ["--inference"],
                ["--compression", "bf16"], ["--engine", "openblas"],
            ])
        func refused(arguments: [String]) throws {
            let folder = try TemporaryFolder()
            let outcome = try Program.run(Self.small + arguments, in: folder)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
            #expect(
                outcome.errors.hasPrefix("error: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }

        @Test func severalNumbersAreForThisAlone() throws {
            let folder = try TemporaryFolder()
            let outcome = try Program.run(
                ["bench", "--size", "60", "--base", "2", "--depth", "2", "--threads", "1,2"], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains("--critical-path"), "\(outcome)")
        }
    }
}
