/// How far a gradient's norm may go.
public enum GradientClipping {
    /// The factor that brings a norm down to `limit`, 1 where it is below or the limit is 0 (off); Pascanu et al. 2013.
    public static func scale(norm: Double, limit: Double) -> Double {
        limit > 0 && norm > limit ? limit / norm : 1
    }
}
