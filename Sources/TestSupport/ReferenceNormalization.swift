import Kernels

extension ReferenceKernels {
    /// Group normalisation without ReLU: the channels of each of `groups` to mean 0 and deviation 1, then a factor and a
    /// term for each channel (Wu and He 2018, equations 1 and 6). The variance's mean is taken in a second pass.
    package static func groupNormalization(
        _ input: ReferenceImage, groups: Int, weights: [Double], bias: [Double]
    ) -> ReferenceImage {
        var result = ReferenceImage(input.shape)
        let normal = normalized(input, groups: groups).values
        for i in normal.values.indices {
            let c = i % input.channels
            result.values[i] = weights[c] * normal.values[i] + bias[c]
        }
        return result
    }

    /// The backward of `groupNormalization`.
    package static func groupNormalizationBackward(
        _ input: ReferenceImage, groups: Int, weights: [Double], outputGradient: ReferenceImage
    ) -> LayerGradients {
        let channels = input.channels
        let (normal, deviations) = normalized(input, groups: groups)
        var result = LayerGradients(
            input: ReferenceImage(input.shape), weights: Array(repeating: 0, count: channels),
            bias: Array(repeating: 0, count: channels))
        // Of each group, the means of the gradient by x̂, and of its product with x̂.
        var (means, products) = (Array(repeating: 0.0, count: groups), Array(repeating: 0.0, count: groups))
        let count = Double(input.values.count / groups)
        for (i, gradient) in outputGradient.values.enumerated() {
            let c = i % channels
            result.weights[c] += gradient * normal.values[i]
            result.bias[c] += gradient
            means[c * groups / channels] += weights[c] * gradient / count
            products[c * groups / channels] += weights[c] * gradient * normal.values[i] / count
        }
        for (i, gradient) in outputGradient.values.enumerated() {
            let c = i % channels
            let group = c * groups / channels
            result.input.values[i] =
                (weights[c] * gradient - means[group] - normal.values[i] * products[group]) / deviations[group]
        }
        return result
    }

    /// x̂, and each group's √(variance + ε).
    private static func normalized(
        _ input: ReferenceImage, groups: Int
    ) -> (values: ReferenceImage, deviations: [Double]) {
        let channels = input.channels
        let group = { (i: Int) in i % channels * groups / channels }
        let count = Double(input.values.count / groups)
        var (means, variances) = (Array(repeating: 0.0, count: groups), Array(repeating: 0.0, count: groups))
        for (i, value) in input.values.enumerated() { means[group(i)] += value / count }
        for (i, value) in input.values.enumerated() {
            let distance = value - means[group(i)]
            variances[group(i)] += distance * distance / count
        }
        let deviations = variances.map { ($0 + GroupNormalization.epsilon).squareRoot() }
        var result = input
        for i in input.values.indices {
            result.values[i] = (input.values[i] - means[group(i)]) / deviations[group(i)]
        }
        return (result, deviations)
    }
}
