import Foundation

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
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            var line = row[0] + String(repeating: " ", count: widths[0] - row[0].count)
            for column in 1..<5 {
                line += "  " + String(repeating: " ", count: widths[column] - row[column].count) + row[column]
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        return lines.joined(separator: "\n")
            + "\n\npixel error \(Self.decimal(pixelError, digits: 4)), accuracy \(Self.decimal(accuracy, digits: 4))"
            + " of \(pixels) pixels"
    }

    private static func decimal(_ value: Double?, digits: Int = 3) -> String {
        value.map { String(format: "%.\(digits)f", $0) } ?? "–"
    }

    private static func percent(_ value: Double?) -> String {
        value.map { String(format: "%.1f %%", 100 * $0) } ?? "–"
    }
}
