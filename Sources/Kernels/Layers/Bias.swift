/// `pixels += bias`, then the activation function.
func addBias(
    _ values: UnsafeMutablePointer<Float>, pixels: Int, bias: UnsafePointer<Float>, channels: Int,
    activation: Activation = .identity
) {
    var pixel = values
    for _ in 0..<pixels {
        for c in 0..<channels { pixel[c] = activation.applied(to: pixel[c] + bias[c]) }
        pixel += channels
    }
}

/// The gradient by a bias: each channel's sum over the pixels of an H×W×C gradient, row sums first so that rounding grows
/// with the sides and not with the area.
func sumPixels(
    _ values: UnsafePointer<Float>, height: Int, width: Int, channels: Int, into sums: UnsafeMutablePointer<Float>
) {
    sums.update(repeating: 0, count: channels)
    // Pixels of few channels are summed several abreast, to fill vectors.
    let abreast = max(1, 64 / channels)
    let lanes = abreast * channels
    withUnsafeTemporaryAllocation(of: Float.self, capacity: lanes) { row in
        guard let row = row.baseAddress else { return }
        var pixel = values
        for _ in 0..<height {
            row.initialize(repeating: 0, count: lanes)
            var left = width * channels
            while left > 0 {
                let count = min(left, lanes)
                for i in 0..<count { row[i] += pixel[i] }
                pixel += count
                left &-= count
            }
            for first in stride(from: channels, to: lanes, by: channels) {
                for c in 0..<channels { row[c] += row[first &+ c] }
            }
            for c in 0..<channels { sums[c] += row[c] }
        }
    }
}

extension Engine {
    /// `sumPixels` of a whole gradient, whose rows the team shares out.
    func sumAllPixels(of gradient: TensorView, into sums: UnsafeMutablePointer<Float>, workspace: Workspace) {
        let (height, width, channels) = (gradient.height, gradient.width, gradient.channels)
        workspace.lend(height * channels) { rows in
            team.forEach(height, moving: 4 * gradient.shape.count) { _, y in
                sumPixels(
                    gradient.row(y), height: 1, width: width, channels: channels, into: rows + y * channels)
            }
            sumPixels(rows, height: height, width: 1, channels: channels, into: sums)
        }
    }
}
