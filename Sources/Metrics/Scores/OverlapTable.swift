import Kernels

/// How many pixels the regions of a truth share with those of a prediction: the contingency table of two labellings,
/// of which only what is not 0 is kept.
///
/// A region is what bears one number, 0 included; what 0 stands for is up to each score. All sums over a table go in the
/// order of the numbers, so that scores have the same bits everywhere.
public struct OverlapTable: Hashable, Sendable {
    /// Pixels that a region of the truth and one of the prediction share.
    public struct Cell: Hashable, Sendable {
        public let truth: Int32
        public let prediction: Int32
        /// At least 1.
        public let pixels: Int
    }

    /// A region of one side and all its pixels that count.
    public struct Region: Hashable, Sendable {
        public let number: Int32
        /// At least 1.
        public let pixels: Int
    }

    /// In the order of the truth's numbers, then of the prediction's.
    public let cells: [Cell]
    /// In the order of their numbers.
    public let truth: [Region]
    /// In the order of their numbers.
    public let prediction: [Region]

    /// Counts the pixels of two label maps of one size; those that are `LabelMap.ignored` in either do not count.
    public init(truth: LabelMap, prediction: LabelMap) {
        precondition(
            prediction.height == truth.height && prediction.width == truth.width,
            "a prediction of \(prediction.height)×\(prediction.width) for a truth of \(truth.height)×\(truth.width)")
        var counts: [UInt64: Int] = [:]
        var last = UInt64.max
        var run = 0
        // Neighbours mostly belong together: the dictionary is asked once a run.
        for pixel in 0..<truth.height * truth.width {
            let (expected, found) = (truth.values[pixel], prediction.values[pixel])
            guard expected >= 0, found >= 0 else { continue }
            let key = UInt64(UInt32(expected)) << 32 | UInt64(UInt32(found))
            if key != last {
                if run > 0 { counts[last, default: 0] += run }
                (last, run) = (key, 0)
            }
            run += 1
        }
        if run > 0 { counts[last, default: 0] += run }
        cells = counts.sorted { $0.key < $1.key }.map {
            Cell(truth: Int32($0.key >> 32), prediction: Int32($0.key & 0xFFFF_FFFF), pixels: $0.value)
        }
        self.truth = Self.regions(cells.map { ($0.truth, $0.pixels) })
        self.prediction = Self.regions(cells.map { ($0.prediction, $0.pixels) }.sorted { $0.0 < $1.0 })
    }

    /// All pixels that count.
    public var pixels: Int { truth.reduce(0) { $0 + $1.pixels } }

    /// Sums neighbours that bear one number.
    private static func regions(_ parts: [(number: Int32, pixels: Int)]) -> [Region] {
        var regions: [Region] = []
        for (number, pixels) in parts {
            if let last = regions.last, last.number == number {
                regions[regions.count - 1] = Region(number: number, pixels: last.pixels + pixels)
            } else {
                regions.append(Region(number: number, pixels: pixels))
            }
        }
        return regions
    }

    /// The table of the truth's regions above 0 alone, as foreground-restricted scores want it.
    var foreground: Foreground { Foreground(self) }

    /// What the truth's foreground holds.
    struct Foreground {
        /// Cells of regions above 0 on both sides.
        let cells: [Cell]
        /// The truth's regions above 0, where the prediction has 0 included.
        let truth: [Region]
        /// The prediction's regions above 0, within the truth's foreground.
        let prediction: [Region]
        /// Pixels of the truth's foreground where the prediction has 0: its borders.
        let borders: Int
        /// All pixels of the truth's foreground.
        let pixels: Int

        init(_ table: OverlapTable) {
            let restricted = table.cells.filter { $0.truth > 0 }
            cells = restricted.filter { $0.prediction > 0 }
            truth = table.truth.filter { $0.number > 0 }
            prediction = OverlapTable.regions(
                cells.map { ($0.prediction, $0.pixels) }.sorted { $0.0 < $1.0 })
            borders = restricted.reduce(0) { $0 + ($1.prediction == 0 ? $1.pixels : 0) }
            pixels = truth.reduce(0) { $0 + $1.pixels }
        }
    }
}
