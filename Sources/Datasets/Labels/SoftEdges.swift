/// Values that nobody has given: those between the ones on either side of an edge, which labels have after resizing with
/// interpolation or drawing with smooth edges, and those of the ripples that compression with loss (JPEG) leaves.
///
/// A pixel is *on a slope* if its value is between those of its neighbours in the row, or of those in the column, and a
/// *peak* if it is not, and both neighbours in its row, or both in its column, are below it or both above. Of the pixels
/// at an edge, 0 and the largest value aside, these are
///
/// | | on slopes | peaks |
/// |---|---|---|
/// | masks, resized; numbered objects, resized | 0.54–1; 0.37–0.72 | 0–0.44 |
/// | street scenes in 12 classes, resized | 0.26–0.47 | 0.05–0.16 |
/// | masks and numbered objects after JPEG of quality 10–95 | 0.14–0.79 | 0.1–0.86 |
/// | numbered objects and street scenes, as they were drawn | 0–0.13 | 0.01–0.14 |
/// | classes by pixel, speckled | 0.12–0.5 | 0.18–0.48, no fewer than on slopes |
/// | layers of classes a pixel or two thick, each next to the ones before and after it | 0.75–1 | 0 |
/// | objects of one or two pixels without a gap | 0.13–1, each value in one place | 0–0.87 |
struct SoftEdges {
    /// Pixels at an edge whose value is neither 0 nor the largest, and those of them on slopes and on peaks.
    private(set) var atEdges = 0
    private(set) var onSlopes = 0
    private(set) var peaks = 0
    /// Of those on slopes, how many differ by more than 1 from a neighbour, and how many are the first of their fragment:
    /// no neighbour before it, in the row or in the one above, has its value.
    private(set) var onJumps = 0
    private(set) var fragments = 0
    /// Different values on slopes, on those that jump, and on slopes or peaks.
    private(set) var values = 0
    private var jumpValues = 0
    private var unlikeValues = 0

    /// Rows that are looked at, spread over the image.
    private static let mostRows = 128
    /// Fewer pixels than these prove nothing.
    private static let fewest = 12

    /// Whether many pixels lie between others: interpolation, a class of borders, speckle, or the smallest objects.
    var hasSlopes: Bool { onSlopes >= Self.fewest && 100 * onSlopes >= 22 * atEdges }

    /// Whether object numbers, or the values of a mask, cannot be as they were given: numbers of tiny objects are
    /// neighbours of any others too, but each occurs in one place (0.2 to 1 fragments a value, against 1.1 to 400).
    var isCertainOfNumbers: Bool { hasSlopes && values >= 3 && 10 * fragments >= 11 * values }

    /// Whether classes cannot be as they were given. In speckled maps of classes peaks are as frequent as slopes, and thin
    /// layers follow each other by 1.
    var isCertainOfClasses: Bool {
        onJumps >= Self.fewest && 100 * onJumps >= 22 * atEdges && jumpValues >= 3 && 2 * peaks <= onJumps
    }

    /// Whether most pixels at edges are unlike both neighbours, in values that occur again and again.
    var hasRipples: Bool {
        let unlike = onSlopes + peaks
        return unlike >= Self.fewest && 10 * unlike >= 4 * atEdges && unlike >= 2 * unlikeValues
    }

    /// - Parameters:
    ///   - samples: one a pixel.
    ///   - ignored: a value whose pixels are not judged.
    init(_ samples: [UInt16], width: Int, height: Int, ignored: Int?) {
        // Whatever made them, values that were enlarged by repetition are looked at as they were before.
        let scale = Self.repetition(samples, width: width, height: height)
        let (across, down) = ((width + scale - 1) / scale, (height + scale - 1) / scale)
        var largest: UInt16 = 0
        for sample in samples where Int(sample) != ignored { largest = max(largest, sample) }
        var (onSlopes, onJumps, onPeaks) = (Set<UInt16>(), Set<UInt16>(), Set<UInt16>())
        samples.withUnsafeBufferPointer { samples in
            for y in stride(from: 0, to: down, by: max(1, down / Self.mostRows)) {
                let row = y * scale * width
                let (above, below) = (max(0, y - 1) * scale * width, min(down - 1, y + 1) * scale * width)
                for x in 0..<across {
                    let place = x * scale
                    let value = samples[row + place]
                    guard value != 0, value != largest, Int(value) != ignored else { continue }
                    let left = samples[row + max(0, x - 1) * scale]
                    let right = samples[row + min(across - 1, x + 1) * scale]
                    let (up, under) = (samples[above + place], samples[below + place])
                    if left == value, right == value, up == value, under == value { continue }
                    atEdges += 1
                    let isBetweenColumns = min(left, right) < value && value < max(left, right)
                    let isBetweenRows = min(up, under) < value && value < max(up, under)
                    if isBetweenColumns || isBetweenRows {
                        self.onSlopes += 1
                        onSlopes.insert(value)
                        let jumps = { (a: UInt16, b: UInt16) in max(a, b) - value > 1 || value - min(a, b) > 1 }
                        if isBetweenColumns && jumps(left, right) || isBetweenRows && jumps(up, under) {
                            self.onJumps += 1
                            onJumps.insert(value)
                        }
                        let before = [
                            samples[above + max(0, x - 1) * scale], samples[above + min(across - 1, x + 1) * scale],
                        ]
                        if left != value, up != value, !before.contains(value) { fragments += 1 }
                    } else if left != value && right != value || up != value && under != value {
                        peaks += 1
                        onPeaks.insert(value)
                    }
                }
            }
        }
        values = onSlopes.count
        jumpValues = onJumps.count
        unlikeValues = onSlopes.union(onPeaks).count
    }

    /// The largest number, at most 8, of whose squares the image consists: more than 1 where each pixel was repeated.
    private static func repetition(_ samples: [UInt16], width: Int, height: Int) -> Int {
        samples.withUnsafeBufferPointer { samples in
            for scale in stride(from: 8, to: 1, by: -1) where width % scale == 0 && height % scale == 0 {
                let isRepeated = (0..<height).allSatisfy { y in
                    let (row, first) = (y * width, y / scale * scale * width)
                    for x in 0..<width where samples[row + x] != samples[first + x / scale * scale] { return false }
                    return true
                }
                if isRepeated { return scale }
            }
            return 1
        }
    }
}
