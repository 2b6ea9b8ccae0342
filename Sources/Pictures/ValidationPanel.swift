import Images
import Kernels

/// One picture that shows how good a prediction is: image, truth and prediction side by side.
///
/// In the prediction's panel errors stand out: with two classes, foreground that is missed and foreground that is only
/// in the prediction have colours of their own (`ClassColors.missed`, `.falselyFound`); with more, what is wrong is
/// hatched in white over the predicted class. Pixels that the truth ignores are darkened.
public struct ValidationPanel: Sendable {
    public let colors: ClassColors

    private static let errorOpacity: Float = 0.85

    public init(colors: ClassColors) {
        self.colors = colors
    }

    /// An RGB picture of 8 bits a channel, three times as wide as the (perhaps enlarged) image and two gaps.
    ///
    /// - Parameters:
    ///   - image: H×W×C values on any scale.
    ///   - truth: H×W classes or `LabelMap.ignored`.
    ///   - prediction: H×W classes.
    public func picture(image: Tensor, truth: LabelMap, prediction: LabelMap) -> RasterImage {
        precondition(
            prediction.height == truth.height && prediction.width == truth.width,
            "a prediction of \(prediction.height)×\(prediction.width) for a truth of \(truth.height)×\(truth.width)")
        let overlay = Overlay(colors: colors)
        let plain = Canvas(image, scale: Canvas.scale(forWidth: image.width))
        var found = overlay.canvas(image: image, classes: prediction)
        markErrors(on: &found, over: plain, truth: truth, prediction: prediction)
        return Canvas.sideBySide([plain, overlay.canvas(image: image, classes: truth), found]).raster
    }

    private func markErrors(
        on canvas: inout Canvas, over plain: Canvas, truth: LabelMap, prediction: LabelMap
    ) {
        let scale = Canvas.scale(forWidth: truth.width)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let expected = truth[y / scale, x / scale]
                let found = prediction[y / scale, x / scale]
                if expected == LabelMap.ignored {
                    canvas[y, x] = plain[y, x]
                    canvas.darken(y: y, x: x)
                } else if expected != found, colors.colors.count == 2 {
                    let mark = expected == 1 ? ClassColors.missed : ClassColors.falselyFound
                    canvas[y, x] = plain[y, x]
                    canvas.tint(y: y, x: x, mark, opacity: Self.errorOpacity)
                } else if expected != found, (x + y) % 4 == 0 {
                    canvas.tint(y: y, x: x, RGBColor(255, 255, 255), opacity: Self.errorOpacity)
                }
            }
        }
    }
}
