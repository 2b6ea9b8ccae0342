import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// A sample of what `launch/soak` runs for hours.
    @Suite struct Soak {
        private func soak(_ words: [String]) throws {
            let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "launch/soak").path
            let run = try RunningProgram([path, "--program", Program.executable] + words, in: TemporaryFolder())
            let outcome = try run.outcome(within: 300)
            #expect(outcome.status == 0 && outcome.output.contains("; 0 found"), "\(outcome.output)\(outcome.errors)")
        }

        @Test("system calls that fail end in one line, and a start without faults reaches the same bits")
        func faults() throws { try soak(["faults", "--every", "150"]) }

        @Test("kills of ranks, of mpirun and of the launch script leave what a resume goes on from")
        func kills() throws { try soak(["kills", "--count", "4", "--seed", "3"]) }

        @Test("a lost run goes on from its last step, kept in memory, and leaves nothing there")
        func losses() throws { try soak(["losses", "--count", "3", "--seed", "3"]) }
    }
}
