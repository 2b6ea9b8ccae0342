import Foundation

/// Pixel-wise softmax with cross-entropy, the energy of Ronneberger et al. 2015, equation 1.
public enum SoftmaxCrossEntropy {
    /// The loss Σ w·CE / n of one image and its gradient, n being the number of pixels that count; both are 0 where
    /// none does.
    ///
    /// - Parameters:
    ///   - logits: H×W×classes.
    ///   - labels: H×W classes; `LabelMap.ignored` counts in nothing. A class beyond the logits' is a programmer's mistake.
    ///   - weights: w, H×W, or nil for 1.
    ///   - gradient: overwritten with the loss's derivative by the logits.
    /// - Returns: the loss, summed row by row.
    public static func loss(
        logits: TensorView, labels: LabelMap, weights: UnsafePointer<Float>? = nil, gradient: TensorView,
        team: ThreadTeam
    ) -> Float {
        precondition(
            labels.height == logits.height && labels.width == logits.width && gradient.shape == logits.shape,
            "labels \(labels.height)×\(labels.width) for logits \(logits.shape)")
        let classes = logits.channels
        let width = logits.width
        var counted = 0
        for label in labels.values where label != LabelMap.ignored {
            precondition(label >= 0 && label < classes, "label \(label) with \(classes) classes")
            counted += 1
        }
        guard counted > 0 else {
            gradient.fill(0)
            return 0
        }
        let share = 1 / Float(counted)
        let rows = UnsafeMutablePointer<Double>.allocate(capacity: logits.height)
        defer { rows.deallocate() }
        team.forEach(logits.height) { _, y in
            var sum = 0.0
            for x in 0..<width {
                let pixel = logits.row(y) + x * classes
                let slope = gradient.row(y) + x * classes
                let label = labels.values[y * width + x]
                guard label != LabelMap.ignored else {
                    slope.update(repeating: 0, count: classes)
                    continue
                }
                let weight = weights.map { $0[y * width + x] } ?? 1
                let total = exponentials(pixel, count: classes, into: slope)
                sum += Double(weight) * Double(log(total.sum) - (pixel[Int(label)] - total.maximum))
                let scale = weight * share / total.sum
                for c in 0..<classes { slope[c] *= scale }
                slope[Int(label)] -= weight * share
            }
            rows[y] = sum
        }
        var sum = 0.0
        for y in 0..<logits.height { sum += rows[y] }
        return Float(sum / Double(counted))
    }

    /// Softmax over the channels of each pixel, in place: logits become probabilities.
    public static func probabilities(_ logits: TensorView, team: ThreadTeam) {
        let classes = logits.channels
        team.forEach(logits.height) { _, y in
            for x in 0..<logits.width {
                let pixel = logits.row(y) + x * classes
                let sum = exponentials(pixel, count: classes, into: pixel).sum
                for c in 0..<classes { pixel[c] /= sum }
            }
        }
    }

    /// exp(z − max z) of one pixel, so that no logit overflows; their sum is at least 1.
    @inline(__always)
    private static func exponentials(
        _ logits: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>
    ) -> (sum: Float, maximum: Float) {
        var maximum = logits[0]
        for c in 1..<count where logits[c] > maximum { maximum = logits[c] }
        var sum: Float = 0
        for c in 0..<count {
            target[c] = exp(logits[c] - maximum)
            sum += target[c]
        }
        return (sum, maximum)
    }
}
