/// An activation function: what a layer applies to each of its values after the bias.
///
/// Its gradient is taken from the layer's output, so that the input need not be kept.
public enum Activation: Hashable, Sendable {
    case identity
    /// max(x, 0). A value that is not a number stays one, so that a diverged run is noticed.
    case relu

    /// Whether the gradient depends on the layer's output.
    public var readsOutput: Bool { self != .identity }

    @inline(__always)
    func applied(to x: Float) -> Float {
        switch self {
        case .identity: x
        case .relu: x < 0 ? 0 : x
        }
    }

    /// The gradient by the function's input.
    ///
    /// - Parameters:
    ///   - gradient: the one by its output.
    ///   - output: what the function gave.
    @inline(__always)
    func gradient(_ gradient: Float, output: Float) -> Float {
        switch self {
        case .identity: gradient
        case .relu: output > 0 ? gradient : 0
        }
    }

    @inline(__always)
    func applied(to x: SIMD16<Float>) -> SIMD16<Float> {
        switch self {
        case .identity: x
        case .relu: x.replacing(with: 0, where: x .< 0)
        }
    }

    @inline(__always)
    func gradient(_ gradient: SIMD16<Float>, output: SIMD16<Float>) -> SIMD16<Float> {
        switch self {
        case .identity: gradient
        case .relu: SIMD16.zero.replacing(with: gradient, where: output .> 0)
        }
    }
}

#if !LOCKSTEP_AVX512
    /// For Winograd's tiles, which are half as wide without AVX-512.
    extension Activation {
        @inline(__always)
        func applied(to x: SIMD8<Float>) -> SIMD8<Float> {
            switch self {
            case .identity: x
            case .relu: x.replacing(with: 0, where: x .< 0)
            }
        }

        @inline(__always)
        func gradient(_ gradient: SIMD8<Float>, output: SIMD8<Float>) -> SIMD8<Float> {
            switch self {
            case .identity: gradient
            case .relu: SIMD8.zero.replacing(with: gradient, where: output .> 0)
            }
        }
    }
#endif

extension Activation {
    /// A column of vectors: one decision for all. With a decision each the loops of Winograd's transforms grow so long that
    /// the compiler no longer inlines loads and stores, and they take twice as long.
    @inline(__always)
    func applied<C: Column<Lanes>>(to column: C) -> C {
        switch self {
        case .identity: column
        case .relu: column.map { Self.relu.applied(to: $0) }
        }
    }

    @inline(__always)
    func gradient<C: Column<Lanes>>(_ gradients: C, outputs: C) -> C {
        switch self {
        case .identity: gradients
        case .relu: gradients.map(with: outputs) { Self.relu.gradient($0, output: $1) }
        }
    }
}
