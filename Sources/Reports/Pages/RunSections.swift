import Checkpoints
import Configurations
import Foundation
import Metrics
import Pictures
import Support

/// Confusion matrix, classes and objects, for the template `scores`.
struct ScoresSection {
    let context: [String: Any]

    /// Classes of a matrix that a page has room for; of more the most frequent are shown.
    private static let mostClasses = 24

    /// - Parameters:
    ///   - names: of the classes; nil for their numbers.
    ///   - source: a sentence that says what the scores are of.
    init(_ scores: SegmentationScores, names: [String]?, colors: ClassColors?, source: String) {
        let matrix = scores.confusion
        let colors = colors ?? ClassColors(classes: matrix.classes)
        func name(_ index: Int) -> String {
            shown(names.flatMap { index < $0.count ? $0[index] : nil } ?? "class \(index)")
        }
        func color(_ index: Int) -> String { colors.tint(Int32(index))?.hex ?? "#8a8f98" }
        let order = (0..<matrix.classes).sorted { matrix.truthCount($0) > matrix.truthCount($1) }
        let chosen = order.prefix(Self.mostClasses).sorted()
        var context: [String: Any] = ["source": source, "pixels": grouped(scores.pixels)]
        context["classes"] = chosen.map { index -> [String: Any] in
            let (both, truth, found) = (
                matrix.count(truth: index, prediction: index), matrix.truthCount(index), matrix.predictionCount(index)
            )
            let one = scores.perClass[index]
            return [
                "name": name(index), "color": color(index), "iou": score(one.iou),
                "bar": decimals(100 * (one.iou ?? 0), 1), "dice": score(one.dice),
                "precision": score(found > 0 ? Double(both) / Double(found) : nil),
                "recall": score(truth > 0 ? Double(both) / Double(truth) : nil),
                "truth": percentage(one.truthShare), "predicted": percentage(one.predictionShare),
            ]
        }
        context["mean"] = [
            "iou": score(scores.meanIoU), "dice": score(scores.meanDice),
            "accuracy": scores.accuracy.map { decimals(100 * $0, 2) + " %" } ?? "–",
        ]
        context["columns"] = chosen.map { ["name": name($0), "color": color($0)] }
        context["rows"] = chosen.map { truth -> [String: Any] in
            let total = matrix.truthCount(truth)
            return [
                "name": name(truth), "color": color(truth),
                "cells": chosen.map { found -> [String: Any] in
                    let count = matrix.count(truth: truth, prediction: found)
                    let share = total > 0 ? Double(count) / Double(total) : 0
                    return [
                        "text": total > 0 ? share == 0 ? "0" : share < 0.0005 ? "<0.1" : decimals(100 * share, 1) : "–",
                        "title":
                            "\(name(truth)) taken for \(name(found)): \(grouped(count)) of \(grouped(total)) pixels",
                        "strength": decimals(share, 3),
                        "tone": (truth == found ? "right" : "wrong") + (share > 0.5 ? " strong" : ""),
                    ]
                },
            ]
        }
        if chosen.count < matrix.classes {
            context["left"] = "The \(chosen.count) most frequent of \(matrix.classes) classes."
        }
        context["objects"] = Self.objects(scores)
        self.context = context
    }

    private static func objects(_ scores: SegmentationScores) -> [String: Any]? {
        guard let objects = scores.objects else { return nil }
        let metrics: [SegmentationMetric] = [
            .seg, .ap, .precision50, .recall50, .f1At50, .adaptedRandError, .voi, .vRand, .vInfo, .warpingError,
        ]
        var rows = [
            ["name": "in the labels", "value": grouped(objects.pooled.truth)],
            ["name": "predicted", "value": grouped(objects.pooled.prediction)],
        ]
        for metric in metrics {
            guard let value = scores.value(of: metric) else { continue }
            let at = metric == .precision50 || metric == .recall50 || metric == .f1At50 ? ", IoU above 0.5" : ""
            rows.append(["name": metric.title + at, "value": figure(value)])
        }
        return [
            "rows": rows,
            "limits": zip(ObjectMatches.limits, objects.precisions ?? []).map {
                ["limit": decimals(Double($0) / 100, 2), "value": score($1), "bar": decimals(100 * $1, 1)]
            },
        ]
    }
}

/// A run's configuration: first what differs from the defaults.
struct ConfigurationSection {
    let context: [String: Any]

    init(_ configuration: Configuration, path: String) {
        let meanings = Dictionary(
            ConfigurationReference.all.keys.map { ($0.key, $0.meaning) }, uniquingKeysWith: { first, _ in first })
        let differences = (try? configuration.differencesFromDefaults()) ?? []
        context = [
            "differences": differences.map {
                [
                    "key": $0.key, "value": shown($0.value), "standard": $0.standard ?? "–",
                    "meaning": meanings[$0.key] ?? "",
                ]
            },
            "yaml": configuration.yaml.printable(keepingLines: true), "path": shown(path),
        ]
    }
}

/// A run's checkpoints and the hashes of their weights.
struct CheckpointsSection {
    let context: [String: Any]?

    /// Checkpoints whose weights are hashed: the newest, and the best.
    private static let mostHashed = 12

    init(_ directory: RunDirectory) {
        let steps = directory.checkpointSteps
        guard !steps.isEmpty else {
            context = nil
            return
        }
        func step(of link: String) -> Int? {
            guard let name = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { return nil }
            return steps.first { Checkpoint.fileName(step: $0) == name }
        }
        let (best, latest) = (step(of: directory.best), step(of: directory.latest))
        let listed = Set(steps.suffix(Self.mostHashed) + [best, latest].compactMap(\.self)).sorted(by: >)
        let rows = listed.map { step -> [String: Any] in
            let path = directory.checkpoint(step: step)
            let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int
            var row: [String: Any] = [
                "step": grouped(step), "file": Checkpoint.fileName(step: step), "size": size.map(fileSize) ?? "–",
                "tags": [step == best ? "best" : nil, step == latest ? "latest" : nil].compactMap(\.self),
            ]
            do {
                let file = try SafetensorsFile(reading: path)
                row["hash"] = file.weightsDigest
                let isSealed = try file.verified()?.stateDigest != nil
                row["state"] = isSealed ? "verified" : "without hashes of its own"
            } catch {
                row["trouble"] = shown("\(error)")
            }
            return row
        }
        var context: [String: Any] = ["rows": rows]
        if listed.count < steps.count { context["more"] = "\(steps.count - listed.count) older ones are not listed." }
        self.context = context
    }
}

/// `environment.json`: what a run ran on.
struct EnvironmentFile {
    struct Rank: Decodable {
        let rank: Int
        let role: String
        let host: String
        let cpu: String
        let cores: Int
    }

    private struct Content: Decodable {
        let version: String?
        let revision: String?
        let target: String?
        let engine: String?
        let threads: Int?
        let mpi: String?
        let blas: String?
        let started: String?
        let ranks: [Rank]?
    }

    let ranks: [Rank]
    private let content: Content

    /// nil where there is none that can be read.
    init?(path: String) {
        guard let file = try? InputFile(path, called: path),
            let data = try? file.contents(atMost: 1 << 24, as: "a file"),
            let content = try? JSONDecoder().decode(Content.self, from: data)
        else { return nil }
        (self.content, ranks) = (content, content.ranks ?? [])
    }

    /// How many processes there were, in words.
    var ranksWords: String {
        let threads = content.threads.map { "\($0) thread\($0 == 1 ? "" : "s") each" } ?? ""
        return ranks.count == 1
            ? threads.replacingOccurrences(of: " each", with: "") : "\(ranks.count) ranks, \(threads)"
    }

    /// Where it ran and when it began, for the middle of a sentence.
    var place: String {
        let hosts = Set(ranks.map(\.host))
        let machines = hosts.count == 1 ? "on \(shown(hosts.first ?? ""))" : "on \(hosts.count) hosts"
        let cpu = Set(ranks.map(\.cpu)).count == 1 ? ranks.first.map { " (\(shown($0.cpu)))" } ?? "" : ""
        return (ranks.isEmpty ? "" : machines + cpu)
            + (content.started.map { "\(ranks.isEmpty ? "" : ", ")started \(Self.day($0))" } ?? "")
    }

    /// "2026-11-28T19:52:10Z" as "2026-11-28 19:52 UTC".
    private static func day(_ text: String) -> String {
        let parts = text.split(separator: "T")
        guard parts.count == 2, text.hasSuffix("Z") else { return shown(text) }
        return "\(parts[0]) \(parts[1].prefix(5)) UTC"
    }

    var context: [String: Any] {
        let facts: [(String, String?)] = [
            (
                "lockstep",
                [content.version, content.revision.map { "(\($0))" }].compactMap(\.self).joined(separator: " ")
            ),
            ("started", content.started.map(Self.day)), ("built for", content.target), ("engine", content.engine),
            ("threads a rank", content.threads.map(String.init)), ("MPI", content.mpi), ("BLAS", content.blas),
        ]
        return [
            "facts": facts.compactMap { name, value in value.map { ["name": name, "value": shown($0)] } },
            "ranks": ranks.prefix(64).map {
                [
                    "rank": "\($0.rank)", "role": shown($0.role), "host": shown($0.host), "cpu": shown($0.cpu),
                    "cores": "\($0.cores)",
                ]
            },
        ]
    }
}
