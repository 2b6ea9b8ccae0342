/// A convolution of another program's file, in PyTorch's layout, in Double until it is written.
struct FileLayer {
    typealias Values = [Float]

    /// As the file calls it.
    let name: String
    /// `[out, in, k, k]`, of an up-convolution `[in, out, 2, 2]`.
    private(set) var shape: [Int]
    private let isUpConvolution: Bool
    private var weight: [Double]
    /// One value for each output channel.
    var bias: [Double]

    init(name: String, shape: [Int], isUpConvolution: Bool, weight: [Double]) {
        (self.name, self.shape, self.isUpConvolution, self.weight) = (name, shape, isUpConvolution, weight)
        bias = Array(repeating: 0, count: isUpConvolution ? shape[1] : shape[0])
    }

    var outputs: Int { isUpConvolution ? shape[1] : shape[0] }
    var inputs: Int { isUpConvolution ? shape[0] : shape[1] }
    /// Rounded once.
    var values: (weight: Values, bias: Values) { (weight.map { Float($0) }, bias.map { Float($0) }) }

    /// Takes in the batch normalisation of its output: exact, since both are affine once training is over.
    mutating func fold(_ normalization: BatchNormalization) {
        precondition(!isUpConvolution, "a batch normalisation behind an up-convolution")
        let count = weight.count / max(outputs, 1)
        for channel in 0..<outputs {
            let factor = normalization.factor(channel)
            for index in channel * count..<(channel + 1) * count { weight[index] *= factor }
            bias[channel] = (bias[channel] - normalization.mean[channel]) * factor + normalization.term(channel)
        }
    }

    /// The first half of the input channels behind the second.
    mutating func swapInputHalves() {
        let (taps, inputs) = (shape[2] * shape[3], shape[1])
        let half = inputs / 2 * taps
        weight = (0..<outputs).flatMap { output in
            let row = weight[output * inputs * taps..<(output + 1) * inputs * taps]
            return Array(row.dropFirst(half)) + Array(row.prefix(half))
        }
    }

    /// A class before the first whose logit is 0.
    mutating func addZeroClass() {
        weight = Array(repeating: 0, count: weight.count / outputs) + weight
        bias = [0] + bias
        shape[0] += 1
    }
}

/// Batch normalisation as it predicts (Ioffe and Szegedy 2015): with the statistics of the training.
struct BatchNormalization {
    /// γ and β, 1 and 0 where the layer has none.
    let scale: [Double]?
    let shift: [Double]?
    let mean: [Double]
    let variance: [Double]
    let epsilon: Double

    func factor(_ channel: Int) -> Double {
        (scale?[channel] ?? 1) / (variance[channel] + epsilon).squareRoot()
    }

    func term(_ channel: Int) -> Double { shift?[channel] ?? 0 }
}
