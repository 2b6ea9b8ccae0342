/// The candidate that `name` was most likely meant to be, by Levenshtein distance; nil where nothing is near.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
    // No name of ours is longer, and the distance takes time.
    guard name.utf8.count <= 200 else { return nil }
    let best = candidates.map { ($0, editDistance(name, $0)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
    guard let (candidate, distance) = best, distance <= max(2, candidate.count / 2) else { return nil }
    return candidate
}

private func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var previous = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var current = [i + 1]
        for (j, y) in b.enumerated() {
            current.append(min(previous[j + 1] + 1, current[j] + 1, previous[j] + (x == y ? 0 : 1)))
        }
        previous = current
    }
    return previous[b.count]
}
