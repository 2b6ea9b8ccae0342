import Kernels

extension LabelMap {
    /// The most probable class of each pixel; the lower of two that are equally so.
    public convenience init(mostProbable probabilities: Tensor) {
        self.init(height: probabilities.height, width: probabilities.width, filledWith: 0)
        let classes = probabilities.channels
        for pixel in 0..<height * width {
            let row = probabilities.base + pixel * classes
            var best = 0
            for c in 1..<classes where row[c] > row[best] { best = c }
            values[pixel] = Int32(best)
        }
    }
}
