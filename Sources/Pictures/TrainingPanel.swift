import Datasets
import Images
import Kernels

/// One picture that shows what a training step sees: the network's input, the classes where its output lies, and how much
/// each pixel counts in the loss. Margins, and pixels that count in nothing, are darkened.
public struct TrainingPanel: Sendable {
    public let colors: ClassColors

    public init(colors: ClassColors) {
        self.colors = colors
    }

    /// An RGB picture of 8 bits a channel: two panels side by side, three where the tile has weights.
    ///
    /// Weights go from black (0) over red and yellow to white: the tile's largest, or 5 where that is more, so that a tile
    /// without borders is not as bright as one with.
    public func picture(_ tile: TrainingTile) -> RasterImage {
        let (image, labels) = (tile.image, tile.labels)
        let margin = (image.height - labels.height) / 2
        let classes = LabelMap(height: image.height, width: image.width)
        for y in 0..<labels.height {
            for x in 0..<labels.width { classes[y + margin, x + margin] = labels[y, x] }
        }
        let input = Canvas(image, scale: Canvas.scale(forWidth: image.width))
        var panels = [input, Overlay(colors: colors).canvas(image: image, classes: classes)]
        if let weights = tile.weights { panels.append(heat(weights, classes: classes, margin: margin)) }
        return Canvas.sideBySide(panels).raster
    }

    private func heat(_ weights: Tensor, classes: LabelMap, margin: Int) -> Canvas {
        let scale = Canvas.scale(forWidth: classes.width)
        var canvas = Canvas(
            width: classes.width * scale, height: classes.height * scale, filledWith: RGBColor(64, 64, 64))
        var largest: Float = 5
        for y in 0..<weights.height {
            for x in 0..<weights.width where classes[y + margin, x + margin] != LabelMap.ignored {
                largest = max(largest, weights[y, x, 0])
            }
        }
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let (row, column) = (y / scale, x / scale)
                guard classes[row, column] != LabelMap.ignored else { continue }
                canvas[y, x] = Self.heatColor(weights[row - margin, column - margin, 0] / largest)
            }
        }
        return canvas
    }

    /// Black, red, yellow, white for 0, ⅓, ⅔ and 1.
    private static func heatColor(_ share: Float) -> RGBColor {
        func level(_ from: Float) -> UInt8 { UInt8(min(max((share * 3 - from) * 255, 0), 255).rounded()) }
        return RGBColor(level(0), level(1), level(2))
    }
}
