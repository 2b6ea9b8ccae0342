import Images

/// Values between those on either side of an edge, which labels have after resizing with interpolation, drawing with smooth
/// edges, or compression with loss (JPEG): numbers that nobody has given.
///
/// A pixel lies on a slope if its value is between those of its neighbours in the row, or of those in the column. Of the
/// pixels at an edge, 0 and the largest value aside, more than a fifth lie on one in such files (99 % of masks that were
/// resized, 25 to 90 % of numbered objects and of street scenes in 12 classes, 28 to 78 % after JPEG of quality 95 to 10),
/// and few in labels as they were drawn: 1 % of numbered objects and street scenes, 7 % of objects of a few pixels packed
/// without a gap, 13 % of single pixels packed so and of crossing lines one pixel wide.
struct SoftEdges {
    /// Different values on slopes.
    let values: Int
    /// Pixels on slopes, and all pixels at an edge whose value is neither 0 nor the largest.
    let onSlopes: Int
    let atEdges: Int

    /// Rows that are looked at, spread over the image.
    private static let mostRows = 256

    /// Whether the values must be the work of interpolation or compression.
    var isCertain: Bool { values >= 3 && isProbable }

    /// Whether they may be: one or two values between others may as well be a class of borders.
    var isProbable: Bool { onSlopes >= 12 && 100 * onSlopes >= 22 * atEdges }

    /// - Parameters:
    ///   - samples: one a pixel.
    ///   - ignored: a value whose pixels are not judged.
    init(_ samples: [UInt16], width: Int, height: Int, ignored: Int?) {
        var largest: UInt16 = 0
        for sample in samples where Int(sample) != ignored { largest = max(largest, sample) }
        var found = Set<UInt16>()
        var (onSlopes, atEdges) = (0, 0)
        samples.withUnsafeBufferPointer { samples in
            for y in stride(from: 0, to: height, by: max(1, height / Self.mostRows)) {
                let row = y * width
                let (above, below) = (max(0, y - 1) * width, min(height - 1, y + 1) * width)
                for x in 0..<width {
                    let value = samples[row + x]
                    guard value != 0, value != largest, Int(value) != ignored else { continue }
                    let (left, right) = (samples[row + max(0, x - 1)], samples[row + min(width - 1, x + 1)])
                    let (up, down) = (samples[above + x], samples[below + x])
                    if left == value, right == value, up == value, down == value { continue }
                    atEdges += 1
                    guard
                        min(left, right) < value && value < max(left, right)
                            || min(up, down) < value && value < max(up, down)
                    else { continue }
                    onSlopes += 1
                    found.insert(value)
                }
            }
        }
        (values, self.onSlopes, self.atEdges) = (found.count, onSlopes, atEdges)
    }
}

/// The values of a label file with one sample a pixel.
struct LabelHistogram {
    /// Those that occur, in their order, and how often.
    let counts: [(value: UInt16, pixels: Int)]

    init(_ samples: [UInt16]) {
        var counts = [Int](repeating: 0, count: 1 << 16)
        samples.withUnsafeBufferPointer { samples in
            counts.withUnsafeMutableBufferPointer { counts in for sample in samples { counts[Int(sample)] += 1 } }
        }
        self.counts = counts.indices.filter { counts[$0] > 0 }.map { (UInt16($0), counts[$0]) }
    }

    /// Those that are neither 0 nor `ignored`.
    func numbers(ignored: Int?) -> [UInt16] { counts.map(\.value).filter { $0 != 0 && Int($0) != ignored } }

    /// Whether all values lie near 0 or near the full scale, as compression with little loss leaves those of a mask of two
    /// values: 254 beside 255, and 1 beside 0.
    func isNearlyTwoValues(maximum: Int) -> Bool {
        let near = maximum / 16
        let inner = counts.map { Int($0.value) }.filter { $0 != 0 && $0 != maximum }
        return near > 0 && inner.contains { $0 >= maximum - near }
            && inner.allSatisfy { $0 <= near || $0 >= maximum - near }
    }
}
