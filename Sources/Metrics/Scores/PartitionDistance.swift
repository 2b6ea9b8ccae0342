import Kernels

/// Adapted Rand error and variation of information of a labelling, as scikit-image defines them (`skimage.metrics`).
public struct PartitionDistance: Hashable, Sendable, Codable {
    /// `adapted_rand_error` with its default `ignore_labels`: 1 − the F-score of pairs of pixels that are together.
    /// Pixels of the truth's region 0 are left out; the prediction's 0 is a region like any other. nil where no two
    /// pixels are together on either side (scikit-image: NaN).
    public let adaptedRandError: Double?
    /// The first value of `variation_of_information`, H(prediction | truth) in bits: how much the prediction splits.
    /// All pixels that count take part, those of region 0 included. nil where no pixel counts.
    public let split: Double?
    /// The second value, H(truth | prediction) in bits: how much the prediction merges.
    public let merge: Double?

    public init(_ table: OverlapTable) {
        let cells = table.cells.filter { $0.truth > 0 }
        let truth = table.truth.filter { $0.number > 0 }
        var found: [Int32: Int] = [:]
        for cell in cells { found[cell.prediction, default: 0] += cell.pixels }
        adaptedRandError =
            PairCounts(
                both: OverlapTable.pairs(cells.map(\.pixels)), truth: OverlapTable.pairs(truth.map(\.pixels)),
                prediction: OverlapTable.pairs(table.prediction.compactMap { found[$0.number] })
            ).fScore.map { 1 - $0 }

        let count = Double(table.pixels)
        guard count > 0 else {
            (split, merge) = (nil, nil)
            return
        }
        let both = OverlapTable.entropy(table.cells.map(\.pixels), of: count)
        let bit = Elementary.log(2.0)
        // Not negative but for rounding.
        split = max(0, both - OverlapTable.entropy(table.truth.map(\.pixels), of: count)) / bit
        merge = max(0, both - OverlapTable.entropy(table.prediction.map(\.pixels), of: count)) / bit
    }
}
