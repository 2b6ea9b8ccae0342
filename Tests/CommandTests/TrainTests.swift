import Foundation
import Images
import Kernels
import TestSupport
import TestTraits
import Testing

extension ProgramTests {
    /// `lockstep train` under real `mpirun`.
    @Suite struct Train {
        /// Settings of a run that lasts for seconds, so that something can happen to it.
        private static let long = [
            "train", "cells.yaml", "--set", "training.steps=200", "--set", "checkpoint.every=25", "--set",
            "validation.every=80", "--set", "model.base_channels=8", "--set", "training.batch=8",
        ]

        /// The digest of such a run that nothing happens to.
        private static let unstopped = Result { () throws -> String in
            let place = try Place()
            try place.succeed(long)
            return try place.digest("runs/cells")
        }

        @Test func theSameBitsOnEveryNumberOfRanks() throws {
            let place = try Place()
            let alone = try place.succeed(["train", "cells.yaml", "--output", "alone", "--json"])
            let digest = try place.digest("alone")
            #expect(try place.losses("alone").count == 6)
            let answer = try alone.json
            #expect(answer["checkpoint"] as? String == "alone/checkpoints/best")
            for file in ["checkpoint", "log", "metrics", "prediction"] {
                let path = try #require(answer[file] as? String)
                #expect(FileManager.default.fileExists(atPath: place.folder.path(path)), "\(file) \(path)")
            }
            for (ranks, setting) in [
                (2, "run.coordinator=dedicated"), (3, "run.coordinator=dedicated"), (4, "run.coordinator=dedicated"),
                (3, "run.coordinator=shared"), (4, "communication.host_sums=false"),
            ] {
                let run = "run-\(ranks)-\(setting)"
                let outcome = try place.succeed(
                    ["train", "cells.yaml", "--output", run, "--set", setting], ranks: ranks)
                #expect(!outcome.errors.contains("share memory"), "\(outcome.errors)")
                #expect(try place.digest(run) == digest, "\(run)")
                #expect(try place.losses(run) == place.losses("alone"), "\(run)")
            }
        }

        @Test(
            "ranks that see each other's files as little as their processes send messages, which is said once",
            .enabled(if: Cluster.isPermitted, "namespaces need root"))
        func apart() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--output", "alone"])
            // Each rank is process 1 of its own container; Open MPI's own shared memory would not bear that.
            let outcome = try RunningProgram(
                [
                    "mpirun", "-q", "--oversubscribe", "--bind-to", "none", "--mca", "btl", "self,tcp", "-np", "3",
                    "unshare", "--pid", "--fork", "--mount-proc", Program.executable, "train", "cells.yaml",
                ], in: place.folder
            ).outcome()
            #expect(outcome.status == 0, "\(outcome.errors)")
            let remarks = outcome.errors.split(separator: "\n").filter { $0.contains("cannot share memory: ") }
            #expect(remarks.count == 1, "\(outcome.errors)")
            #expect(try place.digest("runs/cells") == place.digest("alone"))
        }

        @Test(
            "a signal saves and stops; a resume ends as if there had been none",
            arguments: [(SIGUSR1, 3), (SIGTERM, 0)])
        func stopped(signal: Int32, ranks: Int) throws {
            let place = try Place()
            let run = try place.start(Self.long, ranks: ranks)
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 20 }
            run.send(signal)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 75, "\(outcome.errors)")
            #expect(outcome.errors.contains("--resume runs/cells"))
            #expect(!outcome.errors.contains("error: "))
            let last = try #require(place.steps("runs/cells").last)
            #expect(last > 20 && last < 200)
            #expect(try place.losses("runs/cells").count == last)
            try place.succeed(["train", "--resume", "runs/cells"], ranks: 2)
            #expect(try place.digest("runs/cells") == Self.unstopped.get())
            #expect(try place.events("runs/cells", "train").compactMap { $0["step"] as? Int } == Array(1...200))
        }

        @Test("a rank that is killed ends the job; a resume ends as if nothing had been", arguments: [2, 0])
        func killed(rank: Int) throws {
            let place = try Place()
            let run = try place.start(Self.long, ranks: 3)
            try run.wait("saved") { !place.steps("runs/cells").isEmpty }
            let ranks = run.ranks()
            try #require(ranks.count == 3)
            kill(ranks[rank], SIGKILL)
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status != 0 && outcome.status != 75)
            let last = try #require(place.steps("runs/cells").last)
            #expect(last < 200)
            try place.succeed(["train", "--resume", "runs/cells"], ranks: 4)
            #expect(try place.digest("runs/cells") == Self.unstopped.get())
            #expect(try place.events("runs/cells", "train").compactMap { $0["step"] as? Int } == Array(1...200))
        }

        @Test(
            "what a resume changes stands on the terminal and in the log, and a dry run says it too", arguments: [0, 3])
        func changedResume(ranks: Int) throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=2"])
            let resume = [
                "train", "--resume", "runs/cells", "--set", "optimizer.momentum=0.5", "--set", "data.normalize=unit",
                "--set", "optimizer.learning_rate=0.1", "--set", "training.steps=4",
            ]
            let words = [
                "optimizer.momentum is 0.5 from here, and was 0.9", "the learning rate jumps from 0.02 to 0.1",
                "data.normalize is unit, and the weights were trained with standardize",
            ]
            func isSaid(_ text: String) -> Bool { words.allSatisfy { text.components(separatedBy: $0).count == 2 } }
            #expect(isSaid(try place.succeed(resume + ["--dry-run"], ranks: ranks).errors))
            #expect(isSaid(try place.succeed(resume, ranks: ranks).errors))
            let log = try String(contentsOfFile: place.folder.path("runs/cells/train.log"), encoding: .utf8)
            #expect(isSaid(log), "\(log)")
            let notes = try place.events("runs/cells", "note").compactMap { $0["message"] as? String }
            #expect(isSaid(notes.joined(separator: "\n")), "\(notes)")
        }

        @Test("what fails on one rank ends all with one line", arguments: [0, 3])
        func failure(ranks: Int) throws {
            let place = try Place()
            let run = try place.start(
                Self.long + ["--set", "data.cache_mb=0", "--set", "training.steps=100000"], ranks: ranks)
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 5 }
            unlink(place.folder.path("cells/images/cell-0003.png"))
            let outcome = try run.outcome(within: 20)
            #expect(outcome.status == 1 || outcome.status == 2)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(lines.count == 1 && lines[0].contains("cell-0003.png"), "\(outcome.errors)")
        }

        @Test("a full disk ends a run whose last weights cannot be saved", arguments: ["dedicated", "shared"])
        func fullDisk(mode: String) throws {
            let place = try Place()
            // The kernel refuses to let any file of the coordinator grow, as a full disk does; without the signal.
            let run = try RunningProgram(
                [
                    "mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "3", "sh", "-c",
                    "trap '' XFSZ; exec \"$@\"", "sh", Program.executable,
                ] + Self.long + ["--set", "training.steps=600", "--set", "run.coordinator=\(mode)"],
                in: place.folder)
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 5 }
            let limit = try RunningProgram(
                ["prlimit", "--pid", "\(try #require(run.ranks().first))", "--fsize=4096:4096"], in: place.folder)
            #expect(try limit.outcome(within: 10).status == 0)
            let outcome = try run.outcome(within: 60)
            #expect(outcome.status == 1)
            let lines = outcome.errors.split(separator: "\n")
            let last = lines.filter { $0.hasPrefix("error: ") }
            #expect(last.count == 1 && last[0].contains("runs/cells/checkpoints/step-00000600"), "\(outcome.errors)")
            #expect(last[0].contains("the run's last weights could not be saved"), "\(outcome.errors)")
            for what in ["metrics.jsonl cannot be written: file too large", "no picture of the validation"] {
                #expect(lines.count { $0.contains(what) } == 1, "\(outcome.errors)")
            }
        }

        @Suite(.tags(.timing), .onlyWhereTimeIsMeasured) struct Timing {
            /// Ticks of processor time that a process has taken, and bytes that it has read.
            private func usage(_ process: Int32) throws -> (ticks: Int, read: Int) {
                let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
                // Fields 14 and 15, counted behind the name in brackets, which is the second.
                let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
                let io = try String(contentsOfFile: "/proc/\(process)/io", encoding: .utf8)
                let read = io.split(separator: "\n").first { $0.hasPrefix("rchar: ") }
                return (
                    (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0), read.flatMap { Int($0.dropFirst(7)) } ?? 0
                )
            }

            @Test func theCoordinatorSleepsAndWorkersReadTheirShareAlone() throws {
                let place = try Place()
                // Two images a step, in order, so that worker 1 has the small one and worker 2 the large one.
                var random = RandomStream(seed: 1, use: .synthesis)
                for (name, side) in [("cell-0001.png", 200), ("cell-0002.png", 600)] {
                    let noise = (0..<side * side).map { _ in UInt16(random.integer(below: 256)) }
                    let image = RasterImage(width: side, height: side, channels: 1, samples: noise)
                    try PNG.write(image, to: place.folder.path("wide/images/\(name)", making: true))
                    let labels = RasterImage(width: side, height: side, channels: 1, samples: noise.map { $0 & 1 })
                    try PNG.write(labels, to: place.folder.path("wide/labels/\(name)", making: true))
                }
                let settings = [
                    "data={root: wide, train: {images: images, labels: labels}, tile: 188, cache_mb: 0}",
                    // Steps of some 50 ms: what the coordinator does for each is not what is measured here.
                    "model.base_channels=24",
                    "model.depth=3", "training={batch: 2, shuffle: false, steps: 100000}", "checkpoint.every=100000",
                ]
                let run = try place.start(["train", "cells.yaml"] + settings.flatMap { ["--set", $0] }, ranks: 3)
                try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 3 }
                let ranks = run.ranks()
                try #require(ranks.count == 3)
                let (before, start, steps) = (try ranks.map(usage), Date(), try place.losses("runs/cells").count)
                usleep(2_500_000)
                let (after, seconds) = (try ranks.map(usage), Date().timeIntervalSince(start))
                let done = try place.losses("runs/cells").count - steps
                let share = Double(after[0].ticks - before[0].ticks) / Double(sysconf(Int32(_SC_CLK_TCK))) / seconds
                #expect(share < 0.02, "\(100 * share) % of a core over \(done) steps")
                let read = zip(before, after).map { ($1.read - $0.read) / max(1, done) }
                // The large image and its labels are 400 kB, the small ones 45.
                #expect(read[0] < 10_000, "\(read)")
                #expect(read[1] > 30_000 && read[1] < 200_000, "\(read)")
                #expect(read[2] > 300_000, "\(read)")
                #expect(done >= 10)
            }
        }
    }
}

extension TemporaryFolder {
    /// The path of `name`, whose folder is made.
    func path(_ name: String, making: Bool) throws -> String {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        return file.path
    }
}
