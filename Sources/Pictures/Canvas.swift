import Images
import Kernels

/// An RGB picture of 8 bits a channel that is being drawn.
struct Canvas {
    let width: Int
    let height: Int
    private var pixels: [RGBColor]

    static let white = RGBColor(255, 255, 255)
    static let black = RGBColor(0, 0, 0)
    static let ink = RGBColor(34, 34, 34)

    init(width: Int, height: Int, filledWith color: RGBColor) {
        self.width = width
        self.height = height
        pixels = Array(repeating: color, count: width * height)
    }

    subscript(y: Int, x: Int) -> RGBColor {
        get { pixels[y * width + x] }
        set { pixels[y * width + x] = newValue }
    }

    /// Lays a colour over a pixel; `opacity` 1 hides what was there.
    mutating func tint(y: Int, x: Int, _ color: RGBColor, opacity: Float) {
        self[y, x] = self[y, x].mixed(with: color, opacity)
    }

    /// Marks a pixel that counts in no score.
    mutating func darken(y: Int, x: Int) { tint(y: y, x: x, Self.black, opacity: 0.6) }

    /// Copies another picture into this one.
    mutating func paste(_ other: Canvas, x: Int, y: Int = 0) {
        for row in 0..<other.height {
            for column in 0..<other.width { self[y + row, x + column] = other[row, column] }
        }
    }

    /// Fills a rectangle, as far as it lies inside.
    mutating func fill(x: Int, y: Int, width: Int, height: Int, _ color: RGBColor) {
        for row in max(y, 0)..<max(min(y + height, self.height), max(y, 0)) {
            for column in max(x, 0)..<max(min(x + width, self.width), max(x, 0)) { self[row, column] = color }
        }
    }

    /// Writes a line of text, its upper left corner at (x, y), each pixel of the font `scale`×`scale` large; what lies
    /// outside is cut off.
    ///
    /// - Parameter halo: a colour around the letters, so that they show on any ground.
    mutating func write(_ text: String, x: Int, y: Int, scale: Int, _ color: RGBColor, halo: RGBColor? = nil) {
        for pass in halo == nil ? [color] : [halo ?? color, color] {
            let edge = pass == halo && halo != nil ? 1 : 0
            for (index, character) in text.enumerated() {
                for (row, bits) in BitmapFont.rows(character).enumerated() where bits != 0 {
                    for column in 0..<BitmapFont.width where bits >> UInt8(BitmapFont.width - 1 - column) & 1 == 1 {
                        fill(
                            x: x + (index * BitmapFont.width + column) * scale - edge, y: y + row * scale - edge,
                            width: scale + 2 * edge, height: scale + 2 * edge, pass)
                    }
                }
            }
        }
    }

    var raster: RasterImage {
        let samples = [UInt16](unsafeUninitializedCapacity: 3 * pixels.count) { buffer, filled in
            for (place, pixel) in pixels.enumerated() {
                buffer[3 * place] = UInt16(pixel.red)
                buffer[3 * place + 1] = UInt16(pixel.green)
                buffer[3 * place + 2] = UInt16(pixel.blue)
            }
            filled = 3 * pixels.count
        }
        return RasterImage(width: width, height: height, channels: 3, samples: samples)
    }
}

extension Canvas {
    /// Draws the outlines of regions: the outermost pixels of each in its colour, and a halo around them, dark beside a
    /// bright line and bright beside a dark one, so that they show on any ground.
    ///
    /// - Parameters:
    ///   - labels: of the picture before it is enlarged.
    ///   - scale: how large its pixels are.
    ///   - color: of a label's outline; nil for none.
    mutating func outline(_ labels: Reduced, scale: Int, _ color: (Int32) -> RGBColor?) {
        let labels = labels.labels
        precondition(labels.width * scale == width && labels.height * scale == height, "labels of another size")
        // 0 nothing, 1 a line, 2 its dark halo, 3 its bright one.
        var marks = [UInt8](repeating: 0, count: width * height)
        func label(_ y: Int, _ x: Int) -> Int32 { labels[y / scale, x / scale] }
        for y in 0..<height {
            for x in 0..<width {
                let here = label(y, x)
                guard here > 0 || here == 0 && color(0) != nil, let line = color(here) else { continue }
                let isEdge =
                    y > 0 && label(y - 1, x) != here || y + 1 < height && label(y + 1, x) != here
                    || x > 0 && label(y, x - 1) != here || x + 1 < width && label(y, x + 1) != here
                guard isEdge else { continue }
                marks[y * width + x] = 1
                for row in max(y - 1, 0)...min(y + 1, height - 1) {
                    for column in max(x - 1, 0)...min(x + 1, width - 1) where marks[row * width + column] != 1 {
                        marks[row * width + column] = line.isBright ? 2 : 3
                    }
                }
            }
        }
        for y in 0..<height {
            for x in 0..<width {
                switch marks[y * width + x] {
                case 1: if let line = color(label(y, x)) { self[y, x] = line }
                case 2: tint(y: y, x: x, Self.black, opacity: Self.haloOpacity)
                case 3: tint(y: y, x: x, Self.white, opacity: Self.haloOpacity)
                default: break
                }
            }
        }
    }

    private static let haloOpacity: Float = 0.65
}

/// Labels that were scaled down as the image was.
struct Reduced {
    let labels: LabelMap

    init(_ labels: LabelMap, _ reduction: Reduction) { self.labels = reduction.labels(labels) }
}

extension RGBColor {
    /// Whether black stands out from it more than white does.
    var isBright: Bool { luma > 110_000 }
}
