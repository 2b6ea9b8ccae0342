import Datasets
import Images
import Kernels

/// One picture that shows what a training step sees: the network's input, the classes where its output lies, and how much
/// each pixel counts in the loss. Margins, and pixels that count in nothing, are darkened.
public struct TrainingPanel: Sendable {
    public let colors: ClassColors
    /// One a class.
    public let names: [String]

    /// - Parameter names: one a class; nil for "background" and "foreground", or numbers.
    public init(colors: ClassColors, names: [String]? = nil) {
        self.colors = colors
        self.names = names ?? ClassColors.names(classes: colors.colors.count)
    }

    /// An RGB picture of 8 bits a channel: two panels side by side, three where the tile has weights, with a legend. The
    /// input is shown as the network gets it: stretched, since normalised values have no full scale.
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
        let shown = ShownImage(image)
        let overlay = Overlay(colors: colors, names: names)
        var panels = [
            ("input", shown.canvas(scale: shown.reduction.enlargement)),
            ("labels", overlay.canvas(image: shown, classes: classes)),
        ]
        var entries = overlay.legend(of: [labels])
        if let weights = tile.weights {
            let largest = Self.largest(weights, classes: classes, margin: margin)
            panels.append(("weights in the loss", heat(weights, largest, shown.reduction, classes, margin: margin)))
            entries += [0, 0.5, 1].map {
                Legend.Entry(Self.heatColor($0), "weight \((10 * $0 * largest).rounded() / 10)")
            }
        }
        return Legend.picture(panels, columns: panels.count, entries).raster
    }

    private static func largest(_ weights: Tensor, classes: LabelMap, margin: Int) -> Float {
        var largest: Float = 5
        for y in 0..<weights.height {
            for x in 0..<weights.width where classes[y + margin, x + margin] != LabelMap.ignored {
                largest = max(largest, weights[y, x, 0])
            }
        }
        return largest
    }

    private func heat(
        _ weights: Tensor, _ largest: Float, _ reduction: Reduction, _ classes: LabelMap, margin: Int
    ) -> Canvas {
        let scale = reduction.enlargement
        var canvas = Canvas(
            width: reduction.shownWidth * scale, height: reduction.shownHeight * scale,
            filledWith: RGBColor(64, 64, 64))
        for y in 0..<canvas.height {
            let row = reduction.source(y / scale, of: reduction.shownHeight, length: reduction.height).lowerBound
            for x in 0..<canvas.width {
                let column = reduction.source(x / scale, of: reduction.shownWidth, length: reduction.width).lowerBound
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
