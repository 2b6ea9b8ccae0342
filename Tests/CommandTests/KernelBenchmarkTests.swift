import Foundation
import Kernels
import TestSupport
import Testing

extension ProgramTests {
    /// `kernel-benchmark`, on the kernel that is measured fastest.
    @Suite struct KernelBenchmark {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func run(_ arguments: [String]) throws -> Program.Outcome {
            let program = URL(filePath: Program.executable).deletingLastPathComponent()
                .appending(path: "kernel-benchmark").path
            return try RunningProgram([program] + arguments, in: folder).outcome()
        }

        private func measure(_ arguments: String...) throws -> Program.Outcome {
            try run(["--only", "squared norm", "--repetitions", "3"] + arguments)
        }

        /// A baseline of one ratio.
        private func baseline(_ ratio: Double, target: String = KernelTarget.description) throws -> String {
            try folder.write(#"{"\#(target)": {"squared norm": {"16,777,216": \#(ratio)}}}"#, to: "baseline.json")
        }

        @Test func marksWhatIsBelowTheBaseline() throws {
            let better = try measure("--baseline", try baseline(1e-6))
            #expect(better.status == 0)
            #expect(better.output.contains("squared norm") && !better.output.contains("BELOW"))
            #expect(better.errors.isEmpty)

            let worse = try measure("--baseline", try baseline(1e6))
            #expect(worse.status == 1)
            #expect(worse.output.contains("BELOW"))
            #expect(worse.errors == "error: 1 of 1 rows are more than 25 % below the baseline\n")

            let other = try measure("--baseline", try baseline(1e6, target: "another"))
            #expect(other.status == 0)
            #expect(other.errors.hasPrefix("no ratios for \(KernelTarget.description)"))
        }

        @Test func writesABaselineBesideOtherTargets() throws {
            let path = try baseline(0.5, target: "another")
            let outcome = try measure("--write-baseline", path, "--json")
            #expect(outcome.status == 0)
            let kernels = try #require(try outcome.json["kernels"] as? [[String: Any]])
            let ratio = try #require(kernels[0]["ratio"] as? Double)
            let written = try JSONDecoder().decode(
                [String: [String: [String: Double]]].self, from: Data(contentsOf: URL(filePath: path)))
            #expect(written["another"] == ["squared norm": ["16,777,216": 0.5]])
            let own = try #require(written[KernelTarget.description]?["squared norm"]?["16,777,216"])
            #expect(abs(own / ratio - 1) <= 0.01)
        }

        @Test func refusesWhatIsWrong() throws {
            let broken = try folder.write("[]", to: "broken.json")
            for arguments in [["--only", "nothing"], ["--repetitions", "2"], ["--baseline", broken], ["--nonsense"]] {
                let outcome = try run(arguments)
                #expect(outcome.status == 2, "\(arguments)")
                #expect(outcome.output.isEmpty)
                #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.filter { $0 == "\n" }.count == 1)
            }
        }
    }
}
