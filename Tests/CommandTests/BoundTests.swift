import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// What would take more memory than there is, or never end, is refused with status 2 and one line before it is begun.
    @Suite struct Bounds {
        private func refusal(
            _ arguments: [String], _ variables: [String] = [], ranks: Int = 0, in place: Place,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> String {
            let mpirun = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-np", "\(ranks)"]
            let outcome = try RunningProgram(
                variables + (ranks > 0 ? mpirun : []) + [Program.executable] + arguments, in: place.folder
            ).outcome(within: 20)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(outcome.status == 2 && lines.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
            return lines.first.map(String.init) ?? ""
        }

        @Test(
            "a configuration beyond the machine, alone and on ranks",
            arguments: [
                ("model.base_channels=65536", "model.base_channels 65536"),
                ("data.tile=1048572", "data.tile 1048572"), ("data.cache_mb=1073741824", "data.cache_mb"),
                ("training.batch=1048577", "training.batch"),
            ])
        func configurations(_ setting: String, says words: String) throws {
            let place = try Place()
            for ranks in [0, 3] {
                let line = try refusal(["train", "cells.yaml", "--set", setting], ranks: ranks, in: place)
                #expect(line.contains(words), "\(line)")
            }
            #expect(!FileManager.default.fileExists(atPath: place.folder.path("runs")))
        }

        @Test(
            "options beyond the machine",
            arguments: [
                ["bench", "--base", "1000000000"], ["bench", "--size", "1048572"],
                ["bench", "--depth", "12", "--size", "53244"],
                ["bench", "--steps", "9223372036854775807"], ["bench", "--batch", "9223372036854775807"],
                ["bench", "--threads", "9223372036854775807"],
                ["predict", "none", "--input", "a", "--output", "b", "--tile", "99999999999"],
            ])
        func options(_ arguments: [String]) throws { _ = try refusal(arguments, in: Place()) }

        @Test("the memory that may be taken can be set, and is named where it is not enough")
        func memory() throws {
            let place = try Place()
            for value in ["1", "20"] {
                let line = try refusal(["train", "cells.yaml"], ["LOCKSTEP_MEMORY_MB=\(value)"], in: place)
                #expect(line.contains("LOCKSTEP_MEMORY_MB") || line.contains("data.cache_mb"), "\(line)")
            }
            for value in ["none", "-1", "0", "1e3"] {
                #expect(
                    try refusal(["train", "cells.yaml"], ["LOCKSTEP_MEMORY_MB=\(value)"], in: place).contains(
                        "LOCKSTEP_MEMORY_MB=\(value)"))
            }
            let outcome = try RunningProgram(
                ["LOCKSTEP_MEMORY_MB=4000", Program.executable, "train", "cells.yaml"], in: place.folder
            ).outcome()
            #expect(outcome.status == 0, "\(outcome.errors)")
            // The same for what reads the run, before it writes anything.
            let wide = RasterImage(
                width: 3000, height: 1000, channels: 1, samples: [UInt16](repeating: 1, count: 3_000_000))
            try FileManager.default.createDirectory(atPath: place.folder.path("new"), withIntermediateDirectories: true)
            try PNG.write(wide, to: place.folder.path("new/wide.png"))
            let predict = ["predict", "runs/cells", "--output", "out", "--input"]
            let line = try refusal(predict + ["new"], ["LOCKSTEP_MEMORY_MB=1"], in: place)
            #expect(line.contains("new/wide.png (3000×1000 pixels") && line.contains("LOCKSTEP_MEMORY_MB"), "\(line)")
            for value in ["4095", "0", "x"] {
                let line = try refusal(predict + ["cells/images"], ["LOCKSTEP_MAX_PIXELS=\(value)"], in: place)
                #expect(line.contains("LOCKSTEP_MAX_PIXELS"), "\(line)")
                let train = ["train", "cells.yaml", "--output", "other"]
                #expect(try refusal(train, ["LOCKSTEP_MAX_PIXELS=\(value)"], in: place).contains("LOCKSTEP_MAX_PIXELS"))
            }
        }

        @Test("what is no regular file, whatever reads it, on ranks too")
        func noFiles() throws {
            let place = try Place()
            let pipe = place.folder.path("pipe")
            #expect(mkfifo(pipe, 0o600) == 0)
            try place.folder.write(
                "data: {train: {list: pipe}}\nmodel: {base_channels: 2, depth: 1}\n", to: "list.yaml")
            try place.folder.write("name: s\nbase: pipe\nparameters: {seed: [1]}\n", to: "sweep.yaml")
            for arguments in [
                ["train", "pipe"], ["train", "list.yaml"], ["sweep", "pipe"], ["sweep", "sweep.yaml"],
                ["inspect", "pipe"],
                ["predict", "pipe", "--input", "cells/images", "--output", "out"], ["train", "/dev/zero"],
                ["doctor", "pipe"],
                ["train", "cells.yaml", "--set", "training.initialize_from=pipe"],
                ["train", "cells.yaml", "--set", "data.train={images: pipe, labels: pipe}"],
            ] where arguments[0] != "doctor" {
                let line = try refusal(arguments, in: place)
                #expect(line.contains("only a file can be read") || line.contains("pipe"), "\(line)")
            }
            let image = place.folder.path("cells/images/cell-0003.png")
            try FileManager.default.removeItem(atPath: image)
            #expect(mkfifo(image, 0o600) == 0)
            for ranks in [0, 3] {
                #expect(
                    try refusal(["train", "cells.yaml"], ranks: ranks, in: place).contains(
                        "cell-0003.png is a named pipe"))
            }
        }
    }
}
