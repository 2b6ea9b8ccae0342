import Foundation
import Testing

extension TrainingRuns {
    /// The timeline of all ranks.
    @Suite struct Tracing {
        private func events(_ run: Run) throws -> [[String: Any]] {
            let text = try Data(contentsOf: URL(filePath: run.directory.trace))
            let file = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
            return try #require(file["traceEvents"] as? [[String: Any]])
        }

        @Test("every rank's slots, messages and updates are there", arguments: [1, 3])
        func ranks(ranks: Int) throws {
            let run = try TinyTask().train("run", ranks: ranks, ["run.trace=true"])
            let events = try events(run)
            func count(_ name: String, _ phase: String, rank: Int) -> Int {
                events.count {
                    ($0["name"] as? String)?.hasPrefix(name) == true && $0["ph"] as? String == phase
                        && $0["pid"] as? Int == rank
                }
            }
            let workers = ranks == 1 ? [0] : [1, 2]
            // Six steps of five slots.
            for name in ["data ", "forward ", "backward "] {
                #expect(workers.map { count(name, "X", rank: $0) }.reduce(0, +) == 30)
            }
            for worker in workers {
                #expect(count("wait", "X", rank: worker) == 6 && count("update", "X", rank: worker) == 6)
                // One bucket of gradients and what is behind it.
                #expect(count("bucket ", "b", rank: worker) == 12 && count("bucket ", "e", rank: worker) == 12)
            }
            #expect(count("checkpoint", "X", rank: 0) >= 3 && count("validation", "X", rank: 0) == 2)
            #expect((0..<ranks).allSatisfy { count("process_name", "M", rank: $0) == 1 })
            let times = events.compactMap { $0["ts"] as? Double }
            #expect(times.min() == 0 && times.allSatisfy { $0 < 60e6 })
            #expect(events.compactMap { $0["dur"] as? Double }.allSatisfy { $0 >= 0 })
        }

        @Test func isWrittenOnlyWhereAskedFor() throws {
            let run = try TinyTask().train("run", ["training.steps=1"])
            #expect(!FileManager.default.fileExists(atPath: run.directory.trace))
        }
    }
}
