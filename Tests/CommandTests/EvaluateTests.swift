import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// What `evaluate` says of how its scores came about.
    @Suite struct Evaluate {
        private static let among = "among those that"

        private func copy(_ place: Place, _ from: String, to: String) throws {
            let path = place.folder.path(to)
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: place.folder.path(from), toPath: path)
        }

        /// The notes of an answer in JSON, a line each.
        private static func notes(_ outcome: Program.Outcome) throws -> String {
            try #require(outcome.json["notes"] as? [String]).joined(separator: "\n")
        }

        /// How many images each model of an evaluation was trained on.
        private func trained(
            _ place: Place, _ models: [String], images: String = "cells/images", labels: String = "cells/labels",
            ranks: Int = 0
        ) throws -> [Int] {
            let outcome = try place.succeed(
                ["evaluate"] + models + ["--images", images, "--labels", labels, "--json"], ranks: ranks)
            let overlaps = try #require(try outcome.json["training_images"] as? [[String: Any]])
            let counts = overlaps.compactMap { $0["images"] as? Int }
            let isSaid = try Self.notes(outcome).contains("scores on them say little about new images")
            #expect(isSaid == counts.contains { $0 > 0 }, "\(outcome.output)")
            return counts
        }

        @Test("images that a model was trained on are counted; those held back, and others, are not")
        func trainingImages() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=1"])
            let run = ["runs/cells"]
            #expect(try trained(place, run) == [5])
            #expect(try trained(place, run, ranks: 2) == [5])
            let text = try place.succeed(
                ["evaluate", "runs/cells", "--images", "cells/images", "--labels", "cells/labels"]
            ).output
            #expect(text.contains("note: 5 of the 7 images are among those that runs/cells/"), "\(text)")
            // A link, a copy of one under another name, and an image of its own.
            try FileManager.default.createSymbolicLink(
                atPath: place.folder.path("linked"), withDestinationPath: place.folder.path("cells"))
            #expect(try trained(place, run, images: "linked/images", labels: "linked/labels") == [5])
            for number in 1...7 {
                try copy(place, "cells/images/cell-000\(number).png", to: "copies/images/x\(number).png")
                try copy(place, "cells/labels/cell-000\(number).png", to: "copies/labels/x\(number).png")
            }
            #expect(try trained(place, run, images: "copies/images", labels: "copies/labels") == [5])
            // Saved again as another kind of file.
            for number in 1...7 {
                let path = place.folder.path("copies/images/x\(number).png")
                let image = try ImageFile.read(path)
                let tiff = try TIFFWriter(
                    place.folder.path("copies/images/x\(number).tif"), width: image.width, height: image.height)
                try tiff.append(image)
                try tiff.finish()
                try FileManager.default.removeItem(atPath: path)
            }
            #expect(try trained(place, run, images: "copies/images", labels: "copies/labels") == [5])
            try place.succeed(["synthesize", "new", "--count", "3", "--size", "64", "--seed", "9"])
            #expect(try trained(place, run, images: "new/images", labels: "new/labels") == [0])

            // From another working directory, in which the paths of the configuration lead nowhere.
            let away = try TemporaryFolder()
            let path = { place.folder.path($0) }
            let elsewhere = try Program.run(
                ["evaluate", path("runs/cells"), "--images", path("cells/images"), "--labels", path("cells/labels")],
                in: away)
            #expect(elsewhere.output.contains("note: 5 of the 7 images are among"), "\(elsewhere)")
            // Of a run whose folder was named otherwise, the paths are taken from here: it is said with care.
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=1", "--output", "other"])
            let named = try place.succeed(
                ["evaluate", "other", "--images", "cells/images", "--labels", "cells/labels"])
            #expect(named.output.contains("note: 5 of the 7 images seem to be among"), "\(named)")

            // Two models, of which the other held back nothing.
            try place.succeed([
                "train", "cells.yaml", "--set", "training.steps=1", "--set", "name=all", "--set",
                "data.validation=null",
            ])
            #expect(try trained(place, ["runs/cells", "runs/all"]) == [5, 7])
            // What was trained on cannot be told once images have come that were not there: it is said with care.
            try copy(place, "new/images/cell-0001.png", to: "cells/images/another.png")
            try copy(place, "new/labels/cell-0001.png", to: "cells/labels/another.png")
            let later = try place.succeed(
                ["evaluate", "runs/cells", "--images", "cells/images", "--labels", "cells/labels"]
            ).output
            #expect(later.contains("all 8 images seem to be among"), "\(later)")
            // Nothing is claimed of images that are not there.
            try FileManager.default.moveItem(atPath: place.folder.path("cells"), toPath: place.folder.path("gone"))
            #expect(try trained(place, run, images: "gone/images", labels: "gone/labels") == [])
        }

        @Test("what predict noted needs no options; an option wins, and is said to differ")
        func noted() throws {
            let place = try Place()
            try place.succeed(["synthesize", "three", "--count", "4", "--size", "64", "--classes", "3"])
            let kind = [
                "--set", "data.root=three", "--set", "data.labels=index", "--set", "model.classes=3", "--set",
                "model.class_names=[ground, round, long]", "--set", "training.steps=1",
            ]
            try place.succeed(["train", "cells.yaml"] + kind)
            try place.succeed(["predict", "runs/cells", "--input", "three/images", "--output", "out"])
            let record = try String(contentsOfFile: place.folder.path("out/.lockstep-predict.jsonl"), encoding: .utf8)
            let line = try #require(record.split(separator: "\n").first)
            let first = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(first["classes"] as? Int == 3 && first["labels"] as? String == "index")
            #expect(first["class_names"] as? [String] == ["ground", "round", "long"])
            let model = try #require((first["models"] as? [[String: Any]])?.first)
            #expect(model["depth"] as? Int == 1 && model["padding"] as? String == "valid")

            let labels = ["--labels", "three/labels"]
            for predictions in ["out", "out/cell-*.png"] {
                let truth = predictions == "out" ? labels : ["--labels", "three/labels/cell-*.png"]
                let plain = try place.succeed(["evaluate", "--predictions", predictions] + truth)
                #expect(plain.output.contains("long") && plain.errors.isEmpty, "\(plain)")
            }
            let given = try place.succeed(
                ["evaluate", "--predictions", "out", "--encoding", "binary", "--classes", "2"] + labels)
            #expect(given.errors.contains("--classes 2 is taken, and predict noted 3 beside its results"))
            #expect(given.errors.contains("--encoding binary is taken, and predict noted index beside its results"))
            // Another program's predictions, or an older record, are read as before.
            for text in ["", "{\"version\":\"0.1.0\",\"models\":[]}\n", "torn"] {
                try place.folder.write(text, to: "out/.lockstep-predict.jsonl")
                let refused = try place.run(["evaluate", "--predictions", "out"] + labels)
                #expect(refused.status == 0 && !refused.output.contains("long"), "\(refused)")
            }
        }

        @Test("a palette and its colour to ignore are noted too")
        func palettes() throws {
            let place = try Place()
            for number in 1...7 {
                let path = place.folder.path("cells/labels/cell-000\(number).png")
                let labels = try PNG.read(path)
                let samples = labels.samples.enumerated().flatMap { pixel, value -> [UInt16] in
                    pixel < 64 ? [9, 9, 9] : value > 0 ? [255, 0, 0] : [0, 0, 0]
                }
                try PNG.write(RasterImage(width: 64, height: 64, channels: 3, samples: samples), to: path)
            }
            try place.succeed([
                "train", "cells.yaml", "--set", "training.steps=1", "--set",
                "data.labels={palette: [\"#000000\", \"#ff0000\"]}", "--set", "data.ignore_color=\"#090909\"",
            ])
            try place.succeed(["predict", "runs/cells", "--input", "cells/images", "--output", "out"])
            let labels = ["--labels", "cells/labels", "--json"]
            let ofFiles = try place.succeed(["evaluate", "--predictions", "out"] + labels).json
            let ofModel = try place.succeed(["evaluate", "runs/cells", "--images", "cells/images"] + labels).json
            let iou = try [ofFiles, ofModel].map { try #require(($0["overall"] as? [String: Any])?["iou"] as? Double) }
            #expect(iou[0] == iou[1])
        }

        @Test("labels that hold object numbers are not counted as regions without a word")
        func objectNumbers() throws {
            let place = try Place()
            func write(_ folder: String, _ values: [UInt16]) throws {
                try FileManager.default.createDirectory(
                    atPath: place.folder.path(folder), withIntermediateDirectories: true)
                for stem in ["a", "b"] {
                    let samples = (0..<400).map { values[$0 / 20 / 4 % values.count] }
                    try PNG.write(
                        RasterImage(
                            width: 20, height: 20, channels: 1,
                            samples: stem == "a" ? Array(repeating: 0, count: 400) : samples),
                        to: place.folder.path("\(folder)/\(stem).png"))
                }
            }
            func errors(_ values: [UInt16], _ options: [String] = [], ranks: Int = 0) throws -> String {
                try write("truth", values)
                try write("predicted", [0, 255])
                return try Self.notes(
                    place.succeed(
                        ["evaluate", "--predictions", "predicted", "--labels", "truth", "--json"] + options,
                        ranks: ranks))
            }
            let numbers: [UInt16] = [0, 1, 2, 3, 0]
            for ranks in [0, 2] {
                let note = try errors(numbers, ranks: ranks)
                #expect(note.contains("label truth/b.png with several values besides 0"), "\(note)")
                #expect(note.contains("--encoding instances"))
            }
            #expect(try errors([0, 7, 9, 200]).contains("with several values besides 0"))
            #expect(try !errors(numbers, ["--encoding", "instances"]).contains("several values"))
            #expect(try errors(numbers, ["--encoding", "binary"]).isEmpty)
            for mask in [[0, 255], [0, 1], [0, 0], [0, 128]] as [[UInt16]] { #expect(try errors(mask).isEmpty) }
            #expect(try errors([0, 1, 255], ["--ignore-index", "255"]).isEmpty)
            // Of a model that was trained on masks too.
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=1"])
            try write("truth", [0, 255, 0])
            let outcome = try place.succeed(["evaluate", "runs/cells", "--images", "predicted", "--labels", "truth"])
            try write("truth", numbers)
            let numbered = try place.succeed(["evaluate", "runs/cells", "--images", "predicted", "--labels", "truth"])
            #expect(!outcome.output.contains("several values"))
            #expect(
                numbered.output.contains("note: label truth/b.png with several values besides 0"), "\(numbered.output)")
        }

        // MARK: - Labels and predictions that are not what they are taken for

        private func write(_ place: Place, _ name: String, width: Int = 24, _ value: (Int, Int) -> Int) throws {
            try place.folder.write(Data(), to: name)
            let samples = (0..<width * 20).map { UInt16(value($0 / width, $0 % width)) }
            let maximum: UInt16 = name.contains("probability") ? 65535 : 255
            try PNG.write(
                RasterImage(width: width, height: 20, channels: 1, maximum: maximum, samples: samples),
                to: place.folder.path(name))
        }

        private func evaluate(_ place: Place, _ options: [String] = []) throws -> Program.Outcome {
            try place.run(["evaluate", "--predictions", "p", "--labels", "t", "--json"] + options)
        }

        @Test("Labels and predictions are looked at as those for training are") func doubts() throws {
            let place = try Place()
            let disc = { (y: Int, x: Int) in (y - 9) * (y - 9) + (x - 9) * (x - 9) < 30 }
            try write(place, "p/a.png") { disc($0, $1) ? 255 : 0 }
            try write(place, "t/a.png") { disc($0, $1) ? 2 : 1 }
            let noZero = try evaluate(place, ["--encoding", "binary"])
            #expect(noZero.status == 2 && noZero.errors.contains("--labels: no label has a pixel of value 0"))
            try write(place, "t/a.png") { _, _ in 9 }
            let ignored = try evaluate(place, ["--encoding", "index", "--ignore-index", "9"])
            #expect(ignored.status == 2 && ignored.errors.contains("--labels: no pixel of its label counts"))
            try write(place, "t/a.png") { y, x in y % 8 < 4 && x % 8 < 4 ? 255 : 0 }
            let masks = try evaluate(place, ["--encoding", "instances"])
            #expect(try masks.status == 0 && Self.notes(masks).contains("set data.labels: binary"), "\(masks.output)")
            try write(place, "t/a.png") { disc($0, $1) ? 255 : 0 }
            try write(place, "p/a.png") { disc($0, $1) ? 2 : 1 }
            let foreign = try evaluate(place)
            #expect(
                foreign.status == 2 && foreign.errors.contains("--predictions: no prediction has a pixel of value 0"))
            try write(place, "p/a.png") { y, x in min(255, 10 * x + 3 * y) }
            let probabilities = try evaluate(place)
            #expect(
                probabilities.status == 2 && probabilities.errors.contains("prediction p/a.png is no image of classes"))
            #expect(probabilities.errors.contains("STEM.probability.png"))
        }

        @Test("Predictions that number their objects are scored as objects") func numberedPredictions() throws {
            let place = try Place()
            let cells = { (y: Int, x: Int) in y < 16 && x < 20 ? 1 + y / 8 * 3 + x / 7 : 0 }
            try write(place, "p/a.png", cells)
            try write(place, "t/a.png", cells)
            let scores = try #require(
                try evaluate(place, ["--encoding", "instances"]).json["overall"] as? [String: Any])
            #expect(scores["seg"] as? Double == 1 && scores["ap"] as? Double == 1, "\(scores)")
        }

        @Test("What is left from another prediction is refused") func staleFiles() throws {
            let place = try Place()
            let half = { (y: Int, _: Int) in y < 10 ? 255 : 0 }
            try write(place, "p/a.png", half)
            try write(place, "t/a.png", half)
            try write(place, "p/a.probability.png") { y, _ in y < 10 ? 60000 : 1000 }
            #expect(try evaluate(place).status == 0)
            try write(place, "p/a.probability.png") { y, _ in y < 10 ? 1000 : 60000 }
            let stale = try evaluate(place)
            #expect(
                stale.status == 2
                    && stale.errors.contains("p/a.probability.png says other pixels are class 1 than p/a.png"))
            try FileManager.default.removeItem(atPath: place.folder.path("p/a.probability.png"))
            try write(place, "p/a.instances.png") { y, _ in y < 12 ? 1 : 0 }
            #expect(try evaluate(place).errors.contains("p/a.instances.png says other pixels"))
            try FileManager.default.removeItem(atPath: place.folder.path("p/a.instances.png"))
            try write(place, "p/b.png", half)
            #expect(try Self.notes(evaluate(place)).contains("1 prediction of p has no label and is left out (b)"))
            try FileManager.default.copyItem(
                atPath: place.folder.path("p/a.png"), toPath: place.folder.path("p/a.tif"))
            let twice = try evaluate(place)
            #expect(twice.status == 2 && twice.errors.contains("has 2 predictions, p/a.png and p/a.tif"))
        }
    }
}
