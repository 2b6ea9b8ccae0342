import Kernels
import Metrics

/// What a label file says of an image.
public struct DecodedLabels: Sendable {
    /// H×W classes.
    public let labels: LabelMap
    /// H×W object numbers, 0 for background and for what is ignored, where the file holds them (`data.labels:
    /// instances`). An object is all pixels of one number, in however many parts.
    public let instances: LabelMap?
    /// What is doubtful about the file.
    public internal(set) var doubts: Set<LabelDoubt>
    /// The pixels of each class, where decoding has counted them.
    let counts: ClassCounts?

    init(
        labels: LabelMap, instances: LabelMap? = nil, doubts: Set<LabelDoubt> = [], counts: ClassCounts? = nil
    ) {
        self.labels = labels
        self.instances = instances
        self.doubts = doubts
        self.counts = counts
    }

    /// Takes a doubt back that something else has settled.
    public mutating func forget(_ doubt: LabelDoubt) { doubts.remove(doubt) }
}

extension Set<LabelDoubt> {
    /// What is doubtful about object numbers.
    ///
    /// - Parameters:
    ///   - objects: H×W numbers.
    ///   - classes: H×W, with borders between objects that touch.
    ///   - numbers: how many there are.
    ///   - hasZero: whether there is background.
    init(objects: LabelMap, classes: LabelMap, numbers: Int, hasZero: Bool) {
        self = []
        // The pixels of each object, and those of all that the border between touching ones leaves.
        var (sizes, isLeft) = ([Int](repeating: 0, count: 1 << 16), [Bool](repeating: false, count: 1 << 16))
        var (all, left) = (0, 0)
        for pixel in 0..<objects.height * objects.width where objects.values[pixel] > 0 {
            let number = Int(objects.values[pixel])
            all += 1
            sizes[number] += 1
            if classes.values[pixel] > 0 {
                left += 1
                isLeft[number] = true
            }
        }
        if isLeft.count(where: { $0 }) < numbers {
            insert(.lostObjects)
        } else if 20 * (all - left) > all {
            insert(.wideBorders)
        }
        if !hasZero, numbers > 1, let largest = sizes.max(), 2 * largest > all { insert(.noBackground) }
        // Many numbers are those of objects.
        guard (1...32).contains(numbers) else { return }
        let regions = ConnectedComponents.label(objects).count
        if numbers == 1 ? regions > 1 : regions >= 4 * numbers { insert(.sharedNumbers) }
    }
}

/// How many pixels each class has, and how many are ignored.
struct ClassCounts: Sendable, Hashable {
    private(set) var pixels: [Int]
    private(set) var ignored = 0

    /// Counts the pixels.
    init(_ labels: LabelMap, classes: Int) {
        // One place more, at the front, for `ignored`.
        var counts = [Int](repeating: 0, count: classes + 1)
        counts.withUnsafeMutableBufferPointer { counts in
            for i in 0..<labels.height * labels.width {
                let place = Int(labels.values[i]) + 1
                precondition(place >= 0 && place <= classes, "class \(labels.values[i]) of \(classes)")
                counts[place] += 1
            }
        }
        pixels = Array(counts.dropFirst())
        ignored = counts[0]
    }

    /// Counts by the values' classes.
    init(_ histogram: LabelHistogram, _ table: [Int32], classes: Int) {
        pixels = Array(repeating: 0, count: classes)
        for (value, count) in histogram.counts {
            let label = Int(table[Int(value)])
            if label >= 0 { pixels[label] += count } else { ignored += count }
        }
    }
}
