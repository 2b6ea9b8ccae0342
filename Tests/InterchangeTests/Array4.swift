import Foundation

/// A tensor of Doubles in ONNX's and PyTorch's order, and the operators on it as their documents define them, by naive
/// loops.
struct Array4 {
    var shape: [Int]
    var values: [Double]

    init(_ shape: [Int], _ values: [Double]) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values of \(shape)")
        (self.shape, self.values) = (shape, values)
    }

    init(_ shape: [Int], repeating value: Double = 0) {
        self.init(shape, Array(repeating: value, count: shape.reduce(1, *)))
    }

    subscript(n: Int, c: Int, y: Int, x: Int) -> Double {
        get { values[((n * shape[1] + c) * shape[2] + y) * shape[3] + x] }
        set { values[((n * shape[1] + c) * shape[2] + y) * shape[3] + x] = newValue }
    }

    /// Convolution with stride 1 and as much padding on all sides; weights `[out, in, k, k]`.
    func convolved(_ weights: Array4, bias: [Double], padding: Int) -> Array4 {
        let (inputs, side) = (weights.shape[1], weights.shape[2])
        let (height, width) = (shape[2] + 2 * padding - side + 1, shape[3] + 2 * padding - side + 1)
        var result = Array4([shape[0], weights.shape[0], height, width])
        for n in 0..<shape[0] {
            for o in 0..<weights.shape[0] {
                for y in 0..<height {
                    for x in 0..<width {
                        var sum = bias[o]
                        for i in 0..<inputs {
                            for v in 0..<side {
                                for u in 0..<side {
                                    let (row, column) = (y + v - padding, x + u - padding)
                                    guard row >= 0, row < shape[2], column >= 0, column < shape[3] else { continue }
                                    sum += self[n, i, row, column] * weights[o, i, v, u]
                                }
                            }
                        }
                        result[n, o, y, x] = sum
                    }
                }
            }
        }
        return result
    }

    /// Transposed 2×2 convolution with stride 2; weights `[in, out, 2, 2]`.
    func upConvolved(_ weights: Array4, bias: [Double]) -> Array4 {
        var result = Array4([shape[0], weights.shape[1], 2 * shape[2], 2 * shape[3]])
        for n in 0..<shape[0] {
            for o in 0..<weights.shape[1] {
                for y in 0..<2 * shape[2] {
                    for x in 0..<2 * shape[3] {
                        result[n, o, y, x] = (0..<shape[1]).reduce(bias[o]) {
                            $0 + self[n, $1, y / 2, x / 2] * weights[$1, o, y % 2, x % 2]
                        }
                    }
                }
            }
        }
        return result
    }

    var pooled: Array4 {
        var result = Array4([shape[0], shape[1], shape[2] / 2, shape[3] / 2])
        for n in 0..<shape[0] {
            for c in 0..<shape[1] {
                for y in 0..<shape[2] / 2 {
                    for x in 0..<shape[3] / 2 {
                        result[n, c, y, x] = max(
                            self[n, c, 2 * y, 2 * x], self[n, c, 2 * y, 2 * x + 1], self[n, c, 2 * y + 1, 2 * x],
                            self[n, c, 2 * y + 1, 2 * x + 1])
                    }
                }
            }
        }
        return result
    }

    var rectified: Array4 { Array4(shape, values.map { max($0, 0) }) }

    /// Beside another along the channels.
    func joined(_ other: Array4) -> Array4 {
        let (own, others) = (values.count / shape[0], other.values.count / shape[0])
        var result: [Double] = []
        for n in 0..<shape[0] {
            result += values[n * own..<(n + 1) * own]
            result += other.values[n * others..<(n + 1) * others]
        }
        return Array4([shape[0], shape[1] + other.shape[1], shape[2], shape[3]], result)
    }

    /// Without so many pixels on each side.
    func cropped(_ margin: Int) -> Array4 {
        var result = Array4([shape[0], shape[1], shape[2] - 2 * margin, shape[3] - 2 * margin])
        for n in 0..<shape[0] {
            for c in 0..<shape[1] {
                for y in 0..<result.shape[2] {
                    for x in 0..<result.shape[3] { result[n, c, y, x] = self[n, c, y + margin, x + margin] }
                }
            }
        }
        return result
    }

    /// Blocks of so many values in a row, each mapped as one.
    func mappingBlocks(of count: Int, _ body: (_ block: Int, _ values: [Double]) -> [Double]) -> Array4 {
        var result: [Double] = []
        for block in 0..<values.count / count {
            result += body(block, Array(values[block * count..<(block + 1) * count]))
        }
        return Array4(shape, result)
    }

    /// Mean and variance of the population of a block's values.
    static func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.map { ($0 - mean) * ($0 - mean) }
        return (mean, squares.reduce(0, +) / Double(values.count))
    }

    /// Probabilities over the channels.
    var softmax: Array4 {
        var result = self
        for n in 0..<shape[0] {
            for y in 0..<shape[2] {
                for x in 0..<shape[3] {
                    let exponentials = (0..<shape[1]).map { exp(self[n, $0, y, x]) }
                    let sum = exponentials.reduce(0, +)
                    for c in 0..<shape[1] { result[n, c, y, x] = exponentials[c] / sum }
                }
            }
        }
        return result
    }

    /// Batch normalisation as it predicts, ε = 1e-5.
    func normalized(scale: [Double], shift: [Double], mean: [Double], variance: [Double]) -> Array4 {
        mappingBlocks(of: shape[2] * shape[3]) { block, values in
            let c = block % shape[1]
            let factor = scale[c] / (variance[c] + 1e-5).squareRoot()
            return values.map { ($0 - mean[c]) * factor + shift[c] }
        }
    }
}
