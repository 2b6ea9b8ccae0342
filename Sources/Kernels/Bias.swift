/// `pixels += bias`, then ReLU. A value that is not a number stays one, so that a diverged run is noticed.
func addBiasAndRectify(
    _ values: UnsafeMutablePointer<Float>, pixels: Int, bias: UnsafePointer<Float>, channels: Int
) {
    var pixel = values
    for _ in 0..<pixels {
        for c in 0..<channels {
            let value = pixel[c] + bias[c]
            pixel[c] = value < 0 ? 0 : value
        }
        pixel += channels
    }
}

/// `pixels += bias`.
func addBias(_ values: UnsafeMutablePointer<Float>, pixels: Int, bias: UnsafePointer<Float>, channels: Int) {
    var pixel = values
    for _ in 0..<pixels {
        for c in 0..<channels { pixel[c] += bias[c] }
        pixel += channels
    }
}

/// The gradient of a bias: each channel's sum over the pixels of an H×W×C map, row sums first so that rounding grows
/// with the sides and not with the area.
func sumPixels(
    _ values: UnsafePointer<Float>, height: Int, width: Int, channels: Int, into sums: UnsafeMutablePointer<Float>
) {
    sums.update(repeating: 0, count: channels)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { row in
        guard let row = row.baseAddress else { return }
        var pixel = values
        for _ in 0..<height {
            row.initialize(repeating: 0, count: channels)
            for _ in 0..<width {
                for c in 0..<channels { row[c] += pixel[c] }
                pixel += channels
            }
            for c in 0..<channels { sums[c] += row[c] }
        }
    }
}
