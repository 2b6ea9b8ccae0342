import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `lockstep sweep`, which starts `mpirun` by itself.
    @Suite struct Sweep {
        private static let file = """
            name: tiny
            base: cells.yaml
            set: {training.steps: 60, checkpoint.every: 20, validation.every: 30, model.base_channels: 4}
            parameters:
              optimizer.momentum: [0.5, 0.9]
              optimizer.learning_rate: [0.01, 0.03]
            workers: 2

            """

        /// `results.csv` without the seconds.
        private func rows(_ place: Place) throws -> [String] {
            try String(contentsOfFile: place.folder.path("sweeps/tiny/results.csv"), encoding: .utf8)
                .split(separator: "\n").map { String($0[..<($0.lastIndex(of: ",") ?? $0.endIndex)]) }
        }

        private func losses(_ place: Place) throws -> [[Double]] {
            try (1...4).map { try place.losses("sweeps/tiny/trial-000\($0)") }
        }

        @Test func killedInTheMiddleItGoesOn() throws {
            let whole = try Place()
            try whole.folder.write(Self.file, to: "tiny.yaml")
            let summary = try whole.succeed(["sweep", "tiny.yaml", "--json"])
            let expected = try rows(whole)
            #expect(try !summary.json.isEmpty)
            #expect(expected.count == 5 && expected.dropFirst().allSatisfy { $0.contains(",done,") }, "\(expected)")
            #expect(Set(try losses(whole)).count == 4)

            let place = try Place()
            try place.folder.write(Self.file, to: "tiny.yaml")
            let sweep = try place.start(["sweep", "tiny.yaml"])
            try sweep.wait("began its second trial") {
                ((try? place.losses("sweeps/tiny/trial-0002").count) ?? 0) > 25
            }
            sweep.send(SIGKILL)
            #expect(try sweep.outcome(within: 10).status == 128 + SIGKILL)
            #expect(try rows(place).count == 2)
            let first = place.folder.path("sweeps/tiny/trial-0001/metrics.jsonl")
            let before = try Data(contentsOf: URL(filePath: first))
            let again = try place.run(["sweep", "tiny.yaml"])
            #expect(again.status == 2 && again.errors.contains("--resume"), "\(again.errors)")
            try place.succeed(["sweep", "tiny.yaml", "--resume"])
            #expect(try rows(place) == expected)
            #expect(try losses(place) == (try losses(whole)))
            #expect(try Data(contentsOf: URL(filePath: first)) == before)

            try place.succeed(
                ["train", "sweeps/tiny/best.yaml", "--set", "training.steps=2", "--output", "best"], ranks: 2)
            #expect(place.steps("best").last == 2)
        }
    }
}
