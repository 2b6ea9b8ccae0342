import Kernels

/// How many pixels of each true class were predicted as which class, pooled over any number of images.
///
/// Counts of several matrices add up exactly, in any order, so that ranks or threads may share out a set of images.
public struct ConfusionMatrix: Hashable, Sendable, Codable {
    /// Number of classes, K.
    public let classes: Int
    /// K·K counts, a row for each true class, a column for each predicted one.
    public private(set) var counts: [Int]

    /// No pixel yet.
    public init(classes: Int) {
        precondition(classes > 0, "a confusion matrix of \(classes) classes")
        self.classes = classes
        counts = Array(repeating: 0, count: classes * classes)
    }

    /// A matrix from its counts, as another rank sent them.
    public init(classes: Int, counts: [Int]) {
        precondition(counts.count == classes * classes, "\(counts.count) counts for \(classes) classes")
        precondition(counts.allSatisfy { $0 >= 0 }, "a negative number of pixels")
        self.classes = classes
        self.counts = counts
    }

    /// Pixels of the class `truth` that were predicted as `prediction`.
    public func count(truth: Int, prediction: Int) -> Int { counts[truth * classes + prediction] }

    /// Counts an image's pixels. Those whose truth, or whose prediction, is `LabelMap.ignored` do not count.
    ///
    /// Both label maps have the same size and classes below K.
    public mutating func add(prediction: LabelMap, truth: LabelMap) {
        precondition(
            prediction.height == truth.height && prediction.width == truth.width,
            "a prediction of \(prediction.height)×\(prediction.width) for a truth of \(truth.height)×\(truth.width)")
        for pixel in 0..<(truth.height * truth.width) {
            let expected = truth.values[pixel]
            let found = prediction.values[pixel]
            guard expected != LabelMap.ignored, found != LabelMap.ignored else { continue }
            precondition(
                expected >= 0 && found >= 0 && Int(expected) < classes && Int(found) < classes,
                "class \(max(expected, found)) among \(classes)")
            counts[Int(expected) * classes + Int(found)] += 1
        }
    }

    /// Adds the counts of other images.
    public mutating func merge(_ other: ConfusionMatrix) {
        precondition(other.classes == classes, "\(other.classes) classes merged into \(classes)")
        for i in counts.indices { counts[i] += other.counts[i] }
    }

    /// All pixels that count.
    public var total: Int { counts.reduce(0, +) }

    /// Pixels of the class in the truth.
    public func truthCount(_ index: Int) -> Int {
        counts[(index * classes)..<((index + 1) * classes)].reduce(0, +)
    }

    /// Pixels of the class in the prediction.
    public func predictionCount(_ index: Int) -> Int {
        stride(from: index, to: counts.count, by: classes).reduce(0) { $0 + counts[$1] }
    }

    /// The scores that follow from the counts.
    public var scores: SegmentationScores { SegmentationScores(self) }
}
