import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// A request that is wrong ends with status 2 and one line, at once, and leaves nothing behind.
    @Suite struct BadRequests {
        struct Case: Sendable, CustomTestStringConvertible {
            let testDescription: String
            /// The arguments after `lockstep`.
            let arguments: [String]
            /// What the line must say.
            let words: [String]
            /// Numbers of ranks, 0 for the program alone.
            let ranks: [Int]
            /// Spoils the working directory.
            let spoil: @Sendable (Place) throws -> Void

            init(
                _ name: String, _ arguments: [String] = ["train", "cells.yaml"], says words: [String],
                ranks: [Int] = [0, 3], spoil: @escaping @Sendable (Place) throws -> Void = { _ in }
            ) {
                testDescription = name
                self.arguments = arguments
                self.words = words
                self.ranks = ranks
                self.spoil = spoil
            }

            static func set(_ name: String, _ setting: String, says words: [String]) -> Case {
                Case(name, ["train", "cells.yaml", "--set", setting], says: words)
            }
        }

        private static func remove(_ name: String) -> @Sendable (Place) throws -> Void {
            { try FileManager.default.removeItem(atPath: $0.folder.path(name)) }
        }

        static let cases = [
            Case("a folder that is missing", says: ["cells/images"], spoil: remove("cells/images")),
            Case("an image without its label", says: ["cell-0004.png"], spoil: remove("cells/labels/cell-0004.png")),
            Case("sizes that differ", says: ["cell-0006.png", "64"]) { place in
                let small = RasterImage(width: 60, height: 64, channels: 1, samples: Array(repeating: 0, count: 3840))
                try PNG.write(small, to: place.folder.path("cells/labels/cell-0006.png"))
            },
            Case("a truncated PNG", says: ["cell-0002.png"]) { place in
                let file = URL(filePath: place.folder.path("cells/images/cell-0002.png"))
                try Data(contentsOf: file).prefix(500).write(to: file)
            },
            .set("a label value outside the classes", "data.labels=index", says: ["255", "cells/labels/cell-000"]),
            .set("an unknown key", "optimizer.learnin_rate=0.1", says: ["learnin_rate", "optimizer.learning_rate"]),
            .set("a tile too small for the depth", "model.depth=4", says: ["data.tile", "44", "188"]),
            .set("a setting without a value", "training.steps", says: ["training.steps"]),
            .set("a setting that is no YAML", "training.steps=[1", says: ["training.steps"]),
            .set("weights that are missing", "training.initialize_from=none.safetensors", says: ["none.safetensors"]),
            Case("a key in the file", says: ["cells.yaml", "tile"]) { place in
                let path = place.folder.path("cells.yaml")
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try place.folder.write(text.replacingOccurrences(of: "tile:", with: "tyle:"), to: "cells.yaml")
            },
            Case("a configuration that is missing", ["train", "none.yaml"], says: ["none.yaml"]),
            Case(
                "an output below a file", ["train", "cells.yaml", "--output", "cells.yaml/run"],
                says: ["cells.yaml/run"]),
            Case("an output that the system keeps", ["train", "cells.yaml", "--output", "/proc/run"], says: ["/proc"]),
            Case("a run that exists", says: ["runs/cells", "already", "--output runs/cells-3"]) {
                try $0.folder.write("name: cells\n", to: "runs/cells/config.yaml")
                try $0.folder.write("name: cells\n", to: "runs/cells-2/config.yaml")
            },
            Case(
                "a command with a slip", ["trian", "cells.yaml"], says: ["no command 'trian'", "did you mean 'train'?"]),
            Case("a command that there is none of", ["zzzzzzzzzz"], says: ["there are init, train, predict, evaluate"]),
            .set("an optimizer of another kind", "optimizer.kind=adam", says: ["SGD with momentum", "learning_rate"]),
            .set("another program's key", "training.batch_size=2", says: ["did you mean 'training.batch'?"]),
            .set("a root that leads nowhere", "data.root=sells", says: ["sells/images", "means /", "/sells/images"]),
            Case("a resume without a run", ["train", "--resume", "nothing"], says: ["nothing"]),
            Case(
                "a resume from a checkpoint that is damaged", ["train", "--resume", "run"],
                says: ["run/checkpoints/step-00000002.safetensors"]
            ) { place in
                let text = try String(contentsOfFile: place.folder.path("cells.yaml"), encoding: .utf8)
                try place.folder.write(text, to: "run/config.yaml")
                try place.folder.write("torn", to: "run/checkpoints/step-00000002.safetensors")
            },
            Case("an output below a file with a short name", ["train", "cells.yaml", "--output", "x/y"], says: ["x"]) {
                try $0.folder.write("a file", to: "x")
            },
            Case("--output and --resume", ["train", "--output", "a", "--resume", "b"], says: ["--output"]),
            Case("an unknown option", ["train", "cells.yaml", "--wrokers", "2"], says: ["--wrokers"]),
            Case("an unknown command", ["trian"], says: ["trian"]),
            Case(
                "more workers than images of a step", ["train", "cells.yaml", "--set", "training.batch=1"],
                says: ["training.batch", "2 workers"], ranks: [3]),
            Case("inspect of nothing", ["inspect", "nothing"], says: ["nothing"], ranks: [0]),
            Case("inspect under mpirun", ["inspect", "cells"], says: ["inspect", "without mpirun"], ranks: [2]),
            Case(
                "config of an unknown key", ["config", "optimizer.momentun"], says: ["optimizer.momentum"], ranks: [0]),
            Case("config under mpirun", ["config"], says: ["config", "without mpirun"], ranks: [2]),
            Case("synthesize over a data set", ["synthesize", "cells"], says: ["cells/images"], ranks: [0]),
            Case(
                "predict with a file that is no checkpoint",
                ["predict", "cells.yaml", "--input", "cells/images", "--output", "out"], says: ["cells.yaml"]),
            Case(
                "predict with a file of PyTorch's",
                ["predict", "net.pth", "--input", "cells/images", "--output", "out"],
                says: ["net.pth", "torch.load", "save_file"]
            ) { try $0.folder.write(Data([0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 200)), to: "net.pth") },
            Case(
                "predict with a folder without a run",
                ["predict", "cells", "--input", "cells/images", "--output", "out"],
                says: ["cells is a folder that holds no run"]),
            .set(
                "weights of a folder without a run", "training.initialize_from=cells",
                says: ["training.initialize_from: cells", "holds no run"]),
            Case("a configuration in UTF-16", says: ["cells.yaml", "UTF-16", "save it as UTF-8"]) { place in
                let text = try String(contentsOfFile: place.folder.path("cells.yaml"), encoding: .utf8)
                try place.folder.write(try #require(text.data(using: .utf16)), to: "cells.yaml")
            },
            Case("colours without quotes", says: ["cells.yaml line 7", "put colours in quotes"]) { place in
                let text = try String(contentsOfFile: place.folder.path("cells.yaml"), encoding: .utf8)
                try place.folder.write(
                    text.replacingOccurrences(of: "labels: binary", with: "labels: {palette: [#000000, #ffffff]}"),
                    to: "cells.yaml")
            },
            Case(
                "a size of objects that nobody asked for",
                ["predict", "cells.yaml", "--input", "cells/images", "--output", "out", "--minimum-size", "5"],
                says: ["--minimum-size", "--instances"]),
            Case(
                "averages over flips of what is predicted already",
                ["evaluate", "--predictions", "cells/labels", "--labels", "cells/labels", "--augment"],
                says: ["--augment", "--predictions"]),
            Case(
                "evaluate without labels",
                ["evaluate", "--predictions", "cells/images", "--labels", "nothing"], says: ["nothing"]),
            Case(
                "bench --inference with what is about gradients", ["bench", "--inference", "--no-overlap"],
                says: ["--overlap", "--inference"]),
            Case(
                "bench --inference of an impossible size", ["bench", "--inference", "--size", "100"],
                says: ["--size 100"], ranks: [0]),
            Case("bench of an impossible size", ["bench", "--size", "100"], says: ["--size 100"]),
            Case(
                "bench of a kernel that the engine lacks",
                ["bench", "--engine", "openblas", "--convolution", "winograd4"], says: ["--convolution winograd4"]),
            Case("a sweep file that is missing", ["sweep", "none.yaml"], says: ["none.yaml"], ranks: [0]),
        ]

        @Test("status 2, one line, nothing written", arguments: cases)
        func refused(example: Case) throws {
            for ranks in example.ranks {
                let place = try Place()
                try example.spoil(place)
                let before = try place.contents()
                let outcome = try place.run(example.arguments, ranks: ranks)
                #expect(outcome.status == 2, "\(ranks) ranks: \(outcome.errors)")
                #expect(outcome.errors.hasPrefix("error: "), "\(ranks) ranks: \(outcome.errors)")
                #expect(
                    outcome.errors.hasSuffix("\n") && outcome.errors.filter(\.isNewline).count == 1, "\(outcome.errors)"
                )
                for word in example.words {
                    #expect(outcome.errors.contains(word), "\(ranks) ranks: \(outcome.errors)")
                }
                #expect(outcome.output.isEmpty, "\(ranks) ranks: \(outcome.output)")
                #expect(try place.contents() == before, "\(ranks) ranks")
            }
        }
    }
}
