import Images
import Kernels

/// An RGB picture of 8 bits a channel that is being drawn.
struct Canvas {
    let width: Int
    let height: Int
    private var pixels: [RGBColor]

    init(width: Int, height: Int, filledWith color: RGBColor) {
        self.width = width
        self.height = height
        pixels = Array(repeating: color, count: width * height)
    }

    /// An image's values as a person wants to see them: in colour with three channels, else grey from the first;
    /// stretched so that the darkest and the brightest half percent become black and white, since normalised values
    /// have no full scale; each pixel `scale`×`scale` large.
    init(_ image: Tensor, scale: Int) {
        self.init(width: image.width * scale, height: image.height * scale, filledWith: RGBColor(0, 0, 0))
        let isColor = image.channels == 3
        let range = Self.visibleRange(image, channels: isColor ? 3 : 1)
        let level = { (y: Int, x: Int, c: Int) -> UInt8 in
            let value = (image[y, x, c] - range.low) / (range.high - range.low)
            return value > 0 ? UInt8(min(value * 255, 255).rounded()) : 0
        }
        for y in 0..<image.height {
            for x in 0..<image.width {
                let first = level(y, x, 0)
                let color =
                    isColor ? RGBColor(first, level(y, x, 1), level(y, x, 2)) : RGBColor(first, first, first)
                for row in (y * scale)..<((y + 1) * scale) {
                    for column in (x * scale)..<((x + 1) * scale) { self[row, column] = color }
                }
            }
        }
    }

    subscript(y: Int, x: Int) -> RGBColor {
        get { pixels[y * width + x] }
        set { pixels[y * width + x] = newValue }
    }

    /// Lays a colour over a pixel; `opacity` 1 hides what was there.
    mutating func tint(y: Int, x: Int, _ color: RGBColor, opacity: Float) {
        self[y, x] = self[y, x].mixed(with: color, opacity)
    }

    /// Pictures of one size side by side, with white gaps between them.
    static func sideBySide(_ panels: [Canvas]) -> Canvas {
        let gap = 6
        let (width, height) = (panels.first?.width ?? 0, panels.first?.height ?? 0)
        var whole = Canvas(
            width: panels.count * (width + gap) - gap, height: height, filledWith: RGBColor(255, 255, 255))
        for (number, panel) in panels.enumerated() { whole.paste(panel, x: number * (width + gap)) }
        return whole
    }

    /// Copies another picture into this one.
    private mutating func paste(_ other: Canvas, x: Int) {
        for y in 0..<other.height {
            for column in 0..<other.width { self[y, x + column] = other[y, column] }
        }
    }

    var raster: RasterImage {
        var samples = [UInt16]()
        samples.reserveCapacity(3 * pixels.count)
        for pixel in pixels {
            samples.append(UInt16(pixel.red))
            samples.append(UInt16(pixel.green))
            samples.append(UInt16(pixel.blue))
        }
        return RasterImage(width: width, height: height, channels: 3, samples: samples)
    }

    /// By how much an image is enlarged, so that it is at least 256 pixels wide.
    static func scale(forWidth width: Int) -> Int { width >= 256 ? 1 : (255 + width) / max(width, 1) }

    /// The values that half a percent of the image's lie below and above; values that are not finite do not count.
    private static func visibleRange(_ image: Tensor, channels: Int) -> (low: Float, high: Float) {
        // A hundred thousand pixels are enough to know the distribution.
        let step = max(1, image.shape.pixels / 100_000)
        var values = [Float]()
        for pixel in stride(from: 0, to: image.shape.pixels, by: step) {
            for channel in 0..<channels {
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
