/// Clips the gradient by its global norm (Pascanu et al. 2013).
public enum GradientClipping {
    /// The factor that brings a norm down to `limit`, 1 where it is below or the limit is 0 (off).
    public static func scale(norm: Double, limit: Double) -> Double {
        limit > 0 && norm > limit ? limit / norm : 1
    }
}
