import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// `predict` as processes: objects, large images, signals.
    @Suite struct Predict {
        /// A working directory with a short run in `runs/cells`.
        private func trained(steps: Int = 2) throws -> Place {
            let place = try Place()
            try place.succeed([
                "train", "cells.yaml", "--set", "training.steps=\(steps)", "--set", "model.base_channels=4",
            ])
            return place
        }

        /// All that lies in a folder, hidden or not.
        private func contents(_ place: Place, _ folder: String) throws -> [String: Data] {
            try place.folder.files().filter { $0.key.hasPrefix("\(folder)/") }
                .reduce(into: [:]) { $0[String($1.key.dropFirst(folder.count + 1))] = $1.value }
        }

        private func writeImages(_ place: Place, count: Int, width: Int, height: Int) throws {
            try FileManager.default.createDirectory(
                atPath: place.folder.path("new"), withIntermediateDirectories: true)
            for number in 1...count {
                let samples = (0..<width * height).map { UInt16(($0 * (number + 7) / 9 + $0 / width * 5) % 251) }
                try PNG.write(
                    RasterImage(width: width, height: height, channels: 1, samples: samples),
                    to: place.folder.path("new/image-\(number).png"))
            }
        }

        @Test("objects, their table and their outlines; averages over flips and rotations score too")
        func instances() throws {
            let place = try trained(steps: 120)
            let wanted = [
                "predict", "runs/cells", "--input", "cells/images", "--augment", "--instances", "--minimum-size", "9",
                "--overlay",
            ]
            try place.succeed(wanted + ["--output", "alone"])
            try place.succeed(wanted + ["--output", "ranks"], ranks: 3)
            let alone = try contents(place, "alone")
            #expect(alone.count == 29)
            #expect(
                try contents(place, "ranks").filter { !$0.key.hasPrefix(".") }
                    == alone.filter { !$0.key.hasPrefix(".") })
            let stem = place.folder.path("alone/cell-0001")
            let objects = try PNG.read("\(stem).instances.png")
            let classes = try PNG.read("\(stem).png")
            let image = try PNG.read(place.folder.path("cells/images/cell-0001.png"))
            let lines = try String(contentsOfFile: "\(stem).objects.csv", encoding: .utf8).split(separator: "\n")
            #expect(objects.maximum == 65535 && lines.count == Int(objects.samples.max() ?? 0) + 1 && lines.count > 2)
            for (number, line) in lines.enumerated().dropFirst() {
                let fields = line.split(separator: ",").compactMap { Double($0) }
                let pixels = objects.samples.indices.filter { objects.samples[$0] == number }
                #expect(fields[0] == Double(number) && Int(fields[2]) == pixels.count && pixels.count >= 9)
                #expect(pixels.allSatisfy { classes.samples[$0] == 255 })
                let row = pixels.reduce(0.0) { $0 + Double($1 / 64) } / Double(pixels.count)
                let grey = pixels.reduce(0.0) { $0 + Double(image.samples[$1]) } / Double(pixels.count)
                #expect(abs(fields[3] - row) < 1e-3 && abs(fields[9] - grey) < 1e-3)
            }
            // What is predicted scores as the model does, with the same averages, and not as it does without them; where
            // predict parted objects, they would count instead.
            let data = ["--labels", "cells/labels", "--json"]
            try place.succeed([
                "predict", "runs/cells", "--input", "cells/images", "--augment", "--probabilities", "--output",
                "scored",
            ])
            let ofFiles = try place.succeed(["evaluate", "--predictions", "scored"] + data)
            let ofModel = ["evaluate", "runs/cells", "--images", "cells/images"] + data
            func overall(_ outcome: Program.Outcome) throws -> NSDictionary? {
                try outcome.json["overall"] as? NSDictionary
            }
            #expect(try overall(place.succeed(ofModel + ["--augment"], ranks: 2)) == overall(ofFiles))
            #expect(try overall(place.succeed(ofModel)) != overall(ofFiles))
        }

        @Test("outlines for other programs, TIFF files and classes in colours score as PNG files in grey do")
        func otherPrograms() throws {
            let place = try Place()
            let train = ["train", "cells.yaml", "--set", "training.steps=120", "--set", "model.base_channels=4"]
            // The background is not black: numbers count, and not what they look like.
            try place.succeed(train + ["--set", "model.class_colors=[\"#ffffff\", \"#102030\"]"])
            func score(_ folder: String) throws -> NSDictionary? {
                try place.succeed(["evaluate", "--predictions", folder, "--labels", "cells/labels", "--json"])
                    .json["overall"] as? NSDictionary
            }
            let predict = ["predict", "runs/cells", "--input", "cells/images", "--geojson", "--rois", "--output"]
            try place.succeed(predict + ["png", "--overlay", "--numbers"])
            try place.succeed(predict + ["tif", "--format", "tif"], ranks: 2)
            let (png, tif) = (try contents(place, "png"), try contents(place, "tif"))
            let names = tif.keys.filter { $0.hasPrefix("cell-0001") }.sorted()
            #expect(
                names == [
                    "cell-0001.geojson", "cell-0001.instances.tif", "cell-0001.objects.csv", "cell-0001.rois.zip",
                    "cell-0001.tif",
                ])
            for name in names where !name.hasSuffix(".tif") { #expect(png[name] == tif[name], "\(name)") }
            let classes = try PNG.read(place.folder.path("png/cell-0001.png"))
            #expect(classes.palette?.first == RGBColor(255, 255, 255) && classes.palette?.last == RGBColor(16, 32, 48))
            #expect(Set(classes.samples) == [0, 255])
            #expect(try score("png") == score("tif"))
            // Of each object an outline.
            let lines = try #require(png["cell-0001.objects.csv"]).split(separator: UInt8(ascii: "\n")).count
            let text = try #require(png["cell-0001.geojson"])
            let outlines = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
            #expect((outlines["features"] as? [Any])?.count == lines - 1 && lines > 2)
            let wrong = try place.run(["predict", "runs/cells", "--input", "x", "--output", "y", "--numbers"])
            #expect(wrong.status == 2 && wrong.errors.contains("--overlay --instances"))
        }

        @Test("a large image is shared by the ranks, band by band, and has the same bytes")
        func largeImage() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=1"])
            try writeImages(place, count: 1, width: 2060, height: 2050)
            let wanted = ["predict", "runs/cells", "--input", "new/image-1.png", "--probabilities"]
            try place.succeed(wanted + ["--output", "alone"])
            let alone = try contents(place, "alone").filter { !$0.key.hasPrefix(".") }
            #expect(alone.keys.sorted() == ["image-1.png", "image-1.probability.png"])
            for ranks in [2, 3] {
                try place.succeed(wanted + ["--output", "ranks-\(ranks)"], ranks: ranks)
                #expect(try contents(place, "ranks-\(ranks)").filter { !$0.key.hasPrefix(".") } == alone)
            }
        }

        @Test("a signal ends with status 75 and nothing half written; the same command goes on", arguments: [0, 2])
        func stop(ranks: Int) throws {
            let place = try trained()
            try writeImages(place, count: 8, width: 300, height: 301)
            let command = [
                "predict", "runs/cells", "--input", "new", "--output", "out", "--augment", "--probabilities",
            ]
            let program = try place.start(command, ranks: ranks)
            try program.wait("finished an image") {
                try !contents(place, "out").filter { $0.key.hasSuffix("y.png") }.isEmpty
            }
            // mpirun takes SIGINT and SIGTERM for itself and passes these on.
            program.send(ranks > 0 ? SIGUSR1 : SIGINT)
            let stopped = try program.outcome(within: 30)
            #expect(stopped.status == 75, "\(stopped.errors)")
            #expect(stopped.errors.contains("stopped on a signal after"))
            let some = try contents(place, "out")
            #expect(!some.keys.contains { $0.hasSuffix(".part") })
            let recorded = try #require(some[".lockstep-predict.jsonl"]).split(separator: 10).count - 1
            #expect((1..<8).contains(recorded))
            let rest = try place.succeed(command + ["--json"], ranks: ranks).json
            #expect(rest["images"] as? Int == 8 && rest["skipped"] as? Int == recorded)
            #expect(try contents(place, "out").count == 17)
            // What was finished before the stop was left as it was.
            let after = try contents(place, "out")
            #expect(some.filter { !$0.key.hasPrefix(".") }.allSatisfy { after[$0.key] == $0.value })
        }
    }
}
