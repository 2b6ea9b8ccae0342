import Checkpoints
import Configurations
import Datasets
import Foundation
import Images
import Support
import Training

/// Summary of a checkpoint or a data set, for `lockstep inspect`.
enum Inspection: Encodable {
    case checkpoint(CheckpointSummary)
    case dataSet(DataSetSummary)

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .checkpoint(let summary): try summary.encode(to: encoder)
        case .dataSet(let summary): try summary.encode(to: encoder)
        }
    }

    /// Looks at a `.safetensors` file, a run's folder (its newest checkpoint), a configuration (its training images), or
    /// a folder of images, with labels where it has the folders `images` and `labels`.
    init(of path: String) throws {
        guard let isFolder = Support.isFolder(path) else {
            throw Failure.request(
                "\(path) does not exist: name a checkpoint, a run, a configuration or a folder of images")
        }
        if isFolder {
            self =
                RunDirectory(path).holdsRun
                ? .checkpoint(try CheckpointSummary(RunDirectory(path).latest))
                : .dataSet(try DataSetSummary(folder: path))
        } else if path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
            let configuration = try Configuration.load(path: path, settings: [])
            self = .dataSet(try DataSetSummary(configuration: configuration))
        } else {
            self = .checkpoint(try CheckpointSummary(path))
        }
    }
}

/// A checkpoint's tensors, step and digest.
struct CheckpointSummary: Encodable {
    struct Tensor: Encodable {
        let name: String
        let shape: [Int]
    }

    let path: String
    let step: Int?
    let best: BestScore?
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

    init(_ path: String) throws {
        let file = try SafetensorsFile(reading: path)
        self.path = path
        let checkpoint = try file.verified()
        step = checkpoint?.step
        best = checkpoint?.best
        isVerified = checkpoint.map { $0.stateDigest != nil }
        parameters = file.weights.reduce(0) { $0 + $1.count }
        sha256 = file.weightsDigest
        isAveraged = file.holdsAverage
        builtBy = checkpoint?.program ?? [:]
        tensors = file.tensors.map { Tensor(name: $0.name, shape: $0.shape) }
        configuration = checkpoint?.yaml
    }

    var text: String {
        var lines = ["checkpoint  \(path)"]
        if let step { lines.append("step        \(step)") }
        if let best { lines.append("best score  \(decimals(best.value, 4)) at step \(best.step)") }
        lines.append("parameters  \(grouped(parameters))")
        lines.append("SHA-256     \(sha256)")
        if let isVerified {
            lines.append(
                "verified    \(isVerified ? "yes, by the hashes in it" : "no: it is of a version that wrote no hashes")"
            )
        }
        if isAveraged { lines.append("averages    ema., which predict and evaluate use") }
        if !builtBy.isEmpty {
            lines.append(
                "built by    "
                    + builtBy.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        }
        let shapes = tensors.map { [$0.name, $0.shape.map(String.init).joined(separator: "×")] }
        lines.append("tensors")
        lines += alignedLines(shapes, left: 2).map { "  \($0)" }
        return lines.joined(separator: "\n")
    }
}

/// A data set's sizes and classes.
struct DataSetSummary: Encodable {
    /// Images that are alike in size and kind.
    struct Kind: Encodable, Hashable {
        let width: Int
        let height: Int
        let channels: Int
        /// Full scale of a sample; 1 for floating-point.
        let maximum: Int
    }

    struct Count<Value: Encodable>: Encodable {
        let value: Value
        let count: Int
    }

    /// One value of the label images, or one class where a configuration says how labels are read.
    struct LabelShare: Encodable {
        let label: String
        let share: Double
    }

    let path: String
    let images: Int
    /// Notes for the user: images that were left out.
    let remarks: [String]
    let kinds: [Count<Kind>]
    let labels: [LabelShare]
    /// Pixels that count in nothing, as a share of all.
    let ignored: Double

    /// Raw label values that are listed; more of them are object numbers.
    private static let mostValues = 32

    /// The training images of a configuration, by its classes.
    init(configuration: Configuration) throws {
        path =
            switch configuration.data.train {
            case .files(let images, _): configuration.data.resolve(images)
            case .list(let list): configuration.data.resolve(list)
            }
        let samples = try configuration.samples()
        let all = samples.train + samples.validation
        images = all.count
        kinds = try Self.kinds(all.map(\.image))
        let cache = SampleCache(reader: configuration.sampleReader, megabytes: 0)
        let parts = try [samples.train, samples.validation].map { pairs in
            let check = checkSamples(pairs, cache: cache)
            if let failure = check.failure { throw failure.reason }
            return check.part
        }
        let names = configuration.model.names
        remarks =
            samples.remarks
            + DatasetReview(training: parts[0], validation: parts[1]).remarks(classNames: names)
        var whole = parts[0]
        whole.add(parts[1])
        let pixels = whole.pixels
        let total = Double(max(1, pixels.reduce(0, +)))
        labels = pixels.enumerated().map { index, count in
            LabelShare(
                label: names[index], share: Double(count) / total)
        }
        ignored = Double(whole.ignoredPixels) / (total + Double(whole.ignoredPixels))
    }

    /// A folder of images, or one with the folders `images` and `labels`.
    init(folder: String) throws {
        path = folder
        ignored = 0
        if FileManager.default.fileExists(atPath: "\(folder)/images"),
            FileManager.default.fileExists(atPath: "\(folder)/labels")
        {
            let set = try SamplePair.inFolders(images: "\(folder)/images", labels: "\(folder)/labels")
            let pairs = set.pairs
            remarks = set.remarks
            images = pairs.count
            kinds = try Self.kinds(pairs.map(\.image))
            labels = try Self.values(pairs.map(\.labels))
        } else {
            let all = try ImageFolder.files(folder, of: "images").flatMap { try ImagePage.all(ofFile: $0) }
            remarks = try SampleSource.leftOut(folder, of: "images")
            images = all.count
            kinds = try Self.kinds(all)
            labels = []
        }
    }

    private static func kinds(_ images: [ImagePage]) throws -> [Count<Kind>] {
        var counts: [Kind: Int] = [:]
        for image in images {
            let header = try image.readHeader()
            let kind = Kind(
                width: header.width, height: header.height, channels: header.pictureChannels,
                maximum: Int(clamping: header.maximum))
            counts[kind, default: 0] += 1
        }
        return counts.sorted { ($1.value, $0.key.width, $0.key.height) < ($0.value, $1.key.width, $1.key.height) }
            .map { Count(value: $0.key, count: $0.value) }
    }

    private static func values(_ images: [ImagePage]) throws -> [LabelShare] {
        var counts = [Int](repeating: 0, count: 65536)
        var total = 0
        for page in images {
            let image = try page.read(as: .numbers).labelValues(path: page.name)
            guard image.channels == 1 else { return [] }
            for sample in image.samples { counts[Int(sample)] += 1 }
            total += image.samples.count
        }
        let found = counts.indices.filter { counts[$0] > 0 }
        let listed = found.prefix(mostValues).map {
            LabelShare(label: "value \($0)", share: Double(counts[$0]) / Double(total))
        }
        let rest = found.dropFirst(mostValues)
        guard !rest.isEmpty else { return listed }
        let share = Double(rest.reduce(0) { $0 + counts[$1] }) / Double(total)
        return listed + [LabelShare(label: "\(rest.count) more values", share: share)]
    }

    var text: String {
        var lines = ["data set  \(path)", "images    \(images)"] + remarks.map { "  \($0)" }
        for kind in kinds {
            let value = kind.value
            let colors = value.channels == 1 ? "grey" : value.channels == 3 ? "colour" : "\(value.channels) channels"
            let scale = value.maximum == 1 ? "full scale 1" : "values to \(value.maximum)"
            lines.append("  \(kind.count) of \(value.width)×\(value.height), \(colors), \(scale)")
        }
        if !labels.isEmpty { lines.append("labels    share of the pixels") }
        lines += labels.map { "  \(decimals(100 * $0.share, 2)) %  \($0.label)" }
        if ignored > 0 { lines.append("  \(decimals(100 * ignored, 2)) % of all pixels are ignored") }
        return lines.joined(separator: "\n")
    }
}
