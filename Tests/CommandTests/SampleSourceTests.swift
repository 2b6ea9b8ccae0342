import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// Training sets in the forms that they come in, from the files to the scores.
    @Suite struct SampleSources {
        /// Drawn cells: grey, 64×64, and 0 or 1.
        private func cell(_ place: Place, _ number: Int) throws -> (image: [UInt16], labels: [UInt16]) {
            let read = { (kind: String) in
                try PNG.read(place.folder.path("cells/\(kind)/cell-000\(number).png")).samples
            }
            return (try read("images"), try read("labels").map { $0 > 0 ? 1 : 0 })
        }

        private static let configs = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("configs").path

        @Test("the cell tracking configurations train on the challenge's folders", arguments: ["phc-u373", "dic-hela"])
        func challenge(name: String) throws {
            let place = try Place()
            for (number, sequence) in [(1, "01"), (2, "01"), (3, "01"), (4, "02"), (5, "02")] {
                let (image, labels) = try cell(place, number)
                let data = "challenge/\(sequence)/t00\(number).tif"
                try place.folder.write(TinyTIFF.data([.init(64, wide: image.map { $0 * 200 })]), to: data)
                guard number != 2 else { continue }
                try place.folder.write(
                    TinyTIFF.data([.init(64, wide: labels.map { $0 * 7 })]),
                    to: "challenge/\(sequence)_ST/SEG/man_seg00\(number).tif")
            }
            let settings = [
                "data.root=challenge", "model.base_channels=2", "model.depth=1", "data.tile=44", "training.steps=2",
                "training.batch=2", "checkpoint.every=2", "validation.every=2", "run.output=runs",
            ].flatMap { ["--set", $0] }
            let run = try place.succeed(["train", "\(Self.configs)/\(name).yaml"] + settings, ranks: 2)
            #expect(run.errors.contains("2 training and 2 validation images"))
            #expect(run.errors.contains("1 image of 01/t*.tif has no label and is left out"))
            let written = try String(contentsOfFile: place.folder.path("runs/\(name)/config.yaml"), encoding: .utf8)
            #expect(written.contains("train: {images: \"01/t*.tif\", labels: \"01_ST/SEG/man_seg*.tif\"}"))

            let images = ["--images", "challenge/01/t*.tif", "--labels", "challenge/01_ST/SEG/man_seg*.tif"]
            let scores = try place.succeed(["evaluate", "runs/\(name)", "--json"] + images, ranks: 2).json
            #expect(scores["unlabelled"] as? Int == 1)
            let names = try #require(scores["images"] as? [[String: Any]]).compactMap { $0["image"] as? String }
            #expect(names == ["t001", "t003"])
        }

        @Test("stacks of five channels: the same weights however they are cached, and scores of what predict wrote")
        func stacksOfChannels() throws {
            let place = try Place()
            let cells = try (1...4).map { try cell(place, $0) }
            let pages = cells.map { image, _ in
                TinyTIFF.Page(
                    64, channels: 5, wide: image.indices.flatMap { i in (1...5).map { image[i] * UInt16($0) } })
            }
            try place.folder.write(TinyTIFF.data(pages), to: "volume.tif")
            try place.folder.write(TinyTIFF.data(cells.map { .init(64, $1.map(UInt8.init)) }), to: "truth.tif")
            try place.folder.write("image,label\nvolume.tif,\"truth.tif\"\n", to: "list.csv")
            let common = ["model.input_channels=5", "data.root=.", "training.steps=4", "loss.border.w0=5"]
            func train(_ run: String, ranks: Int, _ settings: String...) throws -> String {
                try place.succeed(
                    ["train", "cells.yaml", "--output", run] + (common + settings).flatMap { ["--set", $0] },
                    ranks: ranks)
                return try place.digest(run)
            }
            let cached = try train("a", ranks: 0, "data.train={images: volume.tif, labels: truth.tif}")
            #expect(
                try train("b", ranks: 3, "data.train={list: list.csv}", "data.cache_mb=0", "data.loader_threads=3")
                    == cached)
            let previews = try FileManager.default.contentsOfDirectory(atPath: place.folder.path("a/previews"))
            #expect(previews.contains { $0.hasPrefix("latest-volume-000") })

            try place.succeed(
                [
                    "predict", "a", "--input", "volume.tif", "--output", "out", "--probabilities", "--overlay",
                    "--instances",
                ])
            let model = try place.succeed(
                ["evaluate", "a", "--images", "volume.tif", "--labels", "truth.tif", "--encoding", "binary", "--json"]
            ).json
            for predictions in ["out/volume-????.png", "out/volume-????.probability.png"] {
                let scores = try place.succeed(
                    ["evaluate", "--predictions", predictions, "--labels", "truth.tif", "--json"]
                ).json
                let (overall, wanted) = (scores["overall"] as? [String: Any], model["overall"] as? [String: Any])
                #expect(overall?["iou"] as? Double != nil && overall?["iou"] as? Double == wanted?["iou"] as? Double)
                #expect((scores["images"] as? [Any])?.count == 4)
            }
        }
    }
}
