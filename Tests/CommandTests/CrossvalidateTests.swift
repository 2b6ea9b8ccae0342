import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `lockstep crossvalidate`, which starts `mpirun` by itself.
    @Suite struct Crossvalidate {
        private static let arguments = [
            "crossvalidate", "cells.yaml", "--folds", "3", "--workers", "1", "--set", "run.coordinator=shared", "--set",
            "training.steps=30", "--set", "validation.every=15",
        ]

        private func rows(_ place: Place) throws -> [[String]] {
            try String(contentsOfFile: place.folder.path("crossvalidations/cells/results.csv"), encoding: .utf8)
                .split(separator: "\n").map {
                    $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
                }
        }

        private func json(_ place: Place, _ name: String) throws -> [String: Any] {
            let data = try Data(contentsOf: URL(filePath: place.folder.path(name)))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }

        @Test func everyImageIsScoredByTheNetworkThatDidNotSeeIt() throws {
            let place = try Place()
            let outcome = try place.succeed(Self.arguments)
            #expect(
                outcome.output.contains("mean") && outcome.output.contains("3 of 3 folds done"), "\(outcome.output)")
            let rows = try rows(place)
            #expect(rows[0].prefix(4) == ["fold", "status", "images", "iou"] && rows.count == 4)
            #expect(rows.dropFirst().map { $0[2] } == ["2", "2", "3"])
            #expect(rows.dropFirst().allSatisfy { $0[1] == "done" })

            let scores = try json(place, "crossvalidations/cells/scores.json")
            let images = try #require(scores["images"] as? [[String: Any]])
            let names = images.compactMap { $0["image"] as? String }
            #expect(names.count == 7 && names == names.sorted())
            #expect((scores["overall"] as? [String: Any])?["pixels"] as? Int == 7 * 64 * 64)
            // Each by its own fold: an image's scores are those of the fold's model, and no other's.
            var owners = 0
            for fold in 0..<3 {
                let one = try place.succeed([
                    "evaluate", "crossvalidations/cells/fold-\(fold)", "--images", "cells/images/\(names[0]).png",
                    "--labels", "cells/labels/\(names[0]).png", "--json",
                ]).json
                let found = (one["images"] as? [[String: Any]])?.first?["scores"] as? NSDictionary
                if found == images[0]["scores"] as? NSDictionary { owners += 1 }
            }
            #expect(owners == 1)

            // The folder is a model.
            try place.succeed([
                "predict", "crossvalidations/cells", "--input", "cells/images", "--output", "together",
                "--probabilities",
            ])
            try place.succeed(
                ["predict"] + (0..<3).map { "crossvalidations/cells/fold-\($0)" }
                    + ["--input", "cells/images", "--output", "apart", "--probabilities"])
            for name in names {
                let file = "\(name).probability.png"
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: place.folder.path("together/\(file)"), andPath: place.folder.path("apart/\(file)")))
            }
            try place.succeed([
                "evaluate", "crossvalidations/cells", "--images", "cells/images", "--labels", "cells/labels",
            ])
            let inspected = try place.run(["inspect", "crossvalidations/cells"])
            #expect(inspected.status == 2 && inspected.errors.contains("fold-0"), "\(inspected.errors)")

            let again = try place.run(Self.arguments)
            #expect(again.status == 2 && again.errors.contains("go on with --resume"))
            let other = try place.run(["crossvalidate", "cells.yaml", "--resume", "--folds", "2"])
            #expect(other.status == 2 && other.errors.contains("has changed since the cross-validation began"))
        }

        @Test func killedItGoesOn() throws {
            let whole = try Place()
            try whole.succeed(Self.arguments)
            let place = try Place()
            for fold in 0..<3 {
                let run = try place.start(Self.arguments + ["--resume"])
                try run.wait("has begun fold \(fold)") {
                    ((try? place.losses("crossvalidations/cells/fold-\(fold)").count) ?? 0) > 5
                }
                run.kill()
            }
            let early = try place.run([
                "predict", "crossvalidations/cells", "--input", "cells/images", "--output", "early",
            ])
            #expect(early.status == 2 && early.errors.contains("is not trained to its end"), "\(early.errors)")
            try place.succeed(Self.arguments + ["--resume", "--parallel", "2"])
            #expect(try rows(place).map { $0.dropLast() } == rows(whole).map { $0.dropLast() })
            let file = "crossvalidations/cells/scores.json"
            #expect(
                FileManager.default.contentsEqual(
                    atPath: place.folder.path(file), andPath: whole.folder.path(file)))
        }

        @Test func whatIsWrongIsSaidFirst() throws {
            let place = try Place()
            for (arguments, words) in [
                (["--folds", "8"], "data.train has 7 images, and data.validation.fold needs at least 8"),
                (["--folds", "1"], "--folds 1: give 2 to 9999"),
                (["--workers", "6"], "6 workers share a batch of 5 images"),
                (["--set", "training.step=3"], "unknown key 'training.step'"),
            ] {
                let outcome = try place.run(["crossvalidate", "cells.yaml"] + arguments)
                #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome.errors)")
                #expect(!FileManager.default.fileExists(atPath: place.folder.path("crossvalidations")))
            }
        }
    }
}
