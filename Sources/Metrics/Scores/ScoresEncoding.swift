import Foundation

extension SegmentationScores: Encodable {
    /// `{"iou": …, "dice": …, …, "pixels": …, "classes": [{"iou": …, "dice": …, "truth_share": …,
    /// "prediction_share": …}, …], "confusion_matrix": [[…], …]}`, a row for each true class. Every metric that was
    /// measured is there by its name; those that are not defined are null.
    ///
    /// With objects also `"objects": {"truth": …, "prediction": …}` and `"ap_by_iou": {"50": …, …}`, and where there are
    /// probabilities `"thresholds": {"v_rand": 0.4, …}`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for metric in SegmentationMetric.allCases where families.isSuperset(of: metric.family) {
            try container.encode(value(of: metric), forKey: Key(metric.rawValue))
        }
        try container.encode(pixels, forKey: Key("pixels"))
        try container.encode(perClass, forKey: Key("classes"))
        let rows = (0..<confusion.classes).map { truth in
            (0..<confusion.classes).map { confusion.count(truth: truth, prediction: $0) }
        }
        try container.encode(rows, forKey: Key("confusion_matrix"))
        if let objects {
            let counts = ["truth": objects.pooled.truth, "prediction": objects.pooled.prediction]
            try container.encode(counts, forKey: Key("objects"))
            let byLimit = Dictionary(
                uniqueKeysWithValues: zip(ObjectMatches.limits, objects.precisions ?? []).map { ("\($0)", $1) })
            try container.encode(byLimit, forKey: Key("ap_by_iou"))
        }
        if !thresholds.isEmpty { try container.encode(thresholds, forKey: Key("thresholds")) }
    }

    /// The best threshold of each metric that has one.
    private var thresholds: [String: Double] {
        let best: [(SegmentationMetric, BestScoreOverThresholds?)] = [
            (.vRand, borders?.vRand), (.vInfo, borders?.vInfo), (.randError, borders?.randError),
            (.challengePixelError, borders?.challengePixelError), (.warpingError, warping?.best),
        ]
        return Dictionary(
            uniqueKeysWithValues: best.compactMap { metric, score in score?.threshold.map { (metric.rawValue, $0) } })
    }
}

extension SegmentationScores.ClassScores: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(iou, forKey: Key("iou"))
        try container.encode(dice, forKey: Key("dice"))
        try container.encode(truthShare, forKey: Key("truth_share"))
        try container.encode(predictionShare, forKey: Key("prediction_share"))
    }
}

/// A JSON object's key, as it is written.
private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
