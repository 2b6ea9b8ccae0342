import Checkpoints
import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `run.audit`, where one worker's gradient is changed from outside while a job runs under `mpirun`.
    @Suite struct Audits {
        /// Writes into the gradient of a worker of a host again and again, until it is let go of: the last value, which the
        /// backward pass completes first.
        private final class Fault: @unchecked Sendable {
            // Read and written with the lock.
            private var isOver = false
            private let lock = NSLock()

            init(process: Int32, worker: Int, of workers: Int, parameters: Int) throws {
                let file = try #require(FileHandle(forReadingAtPath: "/proc/\(process)/maps"))
                // A page at a time is what such a file gives.
                let pages = sequence(state: file) { $0.availableData }.prefix { !$0.isEmpty }
                let maps = String(decoding: Data(pages.joined()), as: UTF8.self)
                let line = try #require(maps.split(separator: "\n").first { $0.contains("memfd:lockstep") })
                let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { Int($0, radix: 16) }
                // A page in front; then each worker's part, which begins with a page of milestones.
                let page = 4096
                let part = (bounds[1] - bounds[0] - page) / workers
                let place = off_t(bounds[0] + page + worker * part + page + 4 * (parameters - 1))
                let memory = open("/proc/\(process)/mem", O_RDWR | O_CLOEXEC)
                try #require(memory >= 0)
                Thread.detachNewThread { [self] in
                    while !lock.withLock({ isOver }) {
                        var value: Float = 0.001
                        pwrite(memory, &value, 4, place)
                        usleep(20)
                    }
                    close(memory)
                }
            }

            deinit { end() }

            func end() { lock.withLock { isOver = true } }
        }

        /// Needs the right to write into another process's memory.
        @Test(
            "a bit that is changed in a worker's gradient is found, and what was made of it is marked",
            .enabled(if: geteuid() == 0), arguments: [2, 4, 8])
        func found(workers: Int) throws {
            let place = try Place()
            let run = try place.start(
                [
                    "train", "cells.yaml", "--set", "training.batch=\(workers)", "--set", "training.steps=1000000",
                    "--set", "checkpoint.every=3", "--set", "run.audit=0.2", "--set", "checkpoint.keep=100000",
                    "--set", "validation.every=100000", "--set", "run.replica_check_every=100000",
                ], ranks: workers + 1)
            try run.wait("trained and audited") {
                place.steps("runs/cells").count > 3
                    && (try? place.events("runs/cells", "train").contains { $0["audited"] != nil }) == true
            }
            let facts = try place.succeed(["inspect", "runs/cells", "--json"]).json
            let parameters = try #require(facts["parameters"] as? Int)
            let fault = try Fault(
                process: run.ranks()[workers], worker: workers - 1, of: workers, parameters: parameters)
            let outcome = try run.outcome(within: 60)
            fault.end()
            #expect(outcome.status == 1)
            let errors = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(errors.count == 1, "\(outcome.errors)")
            let arbiter = workers == 2 ? #"rank 0 on \S+"# : #"rank \d on \S+"#
            let pattern = try Regex(
                #"error: rank \#(workers) on \S+ computes wrongly: .*it finds now one and now another, and \#(arbiter) that of rank \d.*"#
            )
            #expect(errors.first?.wholeMatch(of: pattern) != nil, "\(errors)")

            let directory = RunDirectory(place.folder.path("runs/cells"))
            let audits = try place.events("runs/cells", "train").filter { $0["audited"] != nil }
            #expect(audits.allSatisfy { $0["audited"] as? Int == workers })
            let last = try #require(audits.last?["step"] as? Int)
            #expect(directory.checkpointSteps.allSatisfy { $0 <= last })
            let names = try FileManager.default.contentsOfDirectory(atPath: directory.checkpoints)
            for name in names where name.contains("doubtful") {
                let outcome = try place.run(["inspect", "\(directory.checkpoints)/\(name)"])
                #expect(outcome.status == 2 && outcome.errors.contains("is doubtful: an audit found"))
            }
            // Not to be counted on: the fault may be found before the next checkpoint.
            #expect(outcome.errors.contains("doubtful") == names.contains { $0.contains("doubtful") })
            // What is trained anew is trusted.
            try place.succeed(["train", "--resume", "runs/cells", "--until", "\(last + 6)"])
            #expect(directory.checkpointSteps.last == last + 6)
            try place.succeed(["predict", "runs/cells", "--input", "cells/images", "--output", "segmented"])
        }
    }
}
