/// Pixel-wise softmax with cross-entropy, the energy of Ronneberger et al. 2015, equation 1.
///
/// Both functions take sixteen pixels of a row at a time, class by class; their bits depend neither on the CPU nor on the
/// number of threads.
public enum SoftmaxCrossEntropy {
    /// The loss Σ w·CE / n of one image and its gradient, n being the number of pixels that count; both are 0 where
    /// none does.
    ///
    /// - Parameters:
    ///   - logits: H×W×classes.
    ///   - labels: H×W classes; `LabelMap.ignored` counts in nothing. A class beyond the logits' is a programmer's mistake.
    ///   - weights: w, H×W, or nil for 1.
    ///   - gradient: overwritten with the loss's derivative by the logits.
    /// - Returns: the loss, summed row by row.
    public static func loss(
        logits: TensorView, labels: LabelMap, weights: UnsafePointer<Float>? = nil, gradient: TensorView,
        team: ThreadTeam
    ) -> Float {
        precondition(
            labels.height == logits.height && labels.width == logits.width && gradient.shape == logits.shape,
            "labels \(labels.height)×\(labels.width) for logits \(logits.shape)")
        let counted = count(labels, classes: logits.channels)
        guard counted > 0, let labels = labels.values.baseAddress else {
            gradient.fill(0)
            return 0
        }
        let share = 1 / Float(counted)
        let width = logits.width
        let rows = UnsafeMutablePointer<Double>.allocate(capacity: logits.height)
        defer { rows.deallocate() }
        forRows(of: logits, team: team) { block, y in
            var sums = SIMD16<Double>.zero
            for x in stride(from: 0, to: width, by: PixelBlock.side) {
                let pixels = min(width - x, PixelBlock.side)
                let place = y * width + x
                let classes = lanes(labels + place, pixels, else: LabelMap.ignored)
                let weight = weights.map { lanes($0 + place, pixels, else: 0) } ?? SIMD16(repeating: 1)
                block.read(logits.row(y) + x * logits.channels, pixels: pixels)
                addLoss(of: block, classes: classes, weight: weight, share: share, to: &sums)
                let slopes = gradient.row(y) + x * logits.channels
                block.write(slopes, pixels: pixels)
                // An ignored pixel's slopes are 0 times something by now, which may not be a number.
                for i in 0..<pixels where labels[place + i] == LabelMap.ignored {
                    (slopes + i * logits.channels).update(repeating: 0, count: logits.channels)
                }
            }
            rows[y] = sums.sum()
        }
        var sum = 0.0
        for y in 0..<logits.height { sum += rows[y] }
        return Float(sum / Double(counted))
    }

    /// Softmax over the channels of each pixel, in place: logits become probabilities.
    public static func probabilities(_ logits: TensorView, team: ThreadTeam) {
        forRows(of: logits, team: team) { block, y in
            for x in stride(from: 0, to: logits.width, by: PixelBlock.side) {
                let row = logits.row(y) + x * logits.channels
                let pixels = min(logits.width - x, PixelBlock.side)
                block.read(row, pixels: pixels)
                let sum = exponentials(block).sum
                for c in 0..<block.classes { block[c] /= sum }
                block.write(row, pixels: pixels)
            }
        }
    }

    /// Adds w·CE of a block's pixels to `sums`, and makes its logits the loss's derivatives. An ignored pixel's logits and
    /// weight may be anything; they add 0.
    @inline(__always)
    private static func addLoss(
        of block: PixelBlock, classes: SIMD16<Int32>, weight: SIMD16<Float>, share: Float,
        to sums: inout SIMD16<Double>
    ) {
        let ignored = classes .== lanes(Int(LabelMap.ignored))
        var weight = weight
        weight.replace(with: SIMD16(repeating: 0), where: ignored)
        var chosen = SIMD16<Float>.zero
        for c in 0..<block.classes { chosen.replace(with: block[c], where: classes .== lanes(c)) }
        let (sum, maximum) = exponentials(block)
        let slope = weight * share
        let scale = slope / sum
        for c in 0..<block.classes {
            var target = SIMD16<Float>.zero
            target.replace(with: slope, where: classes .== lanes(c))
            block[c] = block[c] * scale - target
        }
        var loss = Elementary.log(sum) - (chosen - maximum)
        loss.replace(with: SIMD16(repeating: 0), where: ignored)
        for i in 0..<16 { sums[i] += Double(weight[i]) * Double(loss[i]) }
    }

    /// exp(z − max z) in place of a block's logits, so that none overflows; their sums are at least 1.
    @inline(__always)
    private static func exponentials(_ block: PixelBlock) -> (sum: SIMD16<Float>, maximum: SIMD16<Float>) {
        var maximum = block[0]
        for c in 1..<block.classes {
            let logit = block[c]
            maximum.replace(with: logit, where: logit .> maximum)
        }
        var sum = SIMD16<Float>.zero
        for c in 0..<block.classes {
            let exponential = Elementary.exp(block[c] - maximum)
            block[c] = exponential
            sum += exponential
        }
        return (sum, maximum)
    }

    /// Calls `body` once for every row, with a block for its pixels.
    private static func forRows(of logits: TensorView, team: ThreadTeam, _ body: (PixelBlock, Int) -> Void) {
        let size = logits.channels * PixelBlock.side
        let scratch = allocateFloats(team.threads * size)
        defer { scratch.deallocate() }
        team.forEach(logits.height) { lane, y in
            body(PixelBlock(values: scratch + lane * size, classes: logits.channels), y)
        }
    }

    /// A class in every lane: compared with a scalar, vectors are taken apart.
    @inline(__always)
    private static func lanes(_ c: Int) -> SIMD16<Int32> { SIMD16(repeating: Int32(truncatingIfNeeded: c)) }

    /// The number of pixels that are not ignored.
    private static func count(_ labels: LabelMap, classes: Int) -> Int {
        var counted = 0
        var lowest = LabelMap.ignored
        var highest = LabelMap.ignored
        for label in labels.values {
            counted &+= label == LabelMap.ignored ? 0 : 1
            lowest = min(lowest, label)
            highest = max(highest, label)
        }
        precondition(
            lowest == LabelMap.ignored && highest < classes, "labels \(lowest) to \(highest) with \(classes) classes")
        return counted
    }

    /// The next sixteen values, or as many as there are, and `rest` in the lanes beyond.
    @inline(__always)
    private static func lanes<Value>(_ values: UnsafePointer<Value>, _ count: Int, else rest: Value) -> SIMD16<Value> {
        if count == PixelBlock.side { return UnsafeRawPointer(values).loadUnaligned(as: SIMD16<Value>.self) }
        var lanes = SIMD16(repeating: rest)
        for i in 0..<count { lanes[i] = values[i] }
        return lanes
    }
}

/// Scratch memory for the logits of sixteen pixels, a vector for each class.
private struct PixelBlock {
    static let side = 16

    let values: UnsafeMutablePointer<Float>
    let classes: Int

    subscript(c: Int) -> Vector {
        @inline(__always) get { load(values + c &* Self.side) }
        @inline(__always) nonmutating set { store(values + c &* Self.side, newValue) }
    }

    /// Takes in the first `pixels` of `source`, pixels×classes. Lanes beyond keep what they held.
    @inline(__always)
    func read(_ source: UnsafePointer<Float>, pixels: Int) {
        guard classes == 2, pixels == Self.side else {
            return Transpose.matrix(
                source, row: classes, rows: pixels, columns: classes, into: values, row: Self.side)
        }
        let both = UnsafeRawPointer(source).loadUnaligned(as: SIMD32<Float>.self)
        self[0] = both.evenHalf
        self[1] = both.oddHalf
    }

    /// Gives out the first `pixels`.
    @inline(__always)
    func write(_ target: UnsafeMutablePointer<Float>, pixels: Int) {
        guard classes == 2, pixels == Self.side else {
            return Transpose.matrix(
                values, row: Self.side, rows: classes, columns: pixels, into: target, row: classes)
        }
        var both = SIMD32<Float>.zero
        both.evenHalf = self[0]
        both.oddHalf = self[1]
        UnsafeMutableRawPointer(target).storeBytes(of: both, as: SIMD32<Float>.self)
    }
}
