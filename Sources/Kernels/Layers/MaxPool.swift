/// 2×2 max-pooling with stride 2.
public enum MaxPool {
    /// The largest of each 2×2 block of `input`, H×W×C with even sides, into `output`, H/2×W/2×C.
    public static func forward(_ input: TensorView, output: TensorView, team: ThreadTeam) {
        check(input, output)
        let n = input.channels
        team.forEach(output.height, moving: 4 * (input.shape.count + output.shape.count)) { _, y in
            let top = input.row(2 * y)
            let bottom = input.row(2 * y + 1)
            let target = output.row(y)
            for x in 0..<output.width {
                let a = top + 2 &* x &* n
                let b = bottom + 2 &* x &* n
                let to = target + x &* n
                for c in 0..<n {
                    to[c] = larger(larger(a[c], a[n &+ c]), larger(b[c], b[n &+ c]))
                }
            }
        }
    }

    /// The gradient by an activation that is pooled, and that a skip connection reads too: each output's gradient at its
    /// block's maximum, the first in the order of rows where several are equal, as PyTorch does, plus the skip connection's.
    ///
    /// - Parameters:
    ///   - skipGradient: the gradient by a centred crop of `input`, or nil where there is none.
    ///   - inputGradient: overwritten.
    public static func backward(
        _ input: TensorView, output: TensorView, outputGradient: TensorView, skipGradient: TensorView? = nil,
        inputGradient: TensorView, team: ThreadTeam
    ) {
        check(input, output)
        precondition(
            output.shape == outputGradient.shape && input.shape == inputGradient.shape, "shapes of pooling's gradients")
        let crop = skipGradient.map { inputGradient.centreCrop(height: $0.height, width: $0.width) }
        let top = skipGradient.map { (input.height - $0.height) / 2 } ?? 0
        let bytes = 4 * (2 * input.shape.count + 2 * output.shape.count + 2 * (skipGradient?.shape.count ?? 0))
        team.forEach(output.height, moving: bytes) { _, y in
            scatter(
                outputGradient.row(y), maxima: output.row(y), width: output.width, channels: input.channels,
                inputs: (input.row(2 * y), input.row(2 * y + 1)),
                gradients: (inputGradient.row(2 * y), inputGradient.row(2 * y + 1)))
            guard let skipGradient, let crop else { return }
            for row in max(2 * y - top, 0)..<max(max(2 * y - top, 0), min(2 * y + 2 - top, crop.height)) {
                let target = crop.row(row)
                let source = skipGradient.row(row)
                for i in 0..<crop.width &* crop.channels { target[i] += source[i] }
            }
        }
    }

    /// Spreads one row of gradients over the two rows of inputs above it.
    @inline(__always)
    private static func scatter(
        _ gradient: UnsafePointer<Float>, maxima: UnsafePointer<Float>, width: Int, channels n: Int,
        inputs: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>),
        gradients: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
    ) {
        for x in 0..<width {
            let left = 2 &* x &* n
            let right = left &+ n
            let at = x &* n
            var c = 0
            while c &+ 16 <= n {
                // What is left of the gradient after each place in turn; the last takes it whatever it holds.
                let maximum = load(maxima + (at &+ c))
                var rest = load(gradient + (at &+ c))
                move(&rest, where: load(inputs.0 + (left &+ c)) .== maximum, to: gradients.0 + (left &+ c))
                move(&rest, where: load(inputs.0 + (right &+ c)) .== maximum, to: gradients.0 + (right &+ c))
                move(&rest, where: load(inputs.1 + (left &+ c)) .== maximum, to: gradients.1 + (left &+ c))
                store(gradients.1 + (right &+ c), rest)
                c &+= 16
            }
            while c < n {
                let maximum = maxima[at &+ c]
                var rest = gradient[at &+ c]
                move(&rest, where: inputs.0[left &+ c] == maximum, to: gradients.0 + (left &+ c))
                move(&rest, where: inputs.0[right &+ c] == maximum, to: gradients.0 + (right &+ c))
                move(&rest, where: inputs.1[left &+ c] == maximum, to: gradients.1 + (left &+ c))
                gradients.1[right &+ c] = rest
                c &+= 1
            }
        }
    }

    /// Writes `gradient`, and leaves nothing of it, in the lanes that are `chosen`; 0 in the others.
    @inline(__always)
    private static func move(
        _ gradient: inout Vector, where chosen: SIMDMask<SIMD16<Int32>>, to target: UnsafeMutablePointer<Float>
    ) {
        let zero = Vector.zero
        var share = zero
        share.replace(with: gradient, where: chosen)
        gradient.replace(with: zero, where: chosen)
        store(target, share)
    }

    @inline(__always)
    private static func move(_ gradient: inout Float, where chosen: Bool, to target: UnsafeMutablePointer<Float>) {
        target.pointee = chosen ? gradient : 0
        gradient = chosen ? 0 : gradient
    }

    /// The larger of two; a value that is not a number wins.
    @inline(__always)
    private static func larger(_ a: Float, _ b: Float) -> Float { a > b || a != a ? a : b }

    private static func check(_ input: TensorView, _ output: TensorView) {
        precondition(
            input.height == 2 * output.height && input.width == 2 * output.width && input.channels == output.channels,
            "2×2 pooling from \(input.shape) to \(output.shape)")
    }
}
