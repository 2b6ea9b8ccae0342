/// The soft Dice loss of the softmax's probabilities p (Milletari et al. 2016, with plain sums in the denominator):
/// 1 − mean over classes of (2Σpy + 1)/(Σp + Σy + 1), y being 1 at the class's own pixels.
///
/// The sums run over the pixels of one image that are not ignored. Where none counts, loss and gradient are 0: the ones
/// see to that, and that a class that is neither there nor predicted costs nothing.
enum SoftDice {
    /// The loss of one image and its gradient.
    ///
    /// - Parameters:
    ///   - logits: H×W×classes.
    ///   - labels: H×W classes; `LabelMap.ignored` counts in nothing. A class beyond the logits' is a programmer's mistake.
    ///   - gradient: the loss's gradient by the logits is added to it, or overwrites it.
    ///   - adds: which of the two.
    /// - Returns: the loss, from sums row by row.
    static func loss(
        logits: TensorView, labels: LabelMap, gradient: TensorView, adds: Bool, team: ThreadTeam
    ) -> Float {
        precondition(
            labels.height == logits.height && labels.width == logits.width && gradient.shape == logits.shape,
            "labels \(labels.height)×\(labels.width) for logits \(logits.shape)")
        let counted = SoftmaxCrossEntropy.count(labels, classes: logits.channels)
        guard counted > 0, let values = labels.values.baseAddress else {
            if !adds { gradient.fill(0) }
            return 0
        }
        let classes = logits.channels
        let table = AlignedBuffer<Float>(2 * classes)
        let gradients = ProbabilityGradients(common: table.base, own: table.base + classes, count: classes)
        let loss = gradients.evaluate(sums(of: logits, labels: values, team: team))
        PixelBlock.forRows(of: logits, team: team) { block, y in
            forBlocks(of: logits, labels: values, row: y, block) { x, pixels, labels, ignored in
                differentiate(block, labels: labels, ignored: ignored, gradients)
                let target = gradient.row(y) + x * classes
                if adds { block.add(to: target, pixels: pixels) } else { block.write(target, pixels: pixels) }
            }
        }
        withExtendedLifetime(table) {}
        return loss
    }

    /// The sums of one class.
    private struct Sums: BitwiseCopyable {
        /// Σpy, Σp and Σy.
        var overlap = 0.0
        var predicted = 0.0
        var truth = 0.0
    }

    /// The gradient by a pixel's probability of class c: `common[c]` − `own[c]` where c is its label, else `common[c]`.
    private struct ProbabilityGradients {
        let common: UnsafeMutablePointer<Float>
        let own: UnsafeMutablePointer<Float>
        let count: Int

        /// Sets them from the sums of all classes; returns the loss.
        func evaluate(_ sums: [Sums]) -> Float {
            var mean = 0.0
            for (c, sum) in sums.enumerated() {
                let size = sum.predicted + sum.truth + 1
                let dice = (2 * sum.overlap + 1) / size
                mean += dice
                common[c] = Float(dice / size / Double(count))
                own[c] = Float(2 / size / Double(count))
            }
            return Float(1 - mean / Double(count))
        }
    }

    /// Each class's sums: of sixteen pixels in their order, of a row, and of the rows.
    private static func sums(of logits: TensorView, labels: UnsafePointer<Int32>, team: ThreadTeam) -> [Sums] {
        let classes = logits.channels
        let rowSums = AlignedBuffer<Sums>(logits.height * classes)
        let rows = rowSums.base
        PixelBlock.forRows(of: logits, team: team) { block, y in
            let row = rows + y * classes
            forBlocks(of: logits, labels: labels, row: y, block) { _, _, labels, ignored in
                let sum = block.exponentials().sum
                for c in 0..<classes {
                    var p = block[c] / sum
                    p.replace(with: Vector.zero, where: ignored)
                    let isOwn = labels .== PixelBlock.lanes(c)
                    var overlap = Vector.zero
                    overlap.replace(with: p, where: isOwn)
                    var truth = Vector.zero
                    truth.replace(with: Vector(repeating: 1), where: isOwn)
                    row[c].predicted += SIMD16<Double>(p).sum()
                    row[c].overlap += SIMD16<Double>(overlap).sum()
                    row[c].truth += Double(truth.sum())
                }
            }
        }
        var sums = [Sums](repeating: Sums(), count: classes)
        for y in 0..<logits.height {
            for c in 0..<classes {
                sums[c].overlap += rows[y * classes + c].overlap
                sums[c].predicted += rows[y * classes + c].predicted
                sums[c].truth += rows[y * classes + c].truth
            }
        }
        withExtendedLifetime(rowSums) {}
        return sums
    }

    /// Puts the gradient by a block's logits in their place: p_j·(g_j − Σ p·g), g being the gradients by the probabilities.
    @inline(__always)
    private static func differentiate(
        _ block: PixelBlock, labels: SIMD16<Int32>, ignored: SIMDMask<SIMD16<Int32>>,
        _ gradients: ProbabilityGradients
    ) {
        let sum = block.exponentials().sum
        var mean = Vector.zero
        for c in 0..<block.classes {
            let p = block[c] / sum
            block[c] = p
            mean += p * gradient(c, labels, gradients)
        }
        for c in 0..<block.classes {
            var byLogit = block[c] * (gradient(c, labels, gradients) - mean)
            // Ignored pixels' logits may be anything.
            byLogit.replace(with: Vector.zero, where: ignored)
            block[c] = byLogit
        }
    }

    /// The gradients by the probabilities of class c.
    @inline(__always)
    private static func gradient(_ c: Int, _ labels: SIMD16<Int32>, _ gradients: ProbabilityGradients) -> Vector {
        let (common, own) = (gradients.common[c], gradients.own[c])
        var gradient = Vector(repeating: common)
        gradient.replace(with: Vector(repeating: common - own), where: labels .== PixelBlock.lanes(c))
        return gradient
    }

    /// Calls `body` for every sixteen pixels of a row, whose logits are in `block`; lanes beyond the row are ignored.
    @inline(__always)
    private static func forBlocks(
        of logits: TensorView, labels: UnsafePointer<Int32>, row y: Int, _ block: PixelBlock,
        _ body: (_ x: Int, _ pixels: Int, _ labels: SIMD16<Int32>, _ ignored: SIMDMask<SIMD16<Int32>>) -> Void
    ) {
        for x in stride(from: 0, to: logits.width, by: PixelBlock.side) {
            let pixels = min(logits.width - x, PixelBlock.side)
            let lanes = PixelBlock.lanes(labels + (y * logits.width + x), pixels, else: LabelMap.ignored)
            block.read(logits.row(y) + x * logits.channels, pixels: pixels)
            body(x, pixels, lanes, lanes .== PixelBlock.lanes(Int(LabelMap.ignored)))
        }
    }
}
