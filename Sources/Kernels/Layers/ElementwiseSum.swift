/// The sum of two activations, value by value.
public enum ElementwiseSum {
    /// `sum += activation`; either may be a crop.
    public static func add(_ activation: TensorView, to sum: TensorView, team: ThreadTeam) {
        precondition(activation.shape == sum.shape, "sum of \(activation.shape) and \(sum.shape)")
        let count = activation.width * activation.channels
        team.forEach(activation.height, moving: 4 * 3 * sum.shape.count) { _, y in
            let (source, target) = (activation.row(y), sum.row(y))
            for i in 0..<count { target[i] += source[i] }
        }
    }
}
