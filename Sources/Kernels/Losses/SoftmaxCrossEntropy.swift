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
    ///   - smoothing: the share s of a pixel's target that is spread over all K classes: CE is then that of
    ///     (1 − s)·onehot + s/K, PyTorch's `label_smoothing` (Szegedy et al. 2016, section 7); 0 ≤ s < 1.
    ///   - gradient: overwritten with the loss's gradient by the logits.
    /// - Returns: the loss, summed row by row.
    public static func loss(
        logits: TensorView, labels: LabelMap, weights: UnsafePointer<Float>? = nil, smoothing: Float = 0,
        gradient: TensorView, team: ThreadTeam
    ) -> Float {
        precondition(smoothing >= 0 && smoothing < 1, "label smoothing of \(smoothing)")
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
        let rowLosses = AlignedBuffer<Double>(logits.height)
        let rows = rowLosses.base
        PixelBlock.forRows(of: logits, team: team) { block, y in
            var sums = SIMD16<Double>.zero
            for x in stride(from: 0, to: width, by: PixelBlock.side) {
                let pixels = min(width - x, PixelBlock.side)
                let place = y * width + x
                let classes = PixelBlock.lanes(labels + place, pixels, else: LabelMap.ignored)
                let weight = weights.map { PixelBlock.lanes($0 + place, pixels, else: 0) } ?? SIMD16(repeating: 1)
                block.read(logits.row(y) + x * logits.channels, pixels: pixels)
                if smoothing == 0 {
                    addLoss(of: block, classes: classes, weight: weight, share: share, to: &sums)
                } else {
                    addSmoothedLoss(
                        of: block, classes: classes, weight: weight, share: share, smoothing: smoothing, to: &sums)
                }
                let gradients = gradient.row(y) + x * logits.channels
                block.write(gradients, pixels: pixels)
                // An ignored pixel's gradients are 0 times something by now, which may not be a number.
                for i in 0..<pixels where labels[place + i] == LabelMap.ignored {
                    (gradients + i * logits.channels).update(repeating: 0, count: logits.channels)
                }
            }
            rows[y] = sums.sum()
        }
        var sum = 0.0
        for y in 0..<logits.height { sum += rowLosses.base[y] }
        return Float(sum / Double(counted))
    }

    /// Softmax over the channels of each pixel, in place: logits become probabilities.
    public static func probabilities(_ logits: TensorView, team: ThreadTeam) {
        PixelBlock.forRows(of: logits, team: team) { block, y in
            for x in stride(from: 0, to: logits.width, by: PixelBlock.side) {
                let row = logits.row(y) + x * logits.channels
                let pixels = min(logits.width - x, PixelBlock.side)
                block.read(row, pixels: pixels)
                let sum = block.exponentials().sum
                for c in 0..<block.classes { block[c] /= sum }
                block.write(row, pixels: pixels)
            }
        }
    }

    /// Adds w·CE of a block's pixels to `sums`, and puts the gradient in place of its logits. An ignored pixel's logits and
    /// weight may be anything; they add 0.
    @inline(__always)
    private static func addLoss(
        of block: PixelBlock, classes: SIMD16<Int32>, weight: SIMD16<Float>, share: Float,
        to sums: inout SIMD16<Double>
    ) {
        let ignored = classes .== PixelBlock.lanes(Int(LabelMap.ignored))
        var weight = weight
        weight.replace(with: SIMD16(repeating: 0), where: ignored)
        var chosen = SIMD16<Float>.zero
        for c in 0..<block.classes { chosen.replace(with: block[c], where: classes .== PixelBlock.lanes(c)) }
        let (sum, maximum) = block.exponentials()
        let factor = weight * share
        let scale = factor / sum
        for c in 0..<block.classes {
            var target = SIMD16<Float>.zero
            target.replace(with: factor, where: classes .== PixelBlock.lanes(c))
            block[c] = block[c] * scale - target
        }
        var loss = Elementary.log(sum) - (chosen - maximum)
        loss.replace(with: SIMD16(repeating: 0), where: ignored)
        for i in 0..<16 { sums[i] += Double(weight[i]) * Double(loss[i]) }
    }

    /// As `addLoss`, for a target of (1 − s)·onehot + s/K.
    @inline(__always)
    private static func addSmoothedLoss(
        of block: PixelBlock, classes: SIMD16<Int32>, weight: SIMD16<Float>, share: Float, smoothing: Float,
        to sums: inout SIMD16<Double>
    ) {
        let ignored = classes .== PixelBlock.lanes(Int(LabelMap.ignored))
        var weight = weight
        weight.replace(with: SIMD16(repeating: 0), where: ignored)
        // The target's mean logit: a little of each, and most of the label's.
        let (own, each) = (1 - smoothing, smoothing / Float(block.classes))
        var chosen = SIMD16<Float>.zero
        for c in 0..<block.classes { chosen.replace(with: block[c], where: classes .== PixelBlock.lanes(c)) }
        var maximum = block[0]
        for c in 1..<block.classes {
            let logit = block[c]
            maximum.replace(with: logit, where: logit .> maximum)
        }
        var distances = SIMD16<Float>.zero
        for c in 0..<block.classes { distances += maximum - block[c] }
        let sum = block.exponentials().sum
        let factor = weight * share
        let scale = factor / sum
        for c in 0..<block.classes {
            var target = SIMD16<Float>(repeating: each)
            target.replace(with: SIMD16(repeating: own + each), where: classes .== PixelBlock.lanes(c))
            block[c] = block[c] * scale - target * factor
        }
        var loss = Elementary.log(sum) + own * (maximum - chosen) + each * distances
        loss.replace(with: SIMD16(repeating: 0), where: ignored)
        for i in 0..<16 { sums[i] += Double(weight[i]) * Double(loss[i]) }
    }

    /// The number of pixels that are not ignored.
    static func count(_ labels: LabelMap, classes: Int) -> Int {
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
}
