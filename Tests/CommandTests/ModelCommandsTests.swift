import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// The commands around training.
    @Suite struct Commands {
        /// A working directory with a short run in `runs/cells`.
        private func trained() throws -> Place {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=20", "--set", "model.base_channels=4"])
            return place
        }

        /// What an evaluation measured, without what it noted.
        private func scores(_ outcome: Program.Outcome) throws -> NSDictionary {
            try #require(try outcome.json.filter { ["overall", "images"].contains($0.key) } as NSDictionary?)
        }

        @Test("predict writes the same bytes on every number of ranks, and evaluate scores them")
        func predictAndEvaluate() throws {
            let place = try trained()
            func predict(_ output: String, ranks: Int) throws -> [String: Data] {
                let answer = try place.succeed(
                    [
                        "predict", "runs/cells", "--input", "cells/images", "--output", output, "--probabilities",
                        "--overlay", "--json",
                    ], ranks: ranks
                ).json
                #expect(answer["images"] as? Int == 7)
                let names = try FileManager.default.contentsOfDirectory(atPath: place.folder.path(output))
                    .filter { !$0.hasPrefix(".") }
                return try Dictionary(
                    uniqueKeysWithValues: names.map {
                        ($0, try Data(contentsOf: URL(filePath: place.folder.path("\(output)/\($0)"))))
                    })
            }
            let alone = try predict("alone", ranks: 0)
            #expect(alone.count == 21)
            for number in 1...7 {
                let stem = place.folder.path("alone/cell-000\(number)")
                let classes = try PNG.read("\(stem).png")
                #expect(classes.width == 64 && classes.height == 64 && classes.channels == 1 && classes.maximum == 255)
                #expect(Set(classes.samples).isSubset(of: [0, 255]))
                let probabilities = try PNG.read("\(stem).probability.png")
                #expect(probabilities.width == 64 && probabilities.height == 64 && probabilities.maximum == 65535)
                #expect(Set(probabilities.samples).count > 256)
                for (label, probability) in zip(classes.samples, probabilities.samples)
                where (label == 255) != (probability > 32767) && abs(Int(probability) - 32767) > 1 {
                    Issue.record("probability \(probability) where the class is \(label)")
                    break
                }
                let overlay = try PNG.read("\(stem).overlay.png")
                // Below the image a legend.
                #expect(overlay.width >= 64 && overlay.height == overlay.width + 23 && overlay.channels == 3)
            }
            for ranks in [2, 3] { #expect(try predict("ranks-\(ranks)", ranks: ranks) == alone) }

            let data = ["--images", "cells/images", "--labels", "cells/labels", "--json"]
            let ofModel = try place.succeed(["evaluate", "runs/cells"] + data)
            let ofRanks = try place.succeed(["evaluate", "runs/cells"] + data, ranks: 2)
            #expect(ofModel.output == ofRanks.output)
            // What was saved with its probabilities scores the same.
            let files = ["--labels", "cells/labels", "--json"]
            let ofFiles = try place.succeed(["evaluate", "--predictions", "alone"] + files, ranks: 2)
            #expect(try scores(ofModel) == scores(ofFiles))
            func overall(_ outcome: Program.Outcome) throws -> [String: Any] {
                try #require(try outcome.json["overall"] as? [String: Any])
            }
            let ofAll = try overall(ofModel)
            let iou = try #require(ofAll["iou"] as? Double)
            #expect(iou > 0 && iou < 1)
            for metric in ["seg", "ap", "v_rand", "v_info", "rand_error", "adapted_rand_error", "voi"] {
                #expect(ofAll[metric] is Double, "\(metric)")
            }
            #expect((ofAll["thresholds"] as? [String: Double])?["v_rand"] != nil && ofAll["warping_error"] == nil)

            // Probabilities say it all.
            for number in 1...7 {
                try FileManager.default.removeItem(atPath: place.folder.path("ranks-2/cell-000\(number).png"))
            }
            let ofProbabilities = try place.succeed(["evaluate", "--predictions", "ranks-2"] + files)
            #expect(try scores(ofModel) == scores(ofProbabilities))

            // Without probabilities there are no thresholds; the rest is the same.
            try place.succeed(["predict", "runs/cells", "--input", "cells/images", "--output", "plain"])
            let plain = try overall(place.succeed(["evaluate", "--predictions", "plain", "--warping"] + files))
            #expect(plain["thresholds"] == nil && plain["iou"] as? Double == iou)
            #expect(plain["seg"] as? Double == ofAll["seg"] as? Double)
            let error = try #require(plain["warping_error"] as? Double)
            let pixelError = try #require(plain["pixel_error"] as? Double)
            #expect(error < pixelError)
            // The objects that a file beside the classes names are taken as they are: here there are none.
            for number in 1...7 {
                try PNG.write(
                    RasterImage(
                        width: 64, height: 64, channels: 1, maximum: 65535,
                        samples: Array(repeating: 0, count: 64 * 64)),
                    to: place.folder.path("plain/cell-000\(number).instances.png"))
            }
            let none = try overall(place.succeed(["evaluate", "--predictions", "plain"] + files))
            #expect(none["seg"] as? Double == 0 && none["iou"] as? Double == iou)
            // Predictions that are no better than the labels are perfect.
            try FileManager.default.copyItem(
                atPath: place.folder.path("cells/labels"), toPath: place.folder.path("copies"))
            let labels = ["evaluate", "--predictions", "copies", "--labels", "cells/labels", "--json"]
            let perfect = try overall(place.succeed(labels))
            for metric in ["seg", "ap", "v_rand", "v_info"] { #expect(perfect[metric] as? Double == 1, "\(metric)") }
            let itself = try place.run(["evaluate", "--predictions", "cells/labels", "--labels", "cells/labels"])
            #expect(itself.status == 2 && itself.errors.contains("cell-0001.png is its own label"))
            let many = try place.run(labels + ["--classes", "3", "--encoding", "binary", "--warping"])
            #expect(many.status == 2 && many.errors.contains("--warping with 3 classes"))
            let table = try place.succeed(["evaluate", "runs/cells"] + data.dropLast() + ["--per-image"]).output
            #expect(table.contains("7 images") && table.contains("cell-0007"))
            #expect(table.contains("objects: SEG ") && table.contains("borders: V_rand "))
        }

        @Test func inspect() throws {
            let place = try trained()
            let run = try place.succeed(["inspect", "runs/cells", "--json"]).json
            #expect(run["step"] as? Int == 20)
            #expect((run["sha256"] as? String)?.count == 64)
            let tensors = try #require(run["tensors"] as? [[String: Any]])
            #expect(
                tensors.contains { $0["name"] as? String == "head.weight" && $0["shape"] as? [Int] == [2, 4, 1, 1] })
            #expect(tensors.contains { $0["name"] as? String == "momentum.head.weight" })
            let file = try place.succeed(["inspect", "runs/cells/checkpoints/latest", "--json"]).json
            #expect(file["sha256"] as? String == run["sha256"] as? String)
            let text = try place.succeed(["inspect", "runs/cells"]).output
            let digest = try #require(run["sha256"] as? String)
            #expect(text.contains(digest) && !text.contains("encoder.1.conv2.weight"))
            #expect(text.contains("U-Net of base 4 and depth 1, 1 channel in, 2 classes out"))
            #expect(text.contains("class 0, class 1") && text.contains("scores") && text.contains("at step 20"))
            #expect(
                try place.succeed(["inspect", "runs/cells", "--tensors"]).output.contains("encoder.1.conv2.weight"))
            let data = try place.succeed(["inspect", "cells", "--json"]).json
            #expect(data["images"] as? Int == 7)
            let classes = try place.succeed(["inspect", "cells.yaml", "--json"]).json
            let shares = try #require(classes["labels"] as? [[String: Any]]).compactMap { $0["share"] as? Double }
            #expect(shares.count == 2 && abs(shares.reduce(0, +) - 1) < 1e-9)
            let set = try place.succeed([
                "inspect", "cells.yaml", "--set", "model.class_names=[paper,ink]",
            ])
            #expect(set.output.contains("ink"))
            let refused = try place.run(["inspect", "cells", "--set", "model.classes=5"])
            #expect(refused.status == 2 && refused.errors.contains("cells is none"))
        }

        @Test("an image alone is inspected, and sizes are grouped")
        func inspectImages() throws {
            let place = try Place()
            let samples = (0..<64 * 3).map { UInt16($0 * 300) }
            let image = RasterImage(width: 8, height: 8, channels: 3, maximum: 65535, samples: samples)
            try PNG.write(image, to: place.folder.path("wide.png"))
            let found = try place.succeed(["inspect", "wide.png", "--json"]).json
            #expect(found["width"] as? Int == 8 && found["channels"] as? Int == 3 && found["images"] as? Int == 1)
            let ranges = try #require(found["ranges"] as? [[String: Any]])
            #expect(ranges.map { $0["minimum"] as? Int } == [0, 300, 600])
            #expect(ranges.map { $0["maximum"] as? Int } == [189 * 300, 190 * 300, 191 * 300])
            let text = try place.succeed(["inspect", "wide.png"]).output
            #expect(text.contains("16 bits, values to 65535") && text.contains("0 to 56700, mean 28350"))
            for side in 10..<16 {
                try PNG.write(
                    RasterImage(width: side, height: 9, channels: 1, samples: Array(repeating: 1, count: 9 * side)),
                    to: place.folder.path("sizes/\(side).png", making: true))
            }
            let sizes = try place.succeed(["inspect", "sizes"]).output
            #expect(sizes.contains("6 of 6 sizes from 10×9 to 15×9, most often"))
        }

        @Test func synthesizeBenchDoctorAndVersion() throws {
            let place = try Place()
            let answer = try place.succeed(
                ["synthesize", "more", "--count", "2", "--size", "40", "--classes", "3", "--json"]
            ).json
            #expect(answer["count"] as? Int == 2)
            let image = try PNG.read(place.folder.path("more/images/cell-0002.png"))
            let labels = try PNG.read(place.folder.path("more/labels/cell-0002.png"))
            #expect(image.width == 40 && labels.width == 40 && labels.samples.allSatisfy { $0 < 3 })
            let again = try place.succeed(["synthesize", "more", "--count", "2", "--size", "40", "--classes", "3"])
            #expect(again.output.contains("were there already, and nothing was written"))
            let other = try place.run([
                "synthesize", "more", "--count", "2", "--size", "40", "--classes", "3", "--seed", "2",
            ])
            #expect(other.status == 2 && other.errors.contains("more-2"))

            for ranks in [0, 2] {
                let bench = try place.succeed(
                    ["bench", "--size", "60", "--base", "2", "--depth", "2", "--batch", "3", "--steps", "2", "--json"],
                    ranks: ranks
                ).json
                #expect(bench["ranks"] as? Int == max(ranks, 1))
                #expect(try #require(bench["step_seconds"] as? Double) > 0)
                #expect(bench["output_size"] as? Int == 20)
            }

            for extra in [["--threads", "2"], ["--layers"]] {
                let predicting = try place.succeed(
                    ["bench", "--inference", "--size", "60", "--base", "2", "--depth", "2", "--batch", "3", "--json"]
                        + extra
                ).json
                #expect(try #require(predicting["tile_seconds"] as? Double) > 0)
                #expect(predicting["output_size"] as? Int == 20 && predicting["tiles"] as? Int == 3)
                let layers = predicting["layers"] as? [[String: Any]]
                #expect(extra == ["--layers"] ? layers?.last?["layer"] as? String == "head" : layers == nil)
            }
            let ranks = try place.run(["bench", "--inference", "--size", "60"], ranks: 2)
            #expect(ranks.status == 2 && ranks.errors.contains("without mpirun"))

            let doctor = try place.succeed(["doctor", "cells.yaml", "--json"]).json
            #expect(try #require(doctor["findings"] as? [[String: Any]]).count > 5)
            let whole = try place.succeed([
                "doctor", "cells.yaml", "--set", "data.tile=0", "--set", "model.padding=same",
            ])
            #expect(whole.output.contains(/for [12] workers?, and up to/))
            let foreign = try place.run(["doctor", "cells.yaml", "--set", "training.initialize_from=none.safetensors"])
            #expect(foreign.status == 2 && foreign.output.contains("none.safetensors does not exist"))
            try FileManager.default.removeItem(atPath: place.folder.path("cells/labels/cell-0001.png"))
            let ill = try place.run(["doctor", "cells.yaml"])
            #expect(ill.status == 2 && ill.output.contains("cell-0001.png"))

            let keys = try place.succeed(["config", "--json"]).json["keys"] as? [[String: Any]]
            let metric = try #require(keys?.first { $0["key"] as? String == "validation.metric" })
            #expect(metric["default"] as? String == "iou" && (metric["values"] as? [String])?.contains("dice") == true)
            #expect(try place.succeed(["config", "run.threads"]).output.contains("whole number or auto, 1 to 1024"))

            let version = try place.succeed(["--version"]).output
            for word in ["lockstep", "target CPU", "MPI", "BLAS"] { #expect(version.contains(word)) }
            for command in [
                "train", "predict", "evaluate", "sweep", "inspect", "synthesize", "bench", "doctor", "config",
            ] {
                let help = try place.succeed([command, "--help"])
                #expect(help.output.contains("--json") && help.errors.isEmpty, "\(command)")
            }
            #expect(
                try place.succeed(["train", "--help"], ranks: 2).output.components(separatedBy: "USAGE:").count == 2)
        }

        @Test(
            "networks of other kinds are measured, trained and predicted with; predict says once that the tile matters")
        func otherNetworks() throws {
            let place = try Place()
            let bench = try place.succeed([
                "bench", "--size", "60", "--base", "2", "--depth", "2", "--steps", "1", "--normalization", "group",
                "--skip", "add", "--json",
            ]).json
            #expect(bench["parameters"] as? Int == 1786)
            let kind = ["--set", "model.normalization=group", "--set", "model.skip=add", "--set", "training.steps=2"]
            try place.succeed(["train", "cells.yaml", "--output", "run", "--set", "model.base_channels=2"] + kind)
            for ranks in [0, 2] {
                let answer = try place.succeed(
                    ["predict", "run", "--input", "cells/images", "--output", "out-\(ranks)", "--tile", "60"],
                    ranks: ranks)
                #expect(answer.errors.components(separatedBy: ": results depend on --tile").count == 2)
            }
            let refused = try place.run(
                ["predict", "run", "--input", "cells/images", "--output", "none", "--skip", "none"])
            #expect(refused.status == 2 && refused.errors.contains("was trained with skip add: leave out --skip"))
        }

        @Test func aDryRunSaysWhatWouldBeTrainedAndWritesNothing() throws {
            let place = try Place()
            let before = try place.contents()
            for ranks in [0, 3] {
                let outcome = try place.succeed(["train", "cells.yaml", "--dry-run"], ranks: ranks)
                #expect(outcome.errors.contains("5 training and 2 validation images"))
                #expect(try place.contents() == before)
            }
        }
    }
}
