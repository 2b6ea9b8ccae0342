/// Class weights w_c of the loss (`loss.class_weights`; Ronneberger et al. 2015, equation 2).
public enum ClassWeighting: Hashable, Sendable {
    /// All alike.
    case none
    /// By how rare they are in the training set: n/(classes·n_c), 0 for a class that is absent.
    case balanced
    /// One weight a class.
    case list([Double])

    /// The weight of each class; nil where all are 1.
    ///
    /// - Parameter pixels: how many pixels of the training set each class has; pixels that are ignored left out.
    public func weights(pixels: [Int]) -> [Float]? {
        switch self {
        case .none:
            return nil
        case .balanced:
            let total = Double(pixels.reduce(0, +))
            return pixels.map { $0 == 0 ? 0 : Float(total / (Double(pixels.count) * Double($0))) }
        case .list(let weights):
            precondition(weights.count == pixels.count, "\(weights.count) weights of \(pixels.count) classes")
            return weights.map { Float($0) }
        }
    }
}
