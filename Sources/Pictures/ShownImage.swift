import Datasets
import Images
import Kernels

/// An image as a picture shows it: in colour with three channels, else its first channel in grey; a large one scaled down
/// by means over areas.
///
/// RGB of 8 bits keeps its colours. Other values have no full scale that a person would see much of: they are stretched so
/// that the darkest and the brightest half percent become black and white.
public struct ShownImage {
    /// Pixels of a side of a panel, of several in one picture.
    public static let mostOfPanel = 1500
    /// Pixels of a side of a picture of one panel.
    public static let mostOfPicture = 4096

    let reduction: Reduction
    /// H×W×(1 or 3), of the picture before it is enlarged.
    private let values: Tensor
    /// The values that become black and white.
    private let range: (low: Float, high: Float)

    /// Values on any scale, H×W×C.
    public init(_ image: Tensor, atMost most: Int = mostOfPanel) {
        reduction = Reduction(height: image.height, width: image.width, atMost: most)
        var means = AreaMeans(reduction, channels: image.channels)
        for y in 0..<image.height {
            let row = image.base + y * image.width * image.channels
            means.add(y) { row[$0] }
        }
        values = means.result
        range = Self.visibleRange(values)
    }

    /// An image of a file, or of memory, read from its top to its bottom.
    public init(_ image: any ImageRows, atMost most: Int = mostOfPicture) throws {
        reduction = Reduction(height: image.height, width: image.width, atMost: most)
        var means = AreaMeans(reduction, channels: image.channels)
        let band = max(1, (1 << 20) / max(image.width * image.channels, 1))
        let length = image.width * image.channels
        for top in stride(from: 0, to: image.height, by: band) {
            let part = try image.read(top..<min(top + band, image.height))
            for row in 0..<part.height {
                switch part.content {
                case .integers(let samples):
                    samples.withUnsafeBufferPointer { samples in
                        means.add(top + row) { Float(samples[row &* length &+ $0]) }
                    }
                case .floats(let samples):
                    samples.withUnsafeBufferPointer { samples in means.add(top + row) { samples[row &* length &+ $0] } }
                }
            }
        }
        values = means.result
        range = image.channels == 3 && image.maximum == 255 ? (0, 255) : Self.visibleRange(values)
    }

    /// Each pixel `scale`×`scale` large.
    func canvas(scale: Int) -> Canvas {
        var canvas = Canvas(width: values.width * scale, height: values.height * scale, filledWith: RGBColor(0, 0, 0))
        let (low, factor) = (range.low, 255 / (range.high - range.low))
        func level(_ value: Float) -> UInt8 {
            let level = (value - low) * factor
            return level > 0 ? UInt8(min(level, 255).rounded()) : 0
        }
        for y in 0..<values.height {
            for x in 0..<values.width {
                let red = level(values[y, x, 0])
                let color =
                    values.channels == 3
                    ? RGBColor(red, level(values[y, x, 1]), level(values[y, x, 2])) : RGBColor(red, red, red)
                for row in y * scale..<(y + 1) * scale {
                    for column in x * scale..<(x + 1) * scale { canvas[row, column] = color }
                }
            }
        }
        return canvas
    }

    /// The values that half a percent of the image's lie below and above; values that are not finite do not count.
    private static func visibleRange(_ image: Tensor) -> (low: Float, high: Float) {
        // A hundred thousand pixels are enough to know the distribution.
        let step = max(1, image.shape.pixels / 100_000)
        var values = [Float]()
        for pixel in stride(from: 0, to: image.shape.pixels, by: step) {
            for channel in 0..<image.channels {
                let value = image.base[pixel * image.channels + channel]
                if value.isFinite { values.append(value) }
            }
        }
        values.sort()
        guard let smallest = values.first, let largest = values.last else { return (0, 1) }
        let low = values[values.count / 200]
        let high = values[values.count - 1 - values.count / 200]
        if low < high { return (low, high) }
        // Nearly all values are equal: what differs is all there is to see; an empty image becomes mid grey.
        return smallest < largest ? (smallest, largest) : (smallest - 1, smallest + 1)
    }
}

/// How the pixels of an image become the fewer ones of a picture, of the same proportions; one that is small enough keeps
/// its own. An image less than 256 pixels wide is enlarged by a whole number, so that a person sees something.
struct Reduction: Hashable {
    let height: Int
    let width: Int
    let shownHeight: Int
    let shownWidth: Int

    init(height: Int, width: Int, atMost most: Int) {
        self.height = height
        self.width = width
        let side = max(height, width)
        func shown(_ length: Int) -> Int {
            side <= most ? length : max(1, (length * most + side / 2) / side)
        }
        (shownHeight, shownWidth) = (shown(height), shown(width))
    }

    /// How large each pixel is drawn.
    var enlargement: Int { enlargement(toWidth: 256) }

    /// Not so much that a narrow image becomes higher than a picture may be.
    func enlargement(toWidth least: Int) -> Int {
        let wanted = (max(least, shownWidth) + shownWidth - 1) / max(shownWidth, 1)
        return max(1, min(wanted, ShownImage.mostOfPicture / max(shownHeight, 1)))
    }

    /// The pixels of a row or column of the picture, of which there are `shown` for `length`.
    func source(_ position: Int, of shown: Int, length: Int) -> Range<Int> {
        position * length / shown..<max((position + 1) * length / shown, position * length / shown + 1)
    }

    /// Labels of the picture: of each area that in its middle.
    func labels(_ labels: LabelMap) -> LabelMap {
        precondition(labels.height == height && labels.width == width, "labels of another size than the image")
        guard shownHeight != height || shownWidth != width else { return labels }
        let result = LabelMap(height: shownHeight, width: shownWidth)
        for y in 0..<shownHeight {
            let rows = source(y, of: shownHeight, length: height)
            for x in 0..<shownWidth {
                let columns = source(x, of: shownWidth, length: width)
                result[y, x] = labels[rows.lowerBound + rows.count / 2, columns.lowerBound + columns.count / 2]
            }
        }
        return result
    }
}

/// Means over the areas that become a picture's pixels, of rows that come from the top; of three channels all are kept, else
/// the first. What is not finite counts in none, unless there is nothing else.
private struct AreaMeans {
    let result: Tensor
    private let reduction: Reduction
    private let channels: Int
    private var counts: [Int32]
    private var shownRow = 0

    init(_ reduction: Reduction, channels: Int) {
        self.reduction = reduction
        self.channels = channels
        result = Tensor(reduction.shownHeight, reduction.shownWidth, channels == 3 ? 3 : 1)
        counts = Array(repeating: 0, count: reduction.shownWidth * (channels == 3 ? 3 : 1))
    }

    /// - Parameter value: of a row, by its number in it: the channels of a pixel side by side.
    mutating func add(_ y: Int, _ value: (Int) -> Float) {
        let kept = result.channels
        let out = result.base + shownRow * reduction.shownWidth * kept
        for x in 0..<reduction.shownWidth {
            for column in reduction.source(x, of: reduction.shownWidth, length: reduction.width) {
                for channel in 0..<kept {
                    let value = value(column &* channels &+ channel)
                    guard value.isFinite else { continue }
                    out[x &* kept &+ channel] += value
                    counts[x &* kept &+ channel] += 1
                }
            }
        }
        guard y + 1 == reduction.source(shownRow, of: reduction.shownHeight, length: reduction.height).upperBound
        else { return }
        for place in counts.indices {
            out[place] = counts[place] == 0 ? .nan : out[place] / Float(counts[place])
            counts[place] = 0
        }
        shownRow += 1
    }
}
