import Kernels

extension OverlapTable {
    /// V_info of the ISBI 2012 challenge (Arganda-Carreras et al. 2015): the harmonic mean of the shares of the truth's
    /// and of the prediction's entropy that each tells of the other, C(A|B) = (H(A) − H(A|B)) / H(A) and its mirror; to
    /// be asked of a prediction whose borders have been thinned (`BorderThinning`).
    ///
    /// Only the truth's regions above 0 count; a pixel where the prediction has 0, a border, is a region of its own. 1
    /// where truth and prediction are one region each, so that there is nothing to tell; nil where the truth has none.
    public var vInfo: Double? {
        let table = foreground
        guard table.pixels > 0 else { return nil }
        let count = Double(table.pixels)
        let single = Double(table.borders) / count * Elementary.log(count)
        let truth = Self.entropy(table.truth.map(\.pixels), of: count)
        let prediction = Self.entropy(table.prediction.map(\.pixels), of: count) + single
        let both = Self.entropy(table.cells.map(\.pixels), of: count) + single
        guard truth + prediction > 0 else { return 1 }
        // What they tell of each other, I(A;B), is not negative but for rounding.
        return 2 * max(0, truth + prediction - both) / (truth + prediction)
    }

    /// −Σ p·log p in nats of regions that are parts of `count` pixels.
    static func entropy(_ sizes: [Int], of count: Double) -> Double {
        sizes.reduce(0) { $0 - Double($1) / count * Elementary.log(Double($1) / count) }
    }
}
