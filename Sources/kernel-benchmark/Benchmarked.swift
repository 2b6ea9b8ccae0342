import Kernels

/// A kernel that is first compared with its reference and then timed.
protocol Benchmarked: Sendable {
    /// Its name in tables and baselines.
    var name: String { get }

    /// Its deviations from the naive reference on small odd shapes.
    func deviations() -> [Deviation]

    /// The sizes that it is timed on.
    var cases: [Case] { get }
}

/// The distance of a kernel's result from the reference's.
struct Deviation {
    /// The result, and on which shape.
    let what: String
    let distance: Double
    let tolerance: Double

    /// A distance that is not a number is one too many.
    var isTooLarge: Bool { !(distance <= tolerance) }
}

/// A kernel on one size.
struct Case {
    let shape: String
    /// Makes what the kernel reads and writes, which lives as long as the trial.
    let prepare: () -> Trial
}

/// A kernel that is ready to run.
struct Trial {
    let work: Work
    let run: () -> Void
}

/// The work of one run of a kernel.
enum Work {
    /// Floating-point operations of products, as computed and as the direct sum would take; a multiply-add is two.
    case products(operations: Double, direct: Double)
    /// Bytes that cannot but be read and written, each once.
    case bytes(Double)

    /// What the kernel is measured by: direct operations for products, so that a better way to compute the same is a
    /// higher ratio.
    var amount: Double {
        switch self {
        case .products(_, let direct): direct
        case .bytes(let bytes): bytes
        }
    }
}

/// A direction of a layer.
enum Pass: String, CaseIterable {
    case forward, backward
}

/// Everything that is measured.
let allKernels: [any Benchmarked] =
    ConvolutionKernel.all + LayerKernel.all + [
        MaxPoolKernel(pass: .forward), MaxPoolKernel(pass: .backward), LossKernel(), UpdateKernel(), NormKernel(),
        AugmentationKernel(),
    ]

extension Engine {
    /// The operations of what `body` has an engine like this do, by the kernels' own account.
    func work(of body: (Engine) -> Void) -> Work {
        let profile = StepProfile()
        let engine = Engine(kind, threads: 1, convolution: convolution, profile: profile)
        profile.enter("trial")
        body(engine)
        profile.leave()
        return .products(operations: profile.rows[0].operations, direct: profile.rows[0].directOperations)
    }
}
