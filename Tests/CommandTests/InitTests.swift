import Datasets
import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    @Suite struct InitTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Synthetic cells in the folders images and labels of `name`.
        private func cells(_ name: String, count: Int = 4) throws {
            try SyntheticCells(size: 64, classes: 2, seed: 1).write(count: count, to: folder.path(name))
        }

        private func start(_ arguments: String...) throws -> Program.Outcome {
            try Program.run(["init"] + arguments, in: folder)
        }

        @Test func aFolderBecomesAModelWithoutAnEdit() throws {
            try cells("My Cells", count: 6)
            let outcome = try start("My Cells")
            #expect(outcome.status == 0, "\(outcome.errors)")
            for words in [
                "found in My Cells", "6 of 64×64 pixels, grey", "masks of 0 and 255",
                "next: launch/train My-Cells.yaml",
            ] {
                #expect(outcome.output.contains(words), "\(outcome.output)")
            }
            #expect(outcome.output.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") })
            let short = ["--set", "training={steps: 4, batch: 2}", "--set", "model.base_channels=2"]
            let training = try Program.run(["train", "My-Cells.yaml"] + short, in: folder)
            #expect(training.status == 0, "\(training.errors)")
            let prediction = try Program.run(
                ["predict", "runs/My-Cells", "--input", "My Cells/images", "--output", "out"], in: folder)
            #expect(prediction.status == 0, "\(prediction.errors)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).count(where: {
                    $0.hasSuffix(".png")
                }) == 6)
            // The next file of the folder is for a run of its own.
            let second = try start("My Cells", "--output", "second.yaml", "--json")
            #expect(try second.json["name"] as? String == "My-Cells-2")
        }

        @Test func jsonHasWhatWasFoundAndChosen() throws {
            try cells("cells")
            let json = try start("cells", "--json").json
            let found = try #require(json["found"] as? [String: Any])
            #expect(found["train_images"] as? Int == 4)
            #expect((found["labels"] as? [String: Any])?["kind"] as? String == "binary")
            let chosen = try #require(json["chosen"] as? [[String: String]])
            #expect(chosen.contains { $0["key"] == "model.base_channels" && $0["why"]?.isEmpty == false })
            #expect(json["output"] as? String == "cells.yaml")
            #expect(json["next"] as? String == "launch/train cells.yaml")
        }

        @Test func nothingIsOverwritten() throws {
            try cells("cells")
            try folder.write("mine", to: "cells.yaml")
            let outcome = try start("cells")
            #expect(outcome.status == 2)
            #expect(outcome.errors.contains("--output cells-2.yaml"), "\(outcome.errors)")
            #expect(try String(contentsOfFile: folder.path("cells.yaml"), encoding: .utf8) == "mine")
            #expect(try start("cells", "--output", "none/a.yaml").status == 2)
            #expect(try start("cells", "--output", "cells").status == 2)
        }

        /// What cannot become a configuration is refused in one line, and leaves no file.
        @Test func whatTrainRefusesIsNotWritten() throws {
            func refused(_ name: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
                let before = try folder.files().keys
                let outcome = try start(name)
                #expect(outcome.status == 2, "\(outcome.output)", sourceLocation: sourceLocation)
                #expect(
                    outcome.errors.split(separator: "\n").count(where: { $0.hasPrefix("error: ") }) == 1,
                    sourceLocation: sourceLocation)
                for words in words {
                    #expect(outcome.errors.contains(words), "\(outcome.errors)", sourceLocation: sourceLocation)
                }
                let after = try folder.files().keys.filter { !$0.hasPrefix("output-") }
                #expect(Set(after) == Set(before.filter { !$0.hasPrefix("output-") }), sourceLocation: sourceLocation)
            }
            try refused("nowhere", "does not exist")
            try FileManager.default.createDirectory(atPath: folder.path("empty"), withIntermediateDirectories: true)
            try refused("empty", "holds no image file")
            // An image of another kind among them.
            try cells("mixed")
            let color = RasterImage(width: 64, height: 64, channels: 3, samples: Array(repeating: 9, count: 3 * 4096))
            let path = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder.path("mixed/images")).max())
            try PNG.write(color, to: folder.path("mixed/images/\(path)"))
            try refused("mixed", "is RGB")
            // A label of another size.
            try cells("sizes")
            let small = RasterImage(width: 8, height: 8, channels: 1, samples: Array(repeating: 0, count: 64))
            try PNG.write(small, to: folder.path("sizes/labels/\(path)"))
            try refused("sizes", "they must have one size")
        }

        /// Scenes that are seen whole, with names beside them.
        @Test func scenesAreTakenWhole() throws {
            for number in 0..<5 {
                let pixels = (0..<72 * 56).map { ($0 / 72, $0 % 72) }
                let picture = RasterImage(
                    width: 72, height: 56, channels: 3,
                    samples: pixels.flatMap { [UInt16($0 + number), UInt16($1), UInt16(3 * $0)] })
                let labels = RasterImage(
                    width: 72, height: 56, channels: 1, samples: pixels.map { UInt16(3 * $0.0 / 56) })
                try folder.write("sky\nhouse\nroad\n", to: "street/classes.txt")
                try folder.write(Data(), to: "street/images/\(number).png")
                try folder.write(Data(), to: "street/labels/\(number).png")
                try PNG.write(picture, to: folder.path("street/images/\(number).png"))
                try PNG.write(labels, to: folder.path("street/labels/\(number).png"))
            }
            let outcome = try start("street")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("whole images") && outcome.output.contains("upright"), "\(outcome.output)")
            #expect(outcome.output.contains("class names are those of street/classes.txt"), "\(outcome.output)")
            let yaml = try String(contentsOfFile: folder.path("street.yaml"), encoding: .utf8)
            #expect(yaml.contains("class_names: [sky, house, road]"), "\(yaml)")
        }

        @Test func helpSaysWhatIsUnderstood() throws {
            let help = try start("--help").output
            for words in ["--labels", "--output", "a_mask.png", "imagesTr", "classes.txt"] {
                #expect(help.contains(words))
            }
        }
    }
}
