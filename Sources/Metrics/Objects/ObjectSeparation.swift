import Kernels
import Support

/// Instance segmentation from class probabilities: the regions of each class, split by a watershed where objects touch.
///
/// The landscape that is flooded is the depth inside a region: the distance to the nearest pixel outside, averaged over
/// regions of growing certainty. A neck between two blobs is a pass in it, and so is a seam along which the network is
/// less sure. Peaks that stand out become markers (`SignificantPeaks`), and a watershed grows them until they meet.
/// Classes are flooded one by one: objects of two classes never mix.
public struct ObjectSeparation: Sendable {
    /// Objects of fewer pixels are left out.
    public var minimumSize: Int

    /// The regions: a class where it is the most probable, and within that where it is more probable than this.
    private static let certainties: [Float] = [0, 0.6, 0.7, 0.8, 0.9]
    private static let peaks = SignificantPeaks(leastDynamics: 0.5, leastShare: 0.1)

    public init(minimumSize: Int = 0) {
        self.minimumSize = minimumSize
    }

    /// Numbers the objects from 1 up, in the order of their first pixels; 0 is background.
    ///
    /// A class is taken region by region, each with the pixels around it alone, or as a whole where its regions lie so
    /// intertwined that this is less work. The objects are the same.
    ///
    /// - Parameters:
    ///   - classes: H×W most probable classes.
    ///   - certainty: the probabilities of these classes, row by row.
    ///
    /// Throws `Failure.request` where a region is too large for its distances, or for the memory that is free.
    public func objects(classes: LabelMap, certainty: [Float]) throws -> (objects: LabelMap, count: Int) {
        let (height, width) = (classes.height, classes.width)
        precondition(
            certainty.count == height * width, "\(certainty.count) probabilities for \(height)×\(width) pixels")
        let (all, regions) = ConnectedComponents.label(classes)
        var windows: [Int32: [Window]] = [:]
        for (region, window) in Window.around(all, count: regions).enumerated() {
            windows[classes.values[window.firstPixel], default: []].append(
                Window(window, of: Int32(region + 1), within: classes))
        }
        // The regions' own numbers give way to those of the objects, which are negative until all are found.
        var count: Int32 = 0
        for (index, own) in windows.sorted(by: { $0.key < $1.key }) {
            let whole = Window(joining: own)
            let together = own.reduce(0) { $0 + $1.area } > whole.area && whole.fits
            for window in together ? [whole] : own {
                count += try Self.separate(window, of: index, all, classes, certainty, numbersBelow: count)
            }
        }
        for pixel in 0..<height * width { all.values[pixel] = -all.values[pixel] }
        return Self.renumbered(all, largest: Int(count), minimumSize: minimumSize)
    }

    /// Parts a region, or all regions of a class, into objects.
    ///
    /// - Parameters:
    ///   - all: numbers of regions above 0, which the window's give way to the objects' numbers below 0.
    ///   - last: the number of objects found before.
    /// - Returns: how many were found.
    private static func separate(
        _ window: Window, of index: Int32, _ all: LabelMap, _ classes: LabelMap, _ certainty: [Float],
        numbersBelow last: Int32
    ) throws -> Int32 {
        let (height, width) = (window.rows.count, window.columns.count)
        guard window.fits else {
            throw Failure.request(
                "an object of class \(index) reaches over \(width)×\(height) pixels, and objects are parted where height and width are at most \(DistanceTransform.mostSides) together: cut the image into smaller ones"
            )
        }
        try MachineMemory.require(
            Double(bytesPerPixel * height * width), for: "parting objects in a region of \(width)×\(height) pixels",
            advice: "cut the image into smaller ones, or leave out --instances")
        let part = LabelMap(height: height, width: width, filledWith: 0)
        var sure = [Float](repeating: 0, count: height * width)
        var mask = [Bool](repeating: false, count: height * width)
        window.each(width: classes.width) { pixel, place in
            part.values[place] = classes.values[pixel]
            sure[place] = certainty[pixel]
            let number = all.values[pixel]
            mask[place] = window.region.map { $0 == number } ?? (classes.values[pixel] == index)
        }
        let depth = depth(of: index, in: part, sure)
        let markers = peaks.markers(depth, within: mask, height: height, width: width)
        let found = Watershed.flood(depth.map { -$0 }, markers: markers, within: mask, keepsLines: false)
        var largest: Int32 = 0
        window.each(width: classes.width) { pixel, place in
            let number = found.values[place]
            guard number > 0 else { return }
            all.values[pixel] = -(last + number)
            largest = max(largest, number)
        }
        return largest
    }

    /// Bytes that parting takes a pixel: depths, distances, markers, regions, and the queues of the flood.
    private static let bytesPerPixel = 64

    /// A part of an image in which regions are parted, with a margin: of other regions of the class, what their smoothed
    /// depth adds to that of this one. Their pixels count where they are within two of it, and have their own nearest
    /// pixel outside within three.
    private struct Window {
        private static let margin = 5

        var rows: Range<Int>
        var columns: Range<Int>
        /// The region's number; nil for all of the class.
        let region: Int32?
        /// One of its pixels, row·width + column of the image.
        let firstPixel: Int

        var area: Int { rows.count * columns.count }
        var fits: Bool { rows.count + columns.count <= DistanceTransform.mostSides }

        /// Closely around each region, in the order of their numbers.
        static func around(_ regions: LabelMap, count: Int) -> [Window] {
            var windows: [Window] = []
            windows.reserveCapacity(count)
            for y in 0..<regions.height {
                for x in 0..<regions.width {
                    let number = Int(regions[y, x])
                    guard number > 0 else { continue }
                    if number > windows.count {
                        windows.append(
                            Window(
                                rows: y..<y + 1, columns: x..<x + 1, region: nil, firstPixel: y * regions.width + x))
                    } else {
                        let columns = windows[number - 1].columns
                        windows[number - 1].rows = windows[number - 1].rows.lowerBound..<y + 1
                        windows[number - 1].columns =
                            min(columns.lowerBound, x)..<max(columns.upperBound, x + 1)
                    }
                }
            }
            return windows
        }

        private init(rows: Range<Int>, columns: Range<Int>, region: Int32?, firstPixel: Int) {
            (self.rows, self.columns, self.region, self.firstPixel) = (rows, columns, region, firstPixel)
        }

        /// With its margin, within the image.
        init(_ close: Window, of region: Int32, within image: LabelMap) {
            func wider(_ range: Range<Int>, _ side: Int) -> Range<Int> {
                max(range.lowerBound - Self.margin, 0)..<min(range.upperBound + Self.margin, side)
            }
            self.init(
                rows: wider(close.rows, image.height), columns: wider(close.columns, image.width), region: region,
                firstPixel: close.firstPixel)
        }

        init(joining windows: [Window]) {
            func all(_ ranges: [Range<Int>]) -> Range<Int> {
                (ranges.map(\.lowerBound).min() ?? 0)..<(ranges.map(\.upperBound).max() ?? 0)
            }
            self.init(
                rows: all(windows.map(\.rows)), columns: all(windows.map(\.columns)), region: nil,
                firstPixel: windows[0].firstPixel)
        }

        /// Each pixel's place in the image, of that width, and in this part.
        func each(width: Int, _ body: (Int, Int) -> Void) {
            var place = 0
            for y in rows {
                for pixel in y * width + columns.lowerBound..<y * width + columns.upperBound {
                    body(pixel, place)
                    place += 1
                }
            }
        }
    }

    /// The depth of each pixel inside its class's regions, smoothed a little, since distances on a grid are rough.
    private static func depth(of index: Int32, in classes: LabelMap, _ certainty: [Float]) -> [Float] {
        let (height, width) = (classes.height, classes.width)
        var depth = [Float](repeating: 0, count: height * width)
        for least in certainties {
            let squared = DistanceTransform.squared(height: height, width: width) {
                classes.values[$0] != index || certainty[$0] <= least
            }
            for pixel in 0..<depth.count { depth[pixel] += Float(squared[pixel]).squareRoot() }
        }
        let share = 1 / Float(certainties.count)
        for pixel in 0..<depth.count { depth[pixel] *= share }
        return smoothed(depth, height: height, width: width)
    }

    /// The binomial filter (1 4 6 4 1)/16 along both axes: nearly a Gaussian of one pixel's deviation. Beyond the edge the
    /// edge's value stands. Not `GreyValues.blur`: here the taps are summed in pairs, so that symmetric objects have
    /// symmetric depths, bit for bit, and no rounding decides which of two equal peaks comes first.
    private static func smoothed(_ values: [Float], height: Int, width: Int) -> [Float] {
        func filtered(_ source: [Float], length: Int, step: Int, lines: Int, lineStep: Int) -> [Float] {
            var result = source
            source.withUnsafeBufferPointer { source in
                for line in 0..<lines {
                    let start = line * lineStep
                    func at(_ i: Int) -> Float { source[start &+ min(max(i, 0), length &- 1) &* step] }
                    for i in 0..<length {
                        let outer = at(i &- 2) + at(i &+ 2)
                        let inner = at(i &- 1) + at(i &+ 1)
                        result[start &+ i &* step] = (outer + 4 * inner + 6 * at(i)) / 16
                    }
                }
            }
            return result
        }
        let across = filtered(values, length: width, step: 1, lines: height, lineStep: width)
        return filtered(across, length: height, step: width, lines: width, lineStep: 1)
    }

    /// Leaves out small objects, and numbers the others in the order of their first pixels.
    private static func renumbered(
        _ objects: LabelMap, largest: Int, minimumSize: Int
    ) -> (objects: LabelMap, count: Int) {
        let pixels = objects.height * objects.width
        var sizes = [Int](repeating: 0, count: largest + 1)
        for pixel in 0..<pixels { sizes[Int(objects.values[pixel])] += 1 }
        var numbers = [Int32](repeating: 0, count: largest + 1)
        var count: Int32 = 0
        for pixel in 0..<pixels {
            let old = Int(objects.values[pixel])
            guard old > 0, sizes[old] >= minimumSize else {
                objects.values[pixel] = 0
                continue
            }
            if numbers[old] == 0 {
                count += 1
                numbers[old] = count
            }
            objects.values[pixel] = numbers[old]
        }
        return (objects, Int(count))
    }
}
