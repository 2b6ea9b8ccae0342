import Kernels

extension LabelMap {
    /// The values, row after row, without what follows the last.
    package var list: [Int32] { Array(values.prefix(height * width)) }
}

/// An image whose pixel (y, x, c) is 10000·c + 100·y + x, so that a copy shows where it comes from.
package func coordinateImage(_ height: Int, _ width: Int, _ channels: Int) -> Tensor {
    let image = Tensor(height, width, channels)
    for y in 0..<height {
        for x in 0..<width { for c in 0..<channels { image[y, x, c] = Float(10000 * c + 100 * y + x) } }
    }
    return image
}

/// NumPy's `reflect`, by walking one pixel at a time and turning back at the edges.
package func walkedIndex(_ position: Int, size: Int) -> Int {
    guard size > 1 else { return 0 }
    var index = 0
    var direction = position < 0 ? -1 : 1
    for _ in 0..<abs(position) {
        if index + direction < 0 || index + direction >= size { direction = -direction }
        index += direction
    }
    return index
}
