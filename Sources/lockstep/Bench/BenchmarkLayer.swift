import Kernels

/// One pass through a layer, in a mean step or prediction.
struct BenchmarkLayer: Codable, Sendable {
    let layer: String
    /// forward, backward, or empty for what has but one.
    let pass: String
    let kernel: String
    let milliseconds: Double
    /// Of these, transforming and packing weights and their gradient; transforming activations; matrix products (GEMM).
    let filters: Double
    let transforms: Double
    let products: Double
    /// Operations as computed, and as the direct sum would take, over all of the time.
    let realGflops: Double
    let effectiveGflops: Double
    /// Part of the whole time.
    let share: Double

    /// What a profile has recorded, in the order of the layers.
    ///
    /// - Parameters:
    ///   - passes: steps or predictions that it has seen.
    ///   - seconds: that these took together.
    static func table(_ profile: StepProfile, passes: Int, seconds: Double) -> [BenchmarkLayer] {
        profile.rows.map { row in
            func milliseconds(_ phase: StepProfile.Phase) -> Double {
                1000 * row.phases[phase.rawValue] / Double(passes)
            }
            return BenchmarkLayer(
                layer: row.layer, pass: row.pass, kernel: row.kernel,
                milliseconds: 1000 * row.seconds / Double(passes), filters: milliseconds(.filters),
                transforms: milliseconds(.transforms), products: milliseconds(.products),
                realGflops: row.operations / row.seconds / 1e9,
                effectiveGflops: row.directOperations / row.seconds / 1e9, share: row.seconds / seconds)
        }
    }
}
