import Datasets
import Images
import Kernels
import Metrics
import Support

/// What the pixels of a data set's label files are, before it is known what they mean.
package struct LabelEvidence {
    /// Label images that were looked at.
    private(set) var count = 0
    /// Those that are pictures, with three samples a pixel.
    private(set) var pictures = 0
    /// Pixels of each value, of those with one sample a pixel.
    private(set) var values: [Int: Int] = [:]
    /// Full scale of them; the largest.
    private(set) var maximum = 255
    /// Pixels of each colour, of pictures and of palettes.
    private(set) var colors: [RGBColor: Int] = [:]
    /// Colours of the values, where all files have palettes that agree on those that occur.
    private(set) var palette: [Int: RGBColor] = [:]
    private(set) var hasPalettes = false
    private(set) var palettesDiffer = false
    /// The values above 0 of each file.
    private(set) var valueSets: [Set<Int>] = []
    /// Of each file with values above 0: how many connected regions one has on average.
    private(set) var regionsPerValue: [Double] = []
    /// Regions above 0, of all files.
    private(set) var regions = 0
    /// Pixels of the upper and of the lower third, by their value or packed colour.
    private var upper: [Int: Int] = [:]
    private var lower: [Int: Int] = [:]
    /// The first label, for failures.
    private(set) var first = ""

    /// Files of which more are not looked at.
    private static let mostRead = 3000

    /// Throws `Failure.request` where a file cannot be read, was compressed with loss, or holds no labels.
    package init(_ pages: [ImagePage], progress: (Int) -> Void = { _ in }) throws {
        first = pages.first?.name ?? ""
        for (index, page) in pages.spread(Self.mostRead).enumerated() {
            progress(index)
            let raster = try SampleReader.readNumbers(page).numbers.labelValues(path: page.name)
            count += 1
            switch raster.channels {
            case 1: addValues(of: raster)
            case 3: try addColors(of: raster, page.name)
            default: _ = try LabelEncoding.index.decode(raster, classes: 2, ignoreValue: nil, path: page.name)
            }
        }
    }

    private mutating func addValues(of raster: RasterImage) {
        let samples = raster.samples
        maximum = max(maximum, Int(clamping: raster.maximum))
        let histogram = LabelHistogram(samples, maximum: raster.maximum)
        for (value, pixels) in histogram.counts { values[Int(value), default: 0] += pixels }
        let third = raster.height / 3 * raster.width
        for (value, pixels) in LabelHistogram(Array(samples.prefix(third)), maximum: raster.maximum).counts {
            upper[Int(value), default: 0] += pixels
        }
        for (value, pixels) in LabelHistogram(Array(samples.suffix(third)), maximum: raster.maximum).counts {
            lower[Int(value), default: 0] += pixels
        }
        if let table = raster.palette {
            hasPalettes = true
            for (value, pixels) in histogram.counts where Int(value) < table.count {
                let color = table[Int(value)]
                colors[color, default: 0] += pixels
                if palette.updateValue(color, forKey: Int(value)).map({ $0 != color }) == true { palettesDiffer = true }
            }
        }
        let numbers = Set(histogram.counts.map { Int($0.value) }).subtracting([0])
        valueSets.append(numbers)
        guard !numbers.isEmpty else { return }
        let map = LabelMap(height: raster.height, width: raster.width)
        for pixel in 0..<samples.count { map.values[pixel] = Int32(samples[pixel]) }
        let count = ConnectedComponents.label(map).count
        regions += count
        regionsPerValue.append(Double(count) / Double(numbers.count))
    }

    private mutating func addColors(of raster: RasterImage, _ name: String) throws {
        pictures += 1
        let samples = raster.samples
        let third = raster.height / 3 * raster.width
        let pixels = raster.width * raster.height
        let full = Int(clamping: raster.maximum)
        /// Adds a run of alike pixels.
        func add(_ color: RGBColor, from start: Int, to end: Int) {
            colors[color, default: 0] += end - start
            let packed = Int(color.red) << 16 | Int(color.green) << 8 | Int(color.blue)
            let (above, below) = (min(end, third) - start, end - max(start, pixels - third))
            if above > 0 { upper[packed, default: 0] += above }
            if below > 0 { lower[packed, default: 0] += below }
        }
        var start = 0
        for pixel in 1...pixels {
            if pixel < pixels, samples[3 * pixel] == samples[3 * start],
                samples[3 * pixel + 1] == samples[3 * start + 1], samples[3 * pixel + 2] == samples[3 * start + 2]
            {
                continue
            }
            let levels = (0..<3).map { Int(samples[3 * start + $0]) * 255 }
            guard levels.allSatisfy({ $0 % full == 0 }) else {
                throw Failure.request(
                    "label \(name) has a colour that 8 bits cannot say at row \(start / raster.width), column "
                        + "\(start % raster.width): save it as grey with a number for each class, or as RGB of 8 bits")
            }
            let bytes = levels.map { UInt8($0 / full) }
            add(RGBColor(bytes[0], bytes[1], bytes[2]), from: start, to: pixel)
            start = pixel
        }
    }

    /// How unlike the upper and the lower third of the images are: half the sum of the differences of their values' shares,
    /// 0 to 1; 0 with fewer images than tell.
    ///
    /// - Parameter areObjects: whether all values above 0 are one class.
    func verticalDifference(areObjects: Bool) -> Double {
        guard count >= 4 else { return 0 }
        func shares(_ counts: [Int: Int]) -> [Int: Double] {
            let total = Double(max(1, counts.values.reduce(0, +)))
            var shares: [Int: Double] = [:]
            for (key, pixels) in counts { shares[areObjects ? min(key, 1) : key, default: 0] += Double(pixels) / total }
            return shares
        }
        let (upper, lower) = (shares(upper), shares(lower))
        return Set(upper.keys).union(lower.keys).reduce(0) { $0 + abs((upper[$1] ?? 0) - (lower[$1] ?? 0)) } / 2
    }

    /// Whether values are numbers of objects: each is one region or nearly so, and files differ in which they have.
    var areObjectNumbers: Bool {
        let largest = values.keys.max() ?? 0
        let several = zip(valueSets.filter { !$0.isEmpty }, regionsPerValue).filter { $0.0.count > 1 }
        guard !several.isEmpty, largest > 2 else { return false }
        guard let usual = median(several.map(\.1)), usual <= 1.3 else { return false }
        // Classes that lie in one piece each, organs say, are the same ones in most files.
        let sets = valueSets.filter { !$0.isEmpty }
        guard sets.count > 1 else { return largest >= 8 }
        let alike = Dictionary(grouping: sets) { $0 }.values.map(\.count).max() ?? 0
        return 2 * alike <= sets.count && largest >= 4
    }
}
