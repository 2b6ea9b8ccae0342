import Kernels

/// Where an image's labelled pixels are, so that one can be drawn without looking at the whole image.
struct ForegroundIndex: Sendable {
    /// The classes above 0 that are there, in order.
    private let classes: [Int32]
    /// For each of them and each row, how many of its pixels lie in this row or above.
    private let pixelsDownTo: [[Int32]]

    init(_ labels: LabelMap) {
        // Where a class's counts are in `counts`.
        var places: [Int32: Int] = [:]
        var counts: [[Int32]] = []
        for y in 0..<labels.height {
            let row = labels.values[y * labels.width..<(y + 1) * labels.width]
            var run = (label: Int32(0), place: 0)
            for label in row where label > 0 {
                // Neighbours are of one class, as a rule.
                if label != run.label {
                    run = (label, places[label] ?? counts.count)
                    if run.place == counts.count {
                        places[label] = run.place
                        counts.append([Int32](repeating: 0, count: labels.height))
                    }
                }
                counts[run.place][y] += 1
            }
        }
        for place in counts.indices {
            for y in 1..<max(labels.height, 1) { counts[place][y] += counts[place][y - 1] }
        }
        classes = places.keys.sorted()
        pixelsDownTo = classes.map { counts[places[$0]!] }
    }

    /// A pixel of a class above 0: first a class, all that are there alike, then one of its pixels; nil without any.
    ///
    /// - Parameter labels: what the index was made of.
    func randomPixel(of labels: LabelMap, _ stream: inout RandomStream) -> (row: Int, column: Int)? {
        guard !classes.isEmpty else { return nil }
        let choice = stream.integer(below: classes.count)
        let pixelsDownTo = pixelsDownTo[choice]
        var rest = stream.integer(below: Int(pixelsDownTo[labels.height - 1]))
        // The first row down to which there are more.
        var (row, end) = (0, labels.height - 1)
        while row < end {
            let middle = (row + end) / 2
            if Int(pixelsDownTo[middle]) > rest { end = middle } else { row = middle + 1 }
        }
        if row > 0 { rest -= Int(pixelsDownTo[row - 1]) }
        for column in 0..<labels.width where labels[row, column] == classes[choice] {
            if rest == 0 { return (row, column) }
            rest -= 1
        }
        return nil
    }
}
