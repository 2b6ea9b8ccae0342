import Kernels

/// A tile of a band: what its network sees of the image, and where in the band its probabilities go.
struct BandTile {
    /// One side of a tile; its rows or its columns.
    struct Side {
        /// Where each row, or column, of the network's input begins: floats from the start of the band.
        let source: [Int]
        /// The same of each that is kept of the output, in the band's probabilities.
        let target: [Int]
        /// The first of the output that is kept.
        let first: Int
    }

    /// The network's number in the average.
    let member: Int
    let rows: Side
    let columns: Side

    /// Fills a network's input.
    func gather(from band: UnsafePointer<Float>, into window: Tensor) {
        let channels = window.channels
        precondition(
            window.height == rows.source.count && window.width == columns.source.count,
            "a tile of \(rows.source.count)×\(columns.source.count) into \(window.shape)")
        columns.source.withUnsafeBufferPointer { columns in
            var target = window.base
            for row in rows.source {
                let source = band + row
                for x in 0..<columns.count {
                    for c in 0..<channels { target[c] = source[columns[x] &+ c] }
                    target += channels
                }
            }
        }
    }

    /// The part of a network's output that is kept.
    func kept(of output: TensorView) -> Tensor {
        let kept = Tensor(rows.target.count, columns.target.count, output.channels)
        let count = kept.width * kept.channels
        for y in 0..<kept.height {
            let source = output.row(rows.first + y) + columns.first * output.channels
            (kept.base + y * count).update(from: source, count: count)
        }
        return kept
    }

    /// Adds what was kept to the band's probabilities.
    func add(_ kept: Tensor, to sum: UnsafeMutablePointer<Float>) {
        let classes = kept.channels
        columns.target.withUnsafeBufferPointer { columns in
            var source = UnsafePointer(kept.base)
            for row in rows.target {
                let target = sum + row
                for x in 0..<columns.count {
                    for c in 0..<classes { target[columns[x] &+ c] += source[c] }
                    source += classes
                }
            }
        }
    }
}
