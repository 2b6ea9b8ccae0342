import Checkpoints
import Configurations
import Foundation
import Metrics
import Network
import Support

/// What a checkpoint is: its network, classes, scores and step, and its tensors.
struct CheckpointSummary: Encodable {
    struct Tensor: Encodable {
        let name: String
        let shape: [Int]
    }

    /// The shape of the network.
    struct Model: Encodable {
        let inputChannels: Int
        let classes: Int
        let baseChannels: Int
        let depth: Int
        let padding: String
        let skip: String
        let normalization: String

        init(_ model: UNetArchitecture) {
            (inputChannels, classes) = (model.inputChannels, model.classes)
            (baseChannels, depth) = (model.baseChannels, model.depth)
            (padding, skip) = (model.padding.rawValue, model.skip.rawValue)
            normalization = model.normalization.rawValue
        }

        var text: String {
            let channels = inputChannels == 1 ? "1 channel" : "\(inputChannels) channels"
            let joined = skip == "none" ? "no skip connections" : "skip \(skip)"
            let normalized = normalization == "none" ? "" : ", normalization \(normalization)"
            return
                "U-Net of base \(baseChannels) and depth \(depth), \(channels) in, \(classes) classes out, padding \(padding), "
                + "\(joined)\(normalized)"
        }
    }

    let path: String
    /// Nil where the file has weights alone, as the four that follow.
    let model: Model?
    let classNames: [String]?
    let best: BestScore?
    /// The score that `best` is of.
    let metric: String?
    let step: Int?
    /// Seconds of training.
    let elapsedSeconds: Double?
    /// The scores of the run's last validation up to this step, where its log is there.
    let validation: Validation?
    let parameters: Int
    /// SHA-256 of the weights' bytes in the order of their names.
    let sha256: String
    /// Whether the file's hashes were found right: not where it is of a version that wrote none, and nil where it has weights
    /// alone.
    let isVerified: Bool?
    /// Whether the file has the weights' moving average (`ema.`) beside them.
    let isAveraged: Bool
    /// What built it, where the file says so.
    let builtBy: [String: String]
    let tensors: [Tensor]
    let configuration: String?

    /// A validation of a run's log.
    struct Validation: Encodable {
        let step: Int
        let scores: [String: Double]
    }

    /// - Parameter run: the run whose checkpoint it is, where that is asked for.
    init(_ path: String, of run: RunDirectory?) throws {
        let file = try SafetensorsFile(reading: path)
        self.path = path
        let checkpoint = try file.verified()
        let configuration = checkpoint?.configuration
        model = configuration.map { Model($0.model.architecture) }
        classNames = configuration?.model.names
        step = checkpoint?.step
        elapsedSeconds = checkpoint?.elapsed
        best = checkpoint?.best
        metric = checkpoint?.best == nil ? nil : configuration?.validation.metric.rawValue
        validation = run.flatMap { Self.validation(in: $0, upTo: checkpoint?.step ?? 0) }
        isVerified = checkpoint.map { $0.stateDigest != nil }
        parameters = file.weights.reduce(0) { $0 + $1.count }
        sha256 = file.weightsDigest
        isAveraged = file.holdsAverage
        builtBy = checkpoint?.program ?? [:]
        tensors = file.tensors.map { Tensor(name: $0.name, shape: $0.shape) }
        self.configuration = checkpoint?.yaml
    }

    /// The last validation in a run's log up to a step; nil where there is none, or no log that can be read.
    private static func validation(in run: RunDirectory, upTo step: Int) -> Validation? {
        guard let file = try? InputFile(run.metrics, called: run.metrics),
            let log = try? file.contents(atMost: 1 << 30, as: "a log")
        else { return nil }
        let marker = Data("\"validation\"".utf8)
        for line in log.split(separator: UInt8(ascii: "\n")).reversed() where line.range(of: marker) != nil {
            guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
                event["event"] as? String == "validation", let at = event["step"] as? Int, at <= step
            else { continue }
            let scores = SegmentationMetric.allCases.compactMap { metric in
                (event[metric.rawValue] as? Double).map { (metric.rawValue, $0) }
            }
            return Validation(step: at, scores: Dictionary(uniqueKeysWithValues: scores))
        }
        return nil
    }

    /// The summary for a person to read; a tensor a line only where it is wanted.
    func text(listingTensors: Bool) -> String {
        var facts: [[String]] = [["checkpoint", path]]
        if let model { facts.append(["network", model.text]) }
        if let classNames { facts.append(["classes", classNames.joined(separator: ", ")]) }
        if let best {
            facts.append(["best score", "\(metric ?? "score") \(decimals(best.value, 4)) at step \(best.step)"])
        }
        if let validation {
            let scores = SegmentationMetric.allCases.compactMap { metric in
                validation.scores[metric.rawValue].map { "\(metric.rawValue) \(decimals($0, 4))" }
            }
            facts.append(["scores", "\(scores.prefix(4).joined(separator: ", ")), at step \(validation.step)"])
        }
        if let step {
            facts.append(["step", "\(step)\(elapsedSeconds.map { ", after \(duration($0)) of training" } ?? "")"])
        }
        facts.append(["parameters", grouped(parameters)])
        facts.append(["SHA-256", sha256])
        if let isVerified {
            facts.append([
                "verified", isVerified ? "yes, by the hashes in it" : "no: it is of a version that wrote no hashes",
            ])
        }
        if isAveraged { facts.append(["averages", "ema., which predict and evaluate use"]) }
        if !builtBy.isEmpty {
            let program = builtBy.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            facts.append(["built by", program.joined(separator: ", ")])
        }
        facts.append(["tensors", listingTensors ? "" : "\(tensors.count), which --tensors lists"])
        let shapes = tensors.map { [$0.name, $0.shape.map(String.init).joined(separator: "×")] }
        return
            (alignedLines(facts, left: 2)
            + (listingTensors ? alignedLines(shapes, left: 2).map { "  \($0)" } : []))
            .joined(separator: "\n")
    }
}
