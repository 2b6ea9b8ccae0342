import Checkpoints
import Foundation
import Testing

extension TrainingRuns {
    /// Who validates does not matter, and costly scores are measured where they are asked for.
    @Suite struct Validating {
        /// Everything that the log says of the validations but how long they took.
        private func events(_ run: Run) throws -> [NSDictionary] {
            try run.events("validation").map { event in
                var event = event
                event["seconds"] = nil
                return event as NSDictionary
            }
        }

        private func previews(_ run: Run) throws -> [String: Data] {
            let folder = run.directory.previews
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            return try Dictionary(
                uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: "\(folder)/\($0)"))) })
        }

        private func best(_ run: Run) throws -> [String?] {
            let file = try SafetensorsFile(reading: run.directory.best)
            return ["lockstep.best_step", "lockstep.best_value"].map { file.metadata[$0] }
        }

        @Test("the workers find what the coordinator finds, however many they are", arguments: ["iou", "v_rand"])
        func onWorkers(metric: String) throws {
            let task = try TinyTask()
            let more = ["validation.metric=\(metric)", "validation.every=2", "data.validation={fraction: 0.45}"]
            let alone = try task.train("alone", more)
            let expected = try events(alone)
            #expect(expected.count == 3)
            #expect(try previews(alone).count == 3)
            for (ranks, mode) in [
                (1, "dedicated"), (2, "dedicated"), (3, "dedicated"), (3, "shared"), (6, "dedicated"),
            ] {
                let run = try task.train(
                    "run-\(ranks)-\(mode)", ranks: ranks,
                    more + ["validation.on=workers", "run.coordinator=\(mode)"])
                #expect(try events(run) == expected, "\(ranks) \(mode)")
                #expect(try run.digest == alone.digest, "\(ranks) \(mode)")
                #expect(try previews(run) == previews(alone), "\(ranks) \(mode)")
                #expect(try best(run) == best(alone), "\(ranks) \(mode)")
            }
        }

        @Test func patienceAndAveragesAreTheSame() throws {
            let task = try TinyTask()
            let more = [
                "validation.every=1", "validation.patience=2", "validation.metric=voi", "training.ema=0.5",
                "training.steps=60",
            ]
            let alone = try task.train("alone", more)
            #expect(try events(alone).count < 60)
            for ranks in [1, 3] {
                let run = try task.train("run-\(ranks)", ranks: ranks, more + ["validation.on=workers"])
                #expect(try events(run) == events(alone), "\(ranks)")
                #expect(try run.digest == alone.digest, "\(ranks)")
            }
        }

        @Test func aResumedRunValidatesAlike() throws {
            let task = try TinyTask()
            let more = ["validation.on=workers", "validation.metric=ap"]
            let whole = try task.train("whole", ranks: 3, more)
            try task.train("parts", ranks: 4, more + ["training.steps=4"])
            let parts = try task.resume("parts", ranks: 2, ["training.steps=6"])
            #expect(try events(parts).last == events(whole).last)
            #expect(try parts.digest == whole.digest)
        }

        @Test("a validation image that vanishes ends all ranks", arguments: [(1, "dedicated"), (3, "dedicated")])
        func vanishingImage(ranks: Int, mode: String) throws {
            let task = try TinyTask()
            let run = task.run("run")
            let request = try task.request(
                "run",
                [
                    "training.steps=100000", "checkpoint.every=100000", "validation.every=50", "data.cache_mb=0",
                    "validation.on=workers", "run.coordinator=\(mode)",
                ])
            // Whichever of the images are for validation.
            Thread.detachNewThread {
                let deadline = Date(timeIntervalSinceNow: 20)
                while Date() < deadline, (try? run.steps("train").count) ?? 0 < 5 { usleep(1000) }
                for number in [1, 2, 3, 4, 5, 6, 7] { unlink(task.image(number)) }
            }
            let failure = try task.failure(request, ranks: ranks)
            #expect(failure.message.contains(".png"), "\(failure)")
        }

        @Test func costlyScoresAreMeasuredOnlyWhereTheyAreAskedFor() throws {
            let task = try TinyTask()
            let plain = try #require(try task.train("plain").events("validation").last)
            #expect(plain["iou"] is Double && plain["seg"] == nil && plain["v_rand"] == nil)
            let borders = try task.train("borders", ["validation.metric=v_rand"])
            let event = try #require(try borders.events("validation").last)
            #expect(event["v_rand"] is Double && event["v_info"] is Double && event["seg"] == nil)
            #expect(event["iou"] as? Double == plain["iou"] as? Double)
            let values = try borders.events("validation").compactMap { $0["v_rand"] as? Double }
            let kept = try #require(try best(borders)[1].flatMap(Double.init))
            #expect(abs(kept - (values.max() ?? 0)) < 1e-9)
            // Of errors the smallest is the best.
            let errors = try task.train("errors", ["validation.metric=adapted_rand_error", "validation.every=1"])
            let found = try errors.events("validation").compactMap { $0["adapted_rand_error"] as? Double }
            #expect(found.count == 6 && Set(found).count > 1)
            #expect(abs(try #require(try best(errors)[1].flatMap(Double.init)) - (found.min() ?? 0)) < 1e-9)
        }
    }
}
