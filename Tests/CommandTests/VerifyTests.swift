import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// `verify`: a run is what its configuration and images give, or what is not is named.
    @Suite struct Verifying {
        private struct Answer: Decodable {
            struct State: Decodable {
                let step: Int
                let recorded: String
                let replayed: String
            }
            let verified: Bool
            let files: Int?
            let losses: Int
            let checkpoints: [State]
            let differences: [String]
        }

        private func verify(_ place: Place, _ arguments: [String] = [], ranks: Int = 0) throws -> (
            status: Int32, answer: Answer?, errors: [Substring]
        ) {
            let outcome = try place.run(["verify", "runs/cells", "--json"] + arguments, ranks: ranks)
            return (
                outcome.status, try? JSONDecoder().decode(Answer.self, from: Data(outcome.output.utf8)),
                outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            )
        }

        private func path(_ place: Place, _ file: String) -> String { place.folder.path("runs/cells/\(file)") }

        private func edit(_ place: Place, _ file: String, _ change: (inout Data) -> Void) throws {
            var data = try Data(contentsOf: URL(filePath: path(place, file)))
            let before = data
            change(&data)
            try #require(data != before)
            try data.write(to: URL(filePath: path(place, file)))
        }

        /// Replaces the first.
        private func replace(_ place: Place, _ file: String, _ old: String, by new: String) throws {
            try edit(place, file) {
                $0 = Data(String(decoding: $0, as: UTF8.self).replacing(old, with: new, maxReplacements: 1).utf8)
            }
        }

        @Test("any number of workers and threads computes a run again", arguments: [0, 2, 4])
        func agrees(ranks: Int) throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "run.threads=2"], ranks: 3)
            func files() throws -> [String: Data] { try place.folder.files().filter { $0.key.hasPrefix("runs/") } }
            let before = try files()
            let (status, found, errors) = try verify(place, ["--from", "0"], ranks: ranks)
            #expect(status == 0 && errors.isEmpty, "\(errors)")
            let answer = try #require(found)
            #expect(answer.verified && answer.losses == 6 && answer.files == 7 * 2 + 2 + 4)
            #expect(answer.checkpoints.map(\.step) == [2, 3, 4, 6])
            #expect(answer.checkpoints.allSatisfy { $0.recorded == $0.replayed && $0.recorded.count == 64 })
            #expect(try files() == before)
            let (other, part, _) = try verify(place, ["--from", "3", "--to", "4"], ranks: ranks)
            #expect(other == 0 && part?.checkpoints.map(\.step) == [4] && part?.losses == 1)
        }

        @Test("what was touched is named", arguments: [true, false]) func touched(hasRecord: Bool) throws {
            func expect(_ words: String, _ change: (Place) throws -> Void) throws {
                let place = try Place()
                try place.succeed(["train", "cells.yaml"])
                try change(place)
                if !hasRecord { try FileManager.default.removeItem(atPath: path(place, "provenance.json")) }
                let (status, answer, errors) = try verify(place)
                #expect(status == 1 && errors.count == 1 && errors[0].contains(words), "\(errors), not \(words)")
                #expect(answer?.verified == false && answer?.differences.isEmpty == false)
            }
            let image = "cells/images/cell-0002.png"
            try expect(hasRecord ? "\(image) was changed since the run ended" : "the images are not those") { place in
                let old = try PNG.read(place.folder.path(image))
                guard case .integers(var samples) = old.content else { return }
                samples[777] ^= 1
                try PNG.write(
                    RasterImage(width: old.width, height: old.height, channels: old.channels, samples: samples),
                    to: place.folder.path(image))
            }
            try expect("config.yaml \(hasRecord ? "was changed" : "is not the configuration")") { place in
                try replace(place, "config.yaml", "momentum: 0.9", by: "momentum: 0.8")
            }
            try expect("metrics.jsonl \(hasRecord ? "was changed" : "has another loss of step 5")") { place in
                try edit(place, "metrics.jsonl") { log in
                    let lines = String(decoding: log, as: UTF8.self).split(separator: "\n").map { line in
                        line.contains("\"event\":\"train\"") && line.contains("\"step\":5")
                            ? line.replacingOccurrences(of: "\"loss\":0.", with: "\"loss\":0.1") : String(line)
                    }
                    log = Data((lines.joined(separator: "\n") + "\n").utf8)
                }
            }
            try expect("step-00000006.safetensors \(hasRecord ? "was changed" : "is damaged")") { place in
                try edit(place, "checkpoints/step-00000006.safetensors") { $0[$0.count - 5] ^= 1 }
            }
        }

        /// Sealed by the program itself, and what another rate gives.
        @Test func anotherRunsCheckpointIsFoundOut() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            try place.succeed(["train", "cells.yaml", "--output", "other", "--set", "optimizer.learning_rate=0.03"])
            let name = "checkpoints/step-00000006.safetensors"
            try FileManager.default.removeItem(atPath: path(place, name))
            try FileManager.default.copyItem(atPath: place.folder.path("other/\(name)"), toPath: path(place, name))
            let (status, _, errors) = try verify(place)
            #expect(status == 1 && errors.count == 1 && errors[0].contains("step-00000006"), "\(errors)")
            // With the configuration that goes with it, and no record, the weights before it do not.
            try FileManager.default.removeItem(atPath: path(place, "provenance.json"))
            try replace(place, "config.yaml", "learning_rate: 0.02", by: "learning_rate: 0.03")
            let (second, _, words) = try verify(place)
            #expect(second == 1 && words.count == 1 && words[0].contains("of another run than"), "\(words)")
        }

        @Test func whatCannotBeReplayedIsRefused() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            func expect(_ words: String, _ arguments: [String]) throws {
                let (status, _, errors) = try verify(place, arguments)
                #expect(status == 2 && errors.count == 1 && errors[0].contains(words), "\(errors), not \(words)")
            }
            try expect("--from 1: runs/cells has no checkpoint of that step; there are 2, 3, 4, 6", ["--from", "1"])
            try expect("--to 60: runs/cells has no checkpoint of that step", ["--to", "60"])
            try expect("there are no steps from 4 to 4", ["--from", "4", "--to", "4"])
            try expect("--to 0", ["--to", "0"])
            let nothing = try place.run(["verify", "cells"])
            #expect(nothing.status == 2 && nothing.errors.contains("cells holds no run"))
            try place.succeed([
                "train", "cells.yaml", "--output", "timed", "--set", "training.minutes=0.01", "--set",
                "training.steps=null",
            ])
            let timed = try place.run(["verify", "timed"])
            #expect(timed.status == 2 && timed.errors.contains("was given in minutes"), "\(timed.errors)")
        }

        @Test(
            "a run that went on otherwise is verified in parts, and never called wrong",
            arguments: [
                ["optimizer.learning_rate=0.01"], ["run.engine=openblas"], ["data.root=more"],
                ["optimizer.schedule.kind=cosine", "training.steps=8"],
            ])
        func wentOn(settings: [String]) throws {
            let place = try Place()
            try place.succeed(["synthesize", "more", "--count", "7", "--size", "64", "--seed", "4"])
            try place.succeed(["train", "cells.yaml", "--until", "4"])
            #expect(FileManager.default.fileExists(atPath: path(place, "provenance.json")))
            try place.succeed(["train", "--resume", "runs/cells"] + settings.flatMap { ["--set", $0] })
            for from in [[], ["--from", "0"]] {
                let (status, _, errors) = try verify(place, from)
                #expect(
                    status == 2 && errors.count == 1
                        && (errors[0].contains("went on otherwise between steps")
                            || errors[0].contains("cannot be computed again")),
                    "\(from): \(errors)")
            }
            #expect(try verify(place, ["--from", "4"]).status == 0)
            #expect(try verify(place, ["--to", "4"]).status == 0)
        }

        /// A setting that was put back leaves no trace but in the log and in the checkpoints between.
        @Test func aSettingThatWasPutBackIsSeen() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--until", "2"])
            for (step, rate) in [("4", "0.05"), ("6", "0.02")] {
                try place.succeed([
                    "train", "--resume", "runs/cells", "--until", step, "--set", "optimizer.learning_rate=\(rate)",
                    "--set",
                    "checkpoint.keep=1",
                ])
            }
            // What is left of it is of one rate.
            #expect(try verify(place).status == 0)
            let (status, _, errors) = try verify(place, ["--from", "0"])
            #expect(status == 2 && errors[0].contains("went on otherwise"), "\(errors)")
        }

        @Test("the record is compared with the run that it is of")
        func forged() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            try place.succeed(["train", "cells.yaml", "--output", "longer", "--set", "training.steps=8"])
            func expect(_ words: String, _ change: (Place) throws -> Void) throws {
                let copy = try Place()
                try FileManager.default.createDirectory(
                    atPath: copy.folder.path("runs"), withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: place.folder.path("runs/cells"), toPath: copy.folder.path("runs/cells"))
                try change(copy)
                let (status, answer, errors) = try verify(copy)
                #expect(status == 1 && errors.count == 1 && errors[0].contains(words), "\(errors), not \(words)")
                #expect(answer?.verified == false)
            }
            for (old, new) in [
                ("\"step\" : 6\n}", "\"step\" : 5\n}"), ("\"run\" : \"", "\"run\" : \"x"),
                ("\"engine_version\" : \"", "\"engine_version\" : \"9"), ("\"state\" : \"", "\"state\" : \"0"),
                ("\"file\" : \"metrics.jsonl\"", "\"file\" : \"../cells/metrics.jsonl\""),
            ] {
                try expect(old.contains("6") ? "latest does not name" : "says of the run what its checkpoints do not") {
                    try replace($0, "provenance.json", old, by: new)
                }
            }
            try expect("cell-0003.png was not there when the run ended") { copy in
                try edit(copy, "provenance.json") { data in
                    var record = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
                    let inputs = record?["inputs"] as? [[String: Any]] ?? []
                    record?["inputs"] = inputs.filter { $0["file"] as? String != "cells/images/cell-0003.png" }
                    data = (try? JSONSerialization.data(withJSONObject: record ?? [:])) ?? Data()
                }
            }
            try expect("best does not name the checkpoint") { copy in
                try FileManager.default.removeItem(atPath: path(copy, "checkpoints/best"))
                try FileManager.default.copyItem(
                    atPath: path(copy, "checkpoints/step-00000002.safetensors"), toPath: path(copy, "checkpoints/best"))
            }
            try expect("step-00000008.safetensors was not there when the run ended") { copy in
                try FileManager.default.copyItem(
                    atPath: place.folder.path("longer/checkpoints/step-00000008.safetensors"),
                    toPath: path(copy, "checkpoints/step-00000008.safetensors"))
            }
            // Without a record the log is compared with what is computed.
            try expect("metrics.jsonl has no loss of step 5") { copy in
                try FileManager.default.removeItem(atPath: path(copy, "provenance.json"))
                try edit(copy, "metrics.jsonl") { log in
                    let lines = String(decoding: log, as: UTF8.self).split(separator: "\n")
                        .filter { !($0.contains("\"event\":\"train\"") && $0.contains("\"step\":5")) }
                    log = Data((lines.joined(separator: "\n") + "\n").utf8)
                }
            }
        }

        @Test func whereVerifyCannotWorkItSaysSoAndLeavesNothing() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            let elsewhere = try TemporaryFolder()
            let lost = try Program.run(["verify", path(place, "")], in: elsewhere)
            #expect(
                lost.status == 2 && lost.errors.contains("start in the folder in which the run was started"),
                "\(lost.errors)")
            let temporary = place.folder.path("none")
            let run = try RunningProgram(
                ["TMPDIR=\(temporary)", Program.executable, "verify", "runs/cells"], in: place.folder
            ).outcome(within: 20)
            #expect(
                run.status == 2 && run.errors.contains("name another temporary folder with TMPDIR"), "\(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: temporary))
            // A run that another process works on is not compared with what it was.
            let training = try place.start([
                "train", "--resume", "runs/cells", "--set", "training.steps=1000000", "--set", "checkpoint.keep=1",
            ])
            try training.wait("trained") { try place.losses("runs/cells").count > 20 }
            let (status, _, errors) = try verify(place)
            #expect(status == 2 && errors[0].contains("is being trained"), "\(errors)")
            training.send(SIGTERM)
            #expect(try training.outcome(within: 20).status == 75)
        }

        /// The record is of a run that has ended.
        @Test func aRunThatIsStoppedHasNoRecord() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            let run = try place.start([
                "train", "--resume", "runs/cells", "--set", "training.steps=1000000", "--set",
                "checkpoint.every=1000000",
                "--set", "validation.every=1000000",
            ])
            try run.wait("trained") { try place.losses("runs/cells").count > 20 }
            run.send(SIGTERM)
            #expect(try run.outcome(within: 20).status == 75)
            #expect(!FileManager.default.fileExists(atPath: path(place, "provenance.json")))
            // What is there can be replayed all the same.
            let (status, answer, errors) = try verify(place)
            #expect(status == 0 && answer?.files == nil && answer?.verified == true, "\(errors)")
        }
    }
}
