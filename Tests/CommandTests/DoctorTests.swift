import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// What `doctor` and `train` say of data that cannot teach or measure what is asked.
    @Suite struct DoctorTests {
        /// Grey images of 44×44 with labels, each pixel's by its place.
        private func data(
            _ place: Place, _ folder: String, count: Int = 4, _ label: (_ image: Int, _ y: Int, _ x: Int) -> Int
        ) throws {
            for image in 0..<count {
                let pixels = (0..<44 * 44).map { ($0 / 44, $0 % 44) }
                try write(place, "\(folder)/images/a\(image).png", pixels.map { 3 * $0 + 2 * $1 + 5 * image })
                try write(place, "\(folder)/labels/a\(image).png", pixels.map { label(image, $0, $1) })
            }
        }

        private func write(_ place: Place, _ name: String, _ samples: [Int]) throws {
            try place.folder.write(Data(), to: name)
            let image = RasterImage(width: 44, height: 44, channels: 1, samples: samples.map { UInt16($0) })
            try PNG.write(image, to: place.folder.path(name))
        }

        /// The findings on a data folder, "verdict subject words" each.
        private func findings(_ place: Place, _ folder: String, _ settings: [String] = [], status: Int32 = 0) throws
            -> [String]
        {
            let settings = ["data.root=\(folder)", "data.tile=44", "training.batch=2"] + settings
            let outcome = try place.run(["doctor", "cells.yaml", "--json"] + settings.flatMap { ["--set", $0] })
            #expect(outcome.status == status, "\(outcome.output)\(outcome.errors)")
            let findings = try #require(outcome.json["findings"] as? [[String: String]])
            return findings.map { "\($0["verdict"] ?? "") \($0["subject"] ?? "") \($0["words"] ?? "")" }
        }

        private func expect(
            _ findings: [String], _ part: String, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(findings.contains { $0.contains(part) }, "\(findings)", sourceLocation: sourceLocation)
        }

        @Test("A run that exists already keeps nothing from being looked at") func existingRun() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=1"])
            let findings = try findings(place, "cells")
            expect(findings, "doubtful folder runs/cells holds a run already: go on with --resume runs/cells")
            expect(findings, "good images 5 for training, 2 for validation, all whole")
            expect(findings, "good classes class 0 ")
            expect(findings, "of the validation labels")
            expect(findings, "good disk runs/cells: about ")
            expect(findings, "a step of 2 images on 2 workers of 1 thread here")
            expect(findings, "for 6 steps, validations aside")
        }

        @Test func classesWithoutAPixel() throws {
            let place = try Place()
            try data(place, "full") { _, _, _ in 255 }
            expect(try findings(place, "full"), "doubtful data class 0 has no pixel in the training labels")
            try data(place, "empty") { _, _, _ in 0 }
            let empty = try findings(place, "empty")
            expect(empty, "doubtful data class 1 has no pixel in the training labels")
            expect(
                empty,
                "no validation image has an object, and iou would stay where it is: the best checkpoint is chosen by accuracy"
            )
            try data(place, "some") { _, y, _ in y < 20 ? 1 : 0 }
            let three = ["model.classes=3", "data.labels=index"]
            expect(try findings(place, "some", three), "class 2 has no pixel in the training labels")
            // What else there is, is looked at too.
            let ignored = try findings(place, "full", ["data.labels=index", "data.ignore_index=255"], status: 2)
            expect(ignored, "bad images data.train: no pixel of its 3 labels counts for any class")
            expect(ignored, "good memory ")
            let train = try place.run([
                "train", "cells.yaml", "--set", "data.root=full", "--set", "data.labels=index", "--set",
                "data.ignore_index=255",
            ])
            #expect(train.status == 2 && train.errors.contains("counts for any class"))
            #expect(!FileManager.default.fileExists(atPath: place.folder.path("runs")))
        }

        @Test func labelsThatMeanAnotherThing() throws {
            let place = try Place()
            try data(place, "numbers") { _, y, x in x < 20 ? 1 : y < 20 ? 2 : 0 }
            expect(try findings(place, "numbers"), "doubtful data training: 3 labels (first: numbers/labels/a")
            try data(place, "masks") { _, y, x in x / 8 % 2 == 0 && y / 8 % 2 == 0 ? 255 : 0 }
            expect(try findings(place, "masks", ["data.labels=instances"]), "they are masks, set data.labels: binary")
            try data(place, "soft") { _, y, x in min(255, 9 * x + y) }
            expect(
                try findings(place, "soft", status: 2),
                "compressed with loss (JPEG), resized with interpolation or drawn")
        }

        @Test("The best checkpoint is chosen by a score that can move") func bestWithoutObjects() throws {
            let place = try Place()
            try data(place, "some", count: 6) { image, y, _ in image < 4 && y < 20 ? 1 : 0 }
            try place.folder.write(
                "image,label\n" + (0..<4).map { "images/a\($0).png,labels/a\($0).png\n" }.joined(), to: "some/t.csv")
            try place.folder.write(
                "image,label\n" + (4..<6).map { "images/a\($0).png,labels/a\($0).png\n" }.joined(), to: "some/v.csv")
            let run = try place.succeed([
                "train", "cells.yaml", "--set", "data.root=some", "--set", "data.tile=28", "--set",
                "data.train={list: t.csv}",
                "--set", "data.validation={list: v.csv}",
            ])
            #expect(run.errors.contains("the best checkpoint is chosen by accuracy"), "\(run.errors)")
            #expect(run.output.contains("best accuracy:"), "\(run.output)")
            let plain = try place.succeed(["train", "cells.yaml", "--output", "other"])
            #expect(plain.output.contains("best iou:") && !plain.errors.contains("chosen by"))
        }

        @Test("Validation images that train too are counted") func sharedImages() throws {
            let place = try Place()
            try data(place, "some") { _, y, _ in y < 20 ? 1 : 0 }
            expect(
                try findings(place, "some", ["data.validation={images: images, labels: labels}"]),
                "4 of 4 validation images are also among the training images")
            let inspection = try place.succeed(["inspect", "cells.yaml"])
            #expect(!inspection.output.contains("also among"))
        }
    }
}
