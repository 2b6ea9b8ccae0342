/// Objects of the truth that a prediction finds; counts of several images are added.
public struct ObjectMatches: Hashable, Sendable, Codable {
    /// The intersection over union that a match must exceed, in hundredths: 50, 55 … 95.
    public static let limits = Array(stride(from: 50, through: 95, by: 5))

    /// Objects of the truth.
    public private(set) var truth = 0
    /// Objects of the prediction.
    public private(set) var prediction = 0
    /// Sum over the truth's objects of the SEG score of the Cell Tracking Challenge (Ulman et al. 2017): the
    /// intersection over union with the predicted object that covers more than half of it, 0 where none does.
    public private(set) var covered = 0.0
    /// At each of `limits`, how many objects have a counterpart with a larger intersection over union. It is the only
    /// one, as limits are not below one half.
    public private(set) var matched = [Int](repeating: 0, count: limits.count)

    /// No object yet.
    public init() {}

    /// Matches the regions above 0. Pixels that do not count are no part of an object; an object without any pixel that
    /// counts is none.
    public init(_ table: OverlapTable) {
        truth = table.truth.count { $0.number > 0 }
        prediction = table.prediction.count { $0.number > 0 }
        let expected = Dictionary(uniqueKeysWithValues: table.truth.map { ($0.number, $0.pixels) })
        let found = Dictionary(uniqueKeysWithValues: table.prediction.map { ($0.number, $0.pixels) })
        for cell in table.cells where cell.truth > 0 && cell.prediction > 0 {
            let own = expected[cell.truth] ?? 0
            let union = own + (found[cell.prediction] ?? 0) - cell.pixels
            if 2 * cell.pixels > own { covered += Double(cell.pixels) / Double(union) }
            for (place, limit) in Self.limits.enumerated() where 100 * cell.pixels > limit * union {
                matched[place] += 1
            }
        }
    }

    /// SEG: the mean of `covered` over the truth's objects, of all images alike; nil where there is none.
    public var seg: Double? { truth > 0 ? covered / Double(truth) : nil }

    /// Average precision of one image as the Data Science Bowl 2018 defines it, TP / (TP + FP + FN), at each of
    /// `limits`; nil where neither side has an object.
    public var precisions: [Double]? {
        guard truth + prediction > 0 else { return nil }
        return matched.map { Double($0) / Double(truth + prediction - $0) }
    }

    /// Share of the predicted objects that are matched at an intersection over union of 0.5; nil where there is none.
    public var precision: Double? { prediction > 0 ? Double(matched[0]) / Double(prediction) : nil }

    /// Share of the truth's objects that are matched at an intersection over union of 0.5; nil where there is none.
    public var recall: Double? { truth > 0 ? Double(matched[0]) / Double(truth) : nil }

    /// The harmonic mean of precision and recall; nil where neither side has an object.
    public var f1: Double? {
        truth + prediction > 0 ? 2 * Double(matched[0]) / Double(truth + prediction) : nil
    }

    static func + (a: ObjectMatches, b: ObjectMatches) -> ObjectMatches {
        var sum = a
        sum.truth += b.truth
        sum.prediction += b.prediction
        sum.covered += b.covered
        for place in sum.matched.indices { sum.matched[place] += b.matched[place] }
        return sum
    }
}
