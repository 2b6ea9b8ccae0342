/// A rectangle of pixels as memory sees it.
struct PixelRows {
    let base: UnsafePointer<Float>
    let rowStride: Int
    let rows: Int
    /// Floats of a row.
    let count: Int
}

/// Prefetches pixels into the second-level cache while the products of a block run: a piece with each of them.
///
/// Products leave the memory idle, and the transforms between them would wait for it: the rows of pixels that the next
/// block reads are asked for one cache line at a time, in the order of their addresses.
struct PrefetchSchedule {
    private var pieces: [(base: UnsafePointer<Float>, count: Int)] = []

    /// Cuts rectangles into pieces of whole rows, or of parts of rows where there are fewer rows than products.
    init(_ rectangles: [PixelRows], products: Int) {
        let rows = rectangles.reduce(0) { $0 + $1.rows }
        guard rows > 0 else { return }
        let cuts = max(1, products / rows)
        pieces.reserveCapacity(rows * cuts)
        for rectangle in rectangles {
            for row in 0..<rectangle.rows {
                for cut in 0..<cuts {
                    let start = rectangle.count * cut / cuts
                    pieces.append(
                        (
                            rectangle.base + (row * rectangle.rowStride + start),
                            rectangle.count * (cut + 1) / cuts - start
                        ))
                }
            }
        }
    }

    /// The piece to prefetch during the product of a position.
    subscript(position index: Int) -> (base: UnsafePointer<Float>, count: Int)? {
        index < pieces.count ? pieces[index] : nil
    }
}
