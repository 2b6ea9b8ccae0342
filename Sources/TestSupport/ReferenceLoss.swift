import Foundation
import Kernels

extension ReferenceKernels {
    /// Softmax over each pixel's channels.
    public static func softmax(_ logits: ReferenceImage) -> ReferenceImage {
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
    public static func softmaxCrossEntropy(
        _ logits: ReferenceImage, labels: [Int], weights: [Double]
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
                loss += weight * (log(pixel.reduce(0) { $0 + exp($1 - largest) }) + (largest - pixel[label]))
                for c in pixel.indices {
                    gradient[y, x, c] = weight * (probabilities[y, x, c] - (c == label ? 1 : 0))
                }
            }
        }
        return (loss, gradient)
    }

    /// One momentum step as PyTorch defines it: `g ← g + weightDecay·w`, `v ← momentum·v + g`, `w ← w − learningRate·v`,
    /// or with Nesterov `w ← w − learningRate·(g + momentum·v)`.
    public static func momentumStep(
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
