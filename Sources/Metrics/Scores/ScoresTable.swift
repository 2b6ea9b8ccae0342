import Support

extension SegmentationScores {
    /// The scores for people, a line each without a newline at the end:
    ///
    /// ```
    /// class         IoU    Dice   truth  predicted
    /// background  0.951   0.975   48.1 %     47.9 %
    /// cell        0.956   0.977   51.9 %     52.1 %
    /// mean        0.953   0.976
    ///
    /// pixel error 0.0239, accuracy 0.9761 of 294912 pixels
    /// ```
    ///
    /// and a line for each family of scores that was measured.
    ///
    /// - Parameter names: the classes' names; without, or where there are too few, `class 0`, `class 1` and so on.
    public func table(names: [String]? = nil) -> String {
        var rows = [["class", "IoU", "Dice", "truth", "predicted"]]
        for (index, scores) in perClass.enumerated() {
            let name = names.flatMap { index < $0.count ? $0[index] : nil } ?? "class \(index)"
            rows.append([
                name, Self.decimal(scores.iou), Self.decimal(scores.dice), Self.percent(scores.truthShare),
                Self.percent(scores.predictionShare),
            ])
        }
        rows.append(["mean", Self.decimal(meanIoU), Self.decimal(meanDice), "", ""])
        return aligned(rows, left: 1)
            + "\n\npixel error \(Self.decimal(pixelError, digits: 4)), accuracy \(Self.decimal(accuracy, digits: 4))"
            + " of \(pixels) pixels" + familyLines.map { "\n" + $0 }.joined()
    }

    /// The scores of most interest in a few words: "IoU 0.912, Dice 0.954, pixel error 0.031".
    public var summary: String {
        let parts: [(String, SegmentationMetric, Int)] = [
            ("IoU", .iou, 3), ("Dice", .dice, 3), ("pixel error", .pixelError, 4), ("SEG", .seg, 3), ("AP", .ap, 3),
            ("adapted rand error", .adaptedRandError, 4), ("variation of information", .voi, 3),
            ("V_rand", .vRand, 4), ("V_info", .vInfo, 4), ("rand error", .randError, 4),
            ("warping error", .warpingError, 6),
        ]
        return parts.compactMap { name, metric, digits in
            value(of: metric).map { "\(name) \(Self.decimal($0, digits: digits))" }
        }.joined(separator: ", ")
    }

    private var familyLines: [String] {
        func at(_ score: BestScoreOverThresholds?, _ digits: Int = 4) -> String {
            Self.decimal(score?.value, digits: digits)
                + (score?.threshold.map { " (\(Self.decimal($0, digits: 1)))" } ?? "")
        }
        var lines: [String] = []
        if let objects {
            let pooled = objects.pooled
            lines.append(
                "objects: SEG \(Self.decimal(pooled.seg)), AP \(Self.decimal(objects.ap)); at IoU 0.5 AP "
                    + "\(Self.decimal(objects.precision(at: 50))), precision \(Self.decimal(pooled.precision)), recall "
                    + "\(Self.decimal(pooled.recall)); \(pooled.truth) true, \(pooled.prediction) predicted")
        }
        if let partitions {
            lines.append(
                "partition: adapted rand error \(Self.decimal(partitions.adaptedRandError, digits: 4)), variation of "
                    + "information \(Self.decimal(partitions.variationOfInformation)) bits (split "
                    + "\(Self.decimal(partitions.split)), merge \(Self.decimal(partitions.merge)))")
        }
        if let borders {
            lines.append(
                "borders: V_rand \(at(borders.vRand)), V_info \(at(borders.vInfo)), rand error "
                    + "\(at(borders.randError)), challenge pixel error \(at(borders.challengePixelError))")
        }
        if let warping { lines.append("warping error \(at(warping.best, 6))") }
        if borders?.vRand?.threshold != nil || warping?.best?.threshold != nil {
            lines.append("(in brackets: the threshold of the probability where the score is best)")
        }
        return lines
    }

    private static func decimal(_ value: Double?, digits: Int = 3) -> String {
        value.map { decimals($0, digits) } ?? "–"
    }

    private static func percent(_ value: Double?) -> String {
        value.map { decimals(100 * $0, 1) + " %" } ?? "–"
    }
}
