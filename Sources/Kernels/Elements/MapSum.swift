/// The sum of two maps.
public enum MapSum {
    /// `sum += map`; either may be a crop.
    public static func add(_ map: TensorView, to sum: TensorView, team: ThreadTeam) {
        precondition(map.shape == sum.shape, "sum of \(map.shape) and \(sum.shape)")
        let count = map.width * map.channels
        team.forEach(map.height) { _, y in
            let (source, target) = (map.row(y), sum.row(y))
            for i in 0..<count { target[i] += source[i] }
        }
    }
}
