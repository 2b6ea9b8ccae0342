import Datasets
import Foundation
import Images
import Inference
import Kernels
import Metrics
import Pictures
import Support

/// Validation images with their truth and what was predicted, the best and the worst, as a page shows them: small enough
/// to stand in it.
struct Gallery: Encodable {
    struct Class: Encodable {
        let name: String
        /// `#rrggbb`; nil where the image shows through.
        let color: String?
    }

    struct Sample: Encodable {
        let name: String
        let score: String
        /// Its place, from 1 for the best.
        let place: Int
        let width: Int
        let height: Int
        /// A PNG of width×height pixels, in base64.
        let image: String
        /// Classes by `LabelRuns`.
        let truth: String
        let prediction: String
    }

    let classes: [Class]
    let metric: String
    /// Of how many the samples were chosen.
    let count: Int
    /// From the worst to the best.
    let samples: [Sample]
}

/// Chooses the images of a gallery as they are evaluated, so that no more than these are kept.
final class GallerySelection {
    private struct Candidate {
        let pair: SamplePair
        /// One pixel of `step`×`step`.
        let truth: LabelMap
        let prediction: LabelMap
        let step: Int
        let score: Double?
        let order: Int
    }

    private let metric: SegmentationMetric
    private var (best, worst): ([Candidate], [Candidate]) = ([], [])
    private var count = 0

    /// Images of either kind.
    private static let most = 6
    /// Bytes that all of them may take in the page.
    private static let mostBytes = 3_400_000
    /// The longest side of a picture in pixels.
    private static let mostPixels = 512
    /// By how much pictures are made smaller still, where they would take too much.
    private static let reductions = 1...6

    init(metric: SegmentationMetric) { self.metric = metric }

    func add(_ segmented: EvaluationJob.SegmentedPair) {
        // An image without an object of the class has no score of it.
        let score = segmented.scores.value(of: metric)
        let (truth, prediction) = (segmented.truth, segmented.prediction)
        // Of a narrow image a row, or a column, is left.
        let step = min(
            max(1, (max(truth.height, truth.width) + Self.mostPixels - 1) / Self.mostPixels), truth.height, truth.width)
        let candidate = Candidate(
            pair: segmented.pair, truth: truth.reduced(by: step), prediction: prediction.reduced(by: step), step: step,
            score: score, order: count)
        count += 1
        let isBetter = { [metric] (a: Candidate, b: Candidate) in
            a.score == b.score ? a.order < b.order : metric.isBetter(a.score, than: b.score)
        }
        best = Array((best + [candidate]).sorted(by: isBetter).prefix(Self.most))
        if score != nil { worst = Array((worst + [candidate]).sorted(by: isBetter).suffix(Self.most)) }
    }

    /// Draws what was chosen, as large as there is room.
    ///
    /// - Parameters:
    ///   - reader: reads the images.
    ///   - names: of the classes.
    func gallery(reader: SampleReader, names: [String], colors: ClassColors) throws -> Gallery {
        let chosen = worst.reversed() + best.reversed().filter { one in !worst.contains { $0.order == one.order } }
        var samples: [Gallery.Sample] = []
        for reduction in Self.reductions {
            samples = try chosen.enumerated().map { index, candidate in
                let place = index < worst.count ? count - index : chosen.count - index
                return try sample(candidate, place: max(1, place), reduction: reduction, reader: reader)
            }
            let bytes = samples.reduce(0) { $0 + $1.image.utf8.count + $1.truth.utf8.count + $1.prediction.utf8.count }
            if bytes <= Self.mostBytes { break }
            if reduction == Self.reductions.last { samples = [] }
        }
        return Gallery(
            classes: names.enumerated().map { index, name in
                Gallery.Class(name: name.printable(), color: colors.tint(Int32(index))?.hex)
            },
            metric: metric.title, count: count, samples: samples)
    }

    private func sample(
        _ candidate: Candidate, place: Int, reduction: Int, reader: SampleReader
    ) throws -> Gallery.Sample {
        let reduction = min(reduction, candidate.truth.height, candidate.truth.width)
        let picture = Thumbnail(
            try reader.loadImage(candidate.pair.image), step: candidate.step * reduction)
        return Gallery.Sample(
            name: candidate.pair.stem.printable(), score: candidate.score.map { figure($0) } ?? "–", place: place,
            width: picture.width, height: picture.height, image: try picture.png.base64EncodedString(),
            truth: LabelRuns.encode(candidate.truth.reduced(by: reduction)),
            prediction: LabelRuns.encode(candidate.prediction.reduced(by: reduction)))
    }
}

/// Label maps as text: base64 of pairs of numbers, a class (0 for what does not count, else the class and 1) and how many
/// pixels in reading order have it, in seven bits a byte, the lowest first, with 128 added to all bytes but a number's last.
package enum LabelRuns {
    package static func encode(_ labels: LabelMap) -> String {
        var bytes: [UInt8] = []
        func append(_ number: Int) {
            var rest = number
            while rest >= 128 {
                bytes.append(UInt8(rest & 127 | 128))
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        let values = labels.values.prefix(labels.height * labels.width)
        var start = values.startIndex
        while start < values.endIndex {
            var end = start
            while end < values.endIndex, values[end] == values[start] { end += 1 }
            append(Int(values[start]) + 1)
            append(end - start)
            start = end
        }
        return Data(bytes).base64EncodedString()
    }
}

extension LabelMap {
    /// One pixel of so many in each direction, the middle one.
    fileprivate func reduced(by step: Int) -> LabelMap {
        guard step > 1 else { return self }
        let small = LabelMap(height: height / step, width: width / step)
        for y in 0..<small.height {
            for x in 0..<small.width { small[y, x] = self[y * step + step / 2, x * step + step / 2] }
        }
        return small
    }
}
