import Kernels

extension RandomStream {
    /// The random numbers of a test's own `key`: the same in every run.
    package static func test(_ key: Int) -> RandomStream { RandomStream(seed: 0x7E57, use: .synthesis, key) }

    /// Sets every value to a float uniform in `range`.
    package mutating func fill(_ view: TensorView, in range: ClosedRange<Float> = -1...1) {
        for y in 0..<view.height {
            for i in 0..<view.width * view.channels { view.row(y)[i] = float(in: range) }
        }
    }

    /// `count` floats uniform in `range`.
    package mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in float(in: range) }
    }

    /// `count` doubles uniform in [−1, 1): a random direction.
    package mutating func direction(_ count: Int) -> [Double] { (0..<count).map { _ in 2 * uniform() - 1 } }

    private mutating func float(in range: ClosedRange<Float>) -> Float {
        range.lowerBound + (range.upperBound - range.lowerBound) * Float(uniform())
    }
}

extension Tensor {
    /// A tensor of values uniform in `range`, the same for the same `key`.
    package static func random(_ shape: ImageShape, key: Int, in range: ClosedRange<Float> = -1...1) -> Tensor {
        let tensor = Tensor(shape)
        var stream = RandomStream.test(key)
        stream.fill(tensor.view, in: range)
        return tensor
    }
}

extension LabelMap {
    /// Classes below `classes`, about one pixel in eight ignored, the same for the same `key`.
    package static func random(height: Int, width: Int, classes: Int, key: Int) -> LabelMap {
        let map = LabelMap(height: height, width: width)
        var stream = RandomStream.test(key)
        for i in map.values.indices where stream.integer(below: 8) > 0 {
            map.values[i] = Int32(stream.integer(below: classes))
        }
        return map
    }
}
