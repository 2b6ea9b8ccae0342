import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `launch/cluster` and `launch/supervise` on several hosts that talk over TCP.
    @Suite(.enabled(if: Cluster.isPermitted, "network namespaces need root and iproute2"))
    struct ClusterTests {
        /// Settings of a run that lasts for seconds, so that something can happen to it.
        private static let long = [
            "cells.yaml", "--set", "training.steps=600", "--set", "checkpoint.every=25", "--set",
            "validation.every=125", "--set", "model.base_channels=8", "--set", "training.batch=8",
        ]

        /// The digest of such a run in one process.
        private static let alone = Result { () throws -> String in
            let place = try Place()
            try place.succeed(["train"] + long)
            return try place.digest("runs/cells")
        }

        /// One line each, mpirun's own words not among them.
        ///
        /// But for one: on a busy machine a remote shell may have begun before mpirun gives it a process group, which it
        /// warns of and which changes nothing.
        private func expectQuiet(_ outcome: Program.Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
            let lines = outcome.errors.split(separator: "\n").filter { !$0.contains("Warning: setpgid(") }
            for word in ["-----", "mpirun", "orted", "ORTE", "[node"] {
                #expect(
                    !lines.contains { $0.contains(word) }, "\(outcome.errors)", sourceLocation: sourceLocation)
            }
        }

        @Test func aSignalSavesAndAResumeOnOtherHostsHasTheSameBits() throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 3)
            try place.folder.write("node1 slots=2 # the coordinator too\n\nnode2 slots=1\n", to: "hosts")
            let run = try cluster.start("cluster", ["--hosts", "hosts"] + Self.long, in: place)
            try run.wait("trained") { (try? place.losses("runs/cells").count) ?? 0 > 20 }
            run.send(SIGTERM)
            let stopped = try run.outcome(within: 30)
            #expect(stopped.status == 75, "\(stopped.errors)")
            #expect(stopped.errors.contains("3 workers and a coordinator"))
            #expect(stopped.errors.contains("stopping after a checkpoint") && stopped.errors.contains("--resume"))
            expectQuiet(stopped)
            #expect(try #require(place.steps("runs/cells").last) < 600)

            try place.folder.write("node1 slots=1\nnode3 slots=1\n", to: "hosts")
            let rest = try cluster.start("cluster", ["--hosts", "hosts", "--resume", "runs/cells"], in: place)
                .outcome(within: 60)
            #expect(rest.status == 0, "\(rest.errors)")
            #expect(rest.errors.contains("2 workers and a coordinator"))
            expectQuiet(rest)
            #expect(try place.digest("runs/cells") == Self.alone.get())
            let environment = try String(
                contentsOfFile: place.folder.path("runs/cells/environment.json"), encoding: .utf8)
            #expect(environment.contains("node3") && !environment.contains("node2"))
        }

        @Test func aRunGoesOnWithoutAHostThatVanishes() throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 3)
            try place.folder.write("node1 slots=1\nnode2 slots=1\nnode3 slots=1\n", to: "hosts")
            let run = try cluster.start("supervise", ["--hosts", "hosts"] + Self.long, in: place)
            try run.wait("saved") { !place.steps("runs/cells").isEmpty }
            try cluster.lose("node2")
            let outcome = try run.outcome(within: 60)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("going on without node2: "), "\(outcome.errors)")
            let restart = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("restart ") }
            #expect(restart.count == 1, "\(outcome.errors)")
            #expect(restart.first?.hasPrefix("restart 1 of 5: ") == true)
            #expect(restart.first?.hasSuffix(" with 2 workers") == true && restart.first?.contains("step 0") == false)
            expectQuiet(outcome)
            #expect(try place.digest("runs/cells") == Self.alone.get())
            #expect(try place.events("runs/cells", "train").compactMap { $0["step"] as? Int } == Array(1...600))
        }

        @Test func aHostThatComesBackIsTakenIn() throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 3)
            try place.folder.write("node1 slots=1\nnode2 slots=1\n", to: "hosts")
            let settings = Self.long + ["--set", "training.steps=1000000"]
            let run = try cluster.start("supervise", ["--hosts", "hosts"] + settings, in: place)
            try run.wait("saved") { !place.steps("runs/cells").isEmpty }
            try cluster.unplug("node2")
            try run.wait("went on") { try run.said().contains("with 1 worker\n") }
            // One that comes back, and one that is new.
            try cluster.plug("node2")
            try place.folder.write("node1 slots=1\nnode2 slots=1\nnode3 slots=1\n", to: "hosts")
            let environment = place.folder.path("runs/cells/environment.json")
            try run.wait("works on both", within: 60) {
                let words = (try? String(contentsOfFile: environment, encoding: .utf8)) ?? ""
                return words.contains("node2") && words.contains("node3")
            }
            run.send(SIGTERM)
            let outcome = try run.outcome(within: 30)
            #expect(outcome.status == 75, "\(outcome.errors)")
            #expect(outcome.errors.contains("taking node2 node3 in\n") || outcome.errors.contains("taking node3 in\n"))
            #expect(outcome.errors.split(separator: "\n").count { $0.hasPrefix("restart ") } == 1, "\(outcome.errors)")
            let last = try #require(place.steps("runs/cells").last)
            try place.succeed(["train"] + settings + ["--output", "alone", "--until", "\(last)"])
            #expect(try place.digest("runs/cells") == place.digest("alone"))
        }

        @Test("another host supervises where the first is lost or cut off", arguments: [true, false])
        func standby(isLost: Bool) throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 3)
            try place.folder.write("node1 slots=1\nnode2 slots=1\nnode3 slots=1\n", to: "hosts")
            let settings = Self.long + ["--set", "training.steps=1000000", "--set", "run.fault_timeout=10"]
            let run = try cluster.start(
                "supervise", ["--hosts", "hosts", "--standby", "node2"] + settings, in: place)
            try run.wait("saved") { !place.steps("runs/cells").isEmpty }
            let begin = Date()
            try isLost ? cluster.lose("node1") : cluster.unplug("node1")
            func wait(_ what: String, within seconds: Double, until holds: () -> Bool) throws {
                let deadline = Date(timeIntervalSinceNow: seconds)
                while !holds() {
                    try #require(Date() < deadline, "\(what): \(log())")
                    usleep(100_000)
                }
            }
            func log() -> String {
                (try? String(contentsOfFile: place.folder.path("runs/cells/standby.log"), encoding: .utf8)) ?? ""
            }
            try wait("the other took over", within: 70) {
                log().contains("node1, which supervised, no longer answers; going on with 2 workers")
            }
            let before = try #require(place.steps("runs/cells").last)
            try wait("the other went on", within: 70) { place.steps("runs/cells").last! > before + 50 }
            #expect(Date().timeIntervalSince(begin) < 70)
            if !isLost {
                let outcome = try run.outcome(within: 60)
                #expect(outcome.status == 1, "\(outcome.errors)")
                #expect(outcome.errors.contains("node2 goes on in its place"), "\(outcome.errors)")
                try cluster.plug("node1")
                try wait("taken in", within: 60) { log().contains("taking node1 in") }
            }
            // The script on node2, by the turn that it has taken.
            let turn = try String(contentsOfFile: place.folder.path("runs/cells/supervisors/2"), encoding: .utf8)
            Glibc.kill(try #require(turn.split(separator: " ").dropFirst().first.flatMap { Int32($0) }), SIGTERM)
            try wait("stopped", within: 60) { log().contains("a checkpoint was saved") }
            let last = try #require(place.steps("runs/cells").last)
            try place.succeed(["train"] + settings + ["--output", "alone", "--until", "\(last)"])
            #expect(try place.digest("runs/cells") == place.digest("alone"))
            try wait("left nothing", within: 20) {
                !FileManager.default.fileExists(atPath: place.folder.path("runs/cells/supervisors"))
            }
        }

        @Test func aSweepGoesOnWithoutAHostThatVanishes() throws {
            let file = """
                name: tiny
                base: cells.yaml
                set: {training.steps: 60, checkpoint.every: 10, validation.every: 20}
                parameters: {optimizer.momentum: [0.5, 0.8, 0.9], optimizer.learning_rate: [0.01, 0.03]}
                workers: 1

                """
            func rows(_ place: Place) throws -> [String] {
                try String(contentsOfFile: place.folder.path("sweeps/tiny/results.csv"), encoding: .utf8)
                    .split(separator: "\n").map { String($0[..<($0.lastIndex(of: ",") ?? $0.endIndex)]) }
            }
            let alone = try Place()
            try alone.folder.write(file, to: "tiny.yaml")
            try alone.succeed(["sweep", "tiny.yaml"])

            let place = try Place()
            let cluster = try Cluster(hosts: 3)
            try place.folder.write(file, to: "tiny.yaml")
            try place.folder.write("node1 slots=1\nnode2 slots=1\nnode3 slots=1\n", to: "hosts")
            let sweep = try cluster.start("cluster", ["--hosts", "hosts", "sweep", "tiny.yaml"], in: place)
            try sweep.wait("began") { ((try? place.losses("sweeps/tiny/trial-0002").count) ?? 0) > 5 }
            try cluster.lose("node2")
            let outcome = try sweep.outcome(within: 120)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("on node3") && outcome.errors.contains("node2 cannot be reached"))
            #expect(try rows(place) == rows(alone))
        }

        @Test("a host sends one sum, however many workers it has", arguments: [1, 2, 4])
        func bytes(workers: Int) throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 2)
            let steps = 4
            for (option, sums) in [("--host-sums", 1), ("--no-host-sums", workers)] {
                let before = try ["node1", "node2"].map { try cluster.bytesSent(by: $0, in: place) }
                let outcome = try cluster.run(
                    ["bench", "--base", "16", "--size", "188", "--steps", "\(steps)", option, "--json"],
                    ranks: 2 * workers, in: place)
                #expect(outcome.status == 0, "\(outcome.errors)")
                let parameters = try #require(try outcome.json["parameters"] as? Int)
                // One step more than is timed; a node and a sum, of which half are the other host's.
                let expected = Double((steps + 1) * sums * 2 * 4 * parameters) / 2
                for (host, bytes) in zip(["node1", "node2"], before) {
                    let sent = Double(try cluster.bytesSent(by: host, in: place) - bytes)
                    #expect(abs(sent / expected - 1) < 0.05, "\(host) \(option): \(sent) bytes, not \(expected)")
                }
            }
        }

        @Test("hosts that halve have the bits of one process", arguments: [(2, 2), (4, 1), (2, 4)])
        func halving(hosts: Int, workers: Int) throws {
            let place = try Place()
            let cluster = try Cluster(hosts: hosts)
            let settings = Self.long + ["--set", "training.steps=40", "--set", "run.coordinator=shared"]
            let outcome = try cluster.run(
                ["train"] + settings + ["--set", "communication.route=halving"], ranks: hosts * workers, in: place)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(!outcome.errors.contains("halving is not possible"), "\(outcome.errors)")
            try place.succeed(["train"] + settings + ["--output", "alone"])
            #expect(try place.digest("runs/cells") == place.digest("alone"))
        }

        @Test("a host that cannot take part is one line", arguments: ["cluster", "supervise"])
        func missing(script: String) throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 2)
            try place.folder.write("node1\nnode2\nnode8\nnode9\n", to: "hosts")
            let outcome = try cluster.start(script, ["--hosts", "hosts"] + Self.long, in: place).outcome(within: 30)
            #expect(outcome.status == 2)
            #expect(outcome.errors.hasPrefix("error: node8 cannot be reached"), "\(outcome.errors)")
            #expect(outcome.errors.filter { $0 == "\n" }.count == 1, "\(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: place.folder.path("runs")))
        }

        @Test func aHostWithAnotherBuildIsNamed() throws {
            let place = try Place()
            let cluster = try Cluster(hosts: 2)
            try place.folder.write("node1\nnode2\n", to: "hosts")
            // The same path, but on node2 the program says that it is another one.
            let program = try place.folder.write(
                "#!/bin/sh\nif [ $(hostname) = node2 ]; then echo 'target CPU: abacus'; else exec \(Program.executable) \"$@\"; fi\n",
                to: "lockstep")
            chmod(program, 0o755)
            let outcome = try cluster.start(
                "cluster", ["--program", program, "--hosts", "hosts"] + Self.long, in: place
            ).outcome(within: 30)
            #expect(outcome.status == 2)
            #expect(outcome.errors.hasPrefix("error: node2 has another build of "), "\(outcome.errors)")
            #expect(outcome.errors.contains("abacus") && outcome.errors.filter { $0 == "\n" }.count == 1)
        }
    }
}
