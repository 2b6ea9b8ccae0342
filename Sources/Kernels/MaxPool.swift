/// 2×2 max-pooling with stride 2.
public enum MaxPool {
    /// The largest of each 2×2 block of `input`, H×W×C with even sides, into `output`, H/2×W/2×C.
    public static func forward(_ input: TensorView, output: TensorView, team: ThreadTeam) {
        check(input, output)
        let n = input.channels
        team.forEach(output.height) { _, y in
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

    /// Adds the gradient of each output to `inputGradient` at the block's maximum: the first in the order of rows
    /// where several are equal, as PyTorch does.
    public static func backward(
        _ input: TensorView, output: TensorView, outputGradient: TensorView, addingTo inputGradient: TensorView,
        team: ThreadTeam
    ) {
        check(input, output)
        precondition(
            output.shape == outputGradient.shape && input.shape == inputGradient.shape, "shapes of pooling's gradients")
        let n = input.channels
        team.forEach(output.height) { _, y in
            let top = input.row(2 * y)
            let bottom = input.row(2 * y + 1)
            let maxima = output.row(y)
            let topGradient = inputGradient.row(2 * y)
            let bottomGradient = inputGradient.row(2 * y + 1)
            let gradients = outputGradient.row(y)
            for x in 0..<output.width {
                let left = 2 &* x &* n
                let right = left &+ n
                let at = x &* n
                var c = 0
                while c &+ 16 <= n {
                    // What is left of the gradient after each place in turn; the last takes it whatever it holds.
                    let maximum = load(maxima + (at &+ c))
                    var rest = load(gradients + (at &+ c))
                    add(&rest, where: load(top + (left &+ c)) .== maximum, to: topGradient + (left &+ c))
                    add(&rest, where: load(top + (right &+ c)) .== maximum, to: topGradient + (right &+ c))
                    add(&rest, where: load(bottom + (left &+ c)) .== maximum, to: bottomGradient + (left &+ c))
                    store(bottomGradient + (right &+ c), load(bottomGradient + (right &+ c)) + rest)
                    c &+= 16
                }
                while c < n {
                    let maximum = maxima[at &+ c]
                    var rest = gradients[at &+ c]
                    add(&rest, where: top[left &+ c] == maximum, to: topGradient + (left &+ c))
                    add(&rest, where: top[right &+ c] == maximum, to: topGradient + (right &+ c))
                    add(&rest, where: bottom[left &+ c] == maximum, to: bottomGradient + (left &+ c))
                    bottomGradient[right &+ c] += rest
                    c &+= 1
                }
            }
        }
    }

    /// Adds `gradient` to the target, and leaves nothing of it, in the lanes that are `chosen`.
    @inline(__always)
    private static func add(
        _ gradient: inout Vector, where chosen: SIMDMask<SIMD16<Int32>>, to target: UnsafeMutablePointer<Float>
    ) {
        let zero = Vector.zero
        var share = zero
        share.replace(with: gradient, where: chosen)
        gradient.replace(with: zero, where: chosen)
        store(target, load(target) + share)
    }

    @inline(__always)
    private static func add(_ gradient: inout Float, where chosen: Bool, to target: UnsafeMutablePointer<Float>) {
        target.pointee += chosen ? gradient : 0
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
