import Configurations
import Datasets
import Foundation
import Images
import Support
import Training

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
        lines += groups.map { "  \($0)" }
        if !labels.isEmpty { lines.append("labels    share of the pixels") }
        lines += labels.map { "  \(decimals(100 * $0.share, 2)) %  \($0.label)" }
        if ignored > 0 { lines.append("  \(decimals(100 * ignored, 2)) % of all pixels are ignored") }
        return lines.joined(separator: "\n")
    }

    /// What the images are, a line for each kind: of many sizes the smallest, the largest and the most usual are named.
    private var groups: [String] {
        func description(_ kind: Kind) -> String {
            let colors = kind.channels == 1 ? "grey" : kind.channels == 3 ? "colour" : "\(kind.channels) channels"
            return "\(colors), \(kind.maximum == 1 ? "full scale 1" : "values to \(kind.maximum)")"
        }
        func size(_ kind: Kind) -> String { "\(kind.width)×\(kind.height)" }
        let byDescription = Dictionary(grouping: kinds) { description($0.value) }
        let total = { (kinds: [Count<Kind>]) in kinds.reduce(0) { $0 + $1.count } }
        return byDescription.sorted { (total($1.value), $0.key) < (total($0.value), $1.key) }.flatMap {
            name, kinds -> [String] in
            guard kinds.count > Self.mostSizes else {
                return kinds.map { "\($0.count) of \(size($0.value)), \(name)" }
            }
            let byArea = kinds.map(\.value).sorted {
                ($0.width * $0.height, $0.width) < ($1.width * $1.height, $1.width)
            }
            let usual = kinds.max { $0.count < $1.count } ?? kinds[0]
            return [
                "\(total(kinds)) of \(kinds.count) sizes from \(size(byArea[0])) to \(size(byArea[byArea.count - 1])), "
                    + "most often \(size(usual.value)) (\(usual.count)), \(name)"
            ]
        }
    }

    /// Sizes of one kind of images that are listed.
    private static let mostSizes = 3
}
