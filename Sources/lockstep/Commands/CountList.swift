import ArgumentParser

/// Numbers as a person lists them: 1,2,4 or 2,4,...,64, which doubles.
struct CountList: ExpressibleByArgument {
    let counts: [Int]

    init(_ counts: [Int]) { self.counts = counts }

    init?(argument: String) {
        var counts: [Int] = []
        var isDoubling = false
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            if part == "..." || part == "…" {
                guard !counts.isEmpty, !isDoubling else { return nil }
                isDoubling = true
                continue
            }
            guard let count = Int(part), (1...16_384).contains(count) else { return nil }
            if isDoubling, var last = counts.last {
                while last * 2 < count {
                    last *= 2
                    counts.append(last)
                }
                isDoubling = false
            }
            counts.append(count)
        }
        guard !isDoubling, !counts.isEmpty else { return nil }
        self.counts = counts
    }
}
