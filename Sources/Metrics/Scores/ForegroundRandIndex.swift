/// The foreground-restricted Rand scores of the ISBI 2012 challenge (Arganda-Carreras et al. 2015, "Crowdsourcing the
/// creation of image segmentation algorithms for connectomics").
extension OverlapTable {
    /// V_rand: the harmonic mean of Rand precision and recall over the truth's regions above 0; to be asked of a
    /// prediction whose borders have been thinned (`BorderThinning`).
    ///
    /// A pixel where the prediction has 0, a border, counts as a region of its own. nil where the truth has no region.
    public var vRand: Double? {
        let table = foreground
        guard table.pixels > 0 else { return nil }
        let borders = Double(table.borders)
        let both = Self.squares(table.cells.map(\.pixels)) + borders
        let truth = Self.squares(table.truth.map(\.pixels))
        let prediction = Self.squares(table.prediction.map(\.pixels)) + borders
        return 2 * both / (truth + prediction)
    }

    /// Pairs of different pixels of the truth's foreground that are together; for the rand error of the paper, which is
    /// asked of a prediction as it is, without thinning. Pixels where the prediction has 0 are together with none.
    public var foregroundPairs: PairCounts {
        let table = foreground
        return PairCounts(
            both: Self.pairs(table.cells.map(\.pixels)), truth: Self.pairs(table.truth.map(\.pixels)),
            prediction: Self.pairs(table.prediction.map(\.pixels)))
    }

    static func squares(_ sizes: [Int]) -> Double { sizes.reduce(0) { $0 + Double($1) * Double($1) } }

    /// Ordered pairs of different pixels within regions of these sizes.
    static func pairs(_ sizes: [Int]) -> Double { squares(sizes) - Double(sizes.reduce(0, +)) }
}

/// Pairs that are together in truth and prediction, in the truth, in the prediction; or pixels likewise. Counts of
/// several images are added.
public struct PairCounts: Hashable, Sendable, Codable {
    public var both: Double
    public var truth: Double
    public var prediction: Double

    public init(both: Double = 0, truth: Double = 0, prediction: Double = 0) {
        (self.both, self.truth, self.prediction) = (both, truth, prediction)
    }

    /// 2·both / (truth + prediction), the harmonic mean of precision and recall; nil where neither side has any.
    public var fScore: Double? { truth + prediction > 0 ? 2 * both / (truth + prediction) : nil }

    static func + (a: PairCounts, b: PairCounts) -> PairCounts {
        PairCounts(both: a.both + b.both, truth: a.truth + b.truth, prediction: a.prediction + b.prediction)
    }
}
