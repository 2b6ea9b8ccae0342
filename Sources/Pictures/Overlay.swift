import Images
import Kernels

/// Draws classes over the image that they belong to: a translucent tint and a crisp outline around each region.
///
/// Images less than 256 pixels wide are enlarged by a whole number, so that a person sees something.
public struct Overlay: Sendable {
    public let colors: ClassColors

    /// Share of the classes' colours in the tint.
    static let opacity: Float = 0.3

    public init(colors: ClassColors) {
        self.colors = colors
    }

    /// An RGB picture of 8 bits a channel.
    ///
    /// - Parameters:
    ///   - image: H×W×C values on any scale; shown in colour with three channels, else its first channel in grey.
    ///   - classes: H×W classes; ignored pixels are darkened.
    public func picture(image: Tensor, classes: LabelMap) -> RasterImage {
        canvas(image: image, classes: classes).raster
    }

    func canvas(image: Tensor, classes: LabelMap) -> Canvas {
        precondition(
            image.height == classes.height && image.width == classes.width,
            "classes of \(classes.height)×\(classes.width) on an image of \(image.shape)")
        let scale = Canvas.scale(forWidth: image.width)
        var canvas = Canvas(image, scale: scale)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let index = classes[y / scale, x / scale]
                if index == LabelMap.ignored {
                    canvas.darken(y: y, x: x)
                } else if let color = colors.tint(index) {
                    let isOutline = Self.isOutline(classes, y: y, x: x, scale: scale)
                    canvas.tint(y: y, x: x, color, opacity: isOutline ? 1 : Self.opacity)
                }
            }
        }
        return canvas
    }

    /// Whether another class begins beside this pixel of the enlarged picture.
    static func isOutline(_ classes: LabelMap, y: Int, x: Int, scale: Int) -> Bool {
        let here = classes[y / scale, x / scale]
        return (y > 0 && classes[(y - 1) / scale, x / scale] != here)
            || (y + 1 < classes.height * scale && classes[(y + 1) / scale, x / scale] != here)
            || (x > 0 && classes[y / scale, (x - 1) / scale] != here)
            || (x + 1 < classes.width * scale && classes[y / scale, (x + 1) / scale] != here)
    }
}

extension Canvas {
    /// Marks a pixel that counts in no score.
    mutating func darken(y: Int, x: Int) { tint(y: y, x: x, RGBColor(0, 0, 0), opacity: 0.6) }
}
