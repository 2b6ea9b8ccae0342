/// The tolerances of tests, as relative L2 distances ‖a − b‖/‖b‖ unless they say otherwise.
///
/// Distances are of whole tensors and never of single elements, and never absolute: an absolute tolerance on gradients
/// passes anything small. Copies, crops, pooling and whatever is promised to have the same bits are compared for
/// equality.
package enum Tolerances {
    /// Element-wise work and products summed in float32, against the Double reference: a sum of n terms is off by about
    /// √n·2⁻²⁵ (0.6–2.5·10⁻⁷ was measured for 3×3 convolutions up to 1,024 channels).
    package static let float32Sum = 1e-6

    /// Sums in Double of values in float32, whatever their order.
    package static let doubleSum = 1e-12

    /// Winograd's convolutions, forward and input gradient: what the transforms' factors have enlarged cancels, in a sum
    /// over channels the more the longer it is. F(4×4) stays below it up to 2,048 channels, F(6×6) up to 512.
    package static let winograd = 1e-5

    /// Winograd's weight gradient: the filter transform's transpose adds its own cancellation, over all tiles.
    package static let winogradWeightGradient = 5e-5

    /// ⟨dy, A x⟩ against ⟨Aᵀ dy, x⟩, as a share of ‖dy‖·‖A x‖: both carry the error of a float32 sum.
    package static let adjoint = 1e-6

    /// Central differences on Double code with a step h of 10⁻⁵ in values of about 1: the method is off by h² = 10⁻¹⁰,
    /// rounding by 2⁻⁵³/h = 10⁻¹¹, each times a curvature or a size that may reach some hundreds.
    package static let centralDifference = 1e-7

    /// Logits and loss of a whole network in float32 against float64: some 20 layers of `float32Sum`.
    package static let networkOutput = 1e-5

    /// Each gradient of a whole network, clear of kinks: forward and backward errors together, in tensors in which much
    /// cancels.
    package static let networkGradient = 1e-4

    /// The change of a network's weights over a few steps: the gradient's error, and each weight's own rounding (2⁻²⁵ of
    /// the weight), which is large beside a small change.
    package static let weightChange = 1e-3
}
