import Foundation

extension ReferenceKernels {
    /// Softmax over each pixel's channels.
    package static func softmax(_ logits: ReferenceImage) -> ReferenceImage {
        var result = logits
        for y in 0..<logits.height {
            for x in 0..<logits.width {
                let pixel = (0..<logits.channels).map { logits[y, x, $0] }
                let largest = pixel.max() ?? 0
                let sum = pixel.reduce(0) { $0 + exp($1 - largest) }
                for c in pixel.indices { result[y, x, c] = exp(pixel[c] - largest) / sum }
            }
        }
        return result
    }

    /// Σ w·CE / n over the n pixels whose label is not negative, and its gradient by the logits; both 0 where n is.
    ///
    /// - Parameters:
    ///   - labels: H·W classes.
    ///   - weights: w, H·W values.
    ///   - smoothing: the share of each target that is spread over all classes.
    package static func softmaxCrossEntropy(
        _ logits: ReferenceImage, labels: [Int], weights: [Double], smoothing: Double = 0
    ) -> (loss: Double, gradient: ReferenceImage) {
        let counted = Double(labels.count { $0 >= 0 })
        let probabilities = softmax(logits)
        var gradient = ReferenceImage(logits.shape)
        var loss = 0.0
        for y in 0..<logits.height {
            for x in 0..<logits.width {
                let label = labels[y * logits.width + x]
                guard label >= 0 else { continue }
                let weight = weights[y * logits.width + x] / counted
                let pixel = (0..<logits.channels).map { logits[y, x, $0] }
                let largest = pixel.max() ?? 0
                let logSum = log(pixel.reduce(0) { $0 + exp($1 - largest) })
                for c in pixel.indices {
                    let target = (c == label ? 1 - smoothing : 0) + smoothing / Double(pixel.count)
                    if target > 0 { loss += weight * target * (logSum + (largest - pixel[c])) }
                    gradient[y, x, c] = weight * (probabilities[y, x, c] - target)
                }
            }
        }
        return (loss, gradient)
    }

    /// 1 − mean over classes of (2Σpy + 1)/(Σp + Σy + 1) over the pixels whose label is not negative, and its gradient by
    /// the logits, through the softmax's Jacobian.
    package static func softDice(
        _ logits: ReferenceImage, labels: [Int]
    ) -> (loss: Double, gradient: ReferenceImage) {
        let classes = logits.channels
        let probabilities = softmax(logits)
        var (overlap, size) = (Array(repeating: 0.0, count: classes), Array(repeating: 0.0, count: classes))
        let counted = labels.indices.filter { labels[$0] >= 0 }
        for pixel in counted {
            for c in 0..<classes {
                let p = probabilities.values[pixel * classes + c]
                overlap[c] += labels[pixel] == c ? p : 0
                size[c] += p + (labels[pixel] == c ? 1 : 0)
            }
        }
        let dice = (0..<classes).map { (2 * overlap[$0] + 1) / (size[$0] + 1) }
        var gradient = ReferenceImage(logits.shape)
        for pixel in counted {
            let p = (0..<classes).map { probabilities.values[pixel * classes + $0] }
            let byProbability = (0..<classes).map { c in
                ((dice[c] - (labels[pixel] == c ? 2 : 0)) / (size[c] + 1)) / Double(classes)
            }
            for j in 0..<classes {
                gradient.values[pixel * classes + j] = (0..<classes).reduce(0) {
                    $0 + byProbability[$1] * p[$1] * ((j == $1 ? 1 : 0) - p[j])
                }
            }
        }
        return (1 - dice.reduce(0, +) / Double(classes), gradient)
    }

    /// One momentum step as PyTorch defines it: `g ← g + weightDecay·w`, `v ← momentum·v + g`, `w ← w − learningRate·v`,
    /// or with Nesterov `w ← w − learningRate·(g + momentum·v)`.
    package static func momentumStep(
        weights: inout [Double], velocity: inout [Double], gradient: [Double], learningRate: Double, momentum: Double,
        weightDecay: Double, nesterov: Bool
    ) {
        for i in weights.indices {
            let g = gradient[i] + weightDecay * weights[i]
            velocity[i] = momentum * velocity[i] + g
            weights[i] -= learningRate * (nesterov ? g + momentum * velocity[i] : velocity[i])
        }
    }
}
