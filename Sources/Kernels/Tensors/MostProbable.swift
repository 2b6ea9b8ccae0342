extension LabelMap {
    /// The most probable class of each pixel; the lower of two that are equally so. Sixteen pixels at a time.
    ///
    /// - Parameter probabilities: H×W×classes.
    public convenience init(mostProbable probabilities: Tensor) {
        self.init(height: probabilities.height, width: probabilities.width, filledWith: 0)
        let (width, classes) = (probabilities.width, probabilities.channels)
        guard let base = values.baseAddress else { return }
        PixelBlock.forRows(of: probabilities.view, team: .solo) { block, y in
            let row = probabilities.base + y * width * classes
            let target = base + y * width
            for x in stride(from: 0, to: width, by: PixelBlock.side) {
                let pixels = min(width - x, PixelBlock.side)
                block.read(row + x * classes, pixels: pixels)
                var best = block[0]
                var labels = SIMD16<Int32>.zero
                for c in 1..<classes {
                    let probability = block[c]
                    let isMore = probability .> best
                    best.replace(with: probability, where: isMore)
                    labels.replace(with: PixelBlock.lanes(c), where: isMore)
                }
                if pixels == PixelBlock.side {
                    UnsafeMutableRawPointer(target + x).storeBytes(of: labels, as: SIMD16<Int32>.self)
                } else {
                    for i in 0..<pixels { target[x + i] = labels[i] }
                }
            }
        }
    }
}

extension Tensor {
    /// The place of the first value that is not a number; nil where all are.
    public var firstNaN: Int? {
        var isNaN = SIMDMask<SIMD16<Int32>>(repeating: false)
        var i = 0
        while i &+ 16 <= count {
            let values = load(base + i)
            isNaN .|= values .!= values
            i &+= 16
        }
        let whole = isNaN == SIMDMask<SIMD16<Int32>>(repeating: false) ? i : 0
        return (whole..<count).first { base[$0].isNaN }
    }
}
