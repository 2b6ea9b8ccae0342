import Images
import Kernels

/// Draws classes over the image that they belong to: a translucent tint, an outline around each region, and a legend of the
/// classes that there are.
public struct Overlay: Sendable {
    public let colors: ClassColors
    public let names: [String]

    /// Share of the classes' colours in the tint.
    static let opacity: Float = 0.3

    /// - Parameter names: one a class; nil for "background" and "foreground", or numbers.
    public init(colors: ClassColors, names: [String]? = nil) {
        self.colors = colors
        self.names = names ?? ClassColors.names(classes: colors.colors.count)
    }

    /// An RGB picture of 8 bits a channel.
    ///
    /// - Parameter classes: H×W classes; ignored pixels are darkened.
    public func picture(image: ShownImage, classes: LabelMap) -> RasterImage {
        Legend.picture(
            [("", canvas(image: image, classes: classes))], columns: 1, legend(of: [classes], isMarked: true)
        ).raster
    }

    /// The same without a legend, for a page that says itself what the colours mean: values on any scale, of their own size.
    public func picture(image: Tensor, classes: LabelMap) -> RasterImage {
        canvas(image: ShownImage(image, atMost: .max), classes: classes).raster
    }

    func canvas(image: ShownImage, classes: LabelMap, opacity: Float = opacity, isOutlined: Bool = true) -> Canvas {
        let scale = image.reduction.enlargement
        let shown = Reduced(classes, image.reduction)
        var canvas = image.canvas(scale: scale)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let index = shown.labels[y / scale, x / scale]
                if index == LabelMap.ignored {
                    canvas.darken(y: y, x: x)
                } else if let color = colors.tint(index) {
                    canvas.tint(y: y, x: x, color, opacity: opacity)
                }
            }
        }
        if isOutlined { canvas.outline(shown, scale: scale) { colors.tint($0) } }
        return canvas
    }

    /// The classes that label maps have, in their order, and what is not counted.
    ///
    /// - Parameter isMarked: whether a class through which the image shows is named too.
    func legend(of maps: [LabelMap], isMarked: Bool = false) -> [Legend.Entry] {
        var isThere = [Bool](repeating: false, count: names.count)
        var isIgnored = false
        for map in maps {
            for value in map.values.prefix(map.height * map.width) {
                if value >= 0, Int(value) < names.count { isThere[Int(value)] = true }
                if value == LabelMap.ignored { isIgnored = true }
            }
        }
        let classes = names.indices.filter { isThere[$0] }.compactMap { index in
            colors.tint(Int32(index)).map { Legend.Entry($0, names[index]) }
        }
        let none = classes.isEmpty && isMarked ? [Legend.Entry(nil, "\(names.first ?? "background") alone")] : []
        return classes + none + (isIgnored ? [Legend.Entry(RGBColor(80, 80, 80), "not counted")] : [])
    }
}
