import Images
import Kernels

/// One picture that shows how good a prediction is: image, truth and prediction, with a legend.
///
/// With two classes errors stand out in the prediction's panel: foreground that is missed and foreground that is only in the
/// prediction have colours of their own (`ClassColors.missed`, `.falselyFound`). With more, truth and prediction are in the
/// classes' colours, and a fourth panel has in red what is wrong. Pixels that the truth ignores are darkened.
public struct ValidationPanel: Sendable {
    public let colors: ClassColors
    /// One a class.
    public let names: [String]

    private static let errorOpacity: Float = 0.85
    /// Of several classes' colours, which must be told apart; the image is in the panel beside.
    private static let classOpacity: Float = 0.75

    /// - Parameter names: one a class; nil for "background" and "foreground", or numbers.
    public init(colors: ClassColors, names: [String]? = nil) {
        self.colors = colors
        self.names = names ?? ClassColors.names(classes: colors.colors.count)
    }

    /// An RGB picture of 8 bits a channel: three panels side by side, or two above two.
    ///
    /// - Parameters:
    ///   - truth: H×W classes or `LabelMap.ignored`.
    ///   - prediction: H×W classes.
    public func picture(image: ShownImage, truth: LabelMap, prediction: LabelMap) -> RasterImage {
        precondition(
            prediction.height == truth.height && prediction.width == truth.width,
            "a prediction of \(prediction.height)×\(prediction.width) for a truth of \(truth.height)×\(truth.width)")
        let overlay = Overlay(colors: colors, names: names)
        let plain = image.canvas(scale: image.reduction.enlargement)
        let pixels = 0..<truth.height * truth.width
        let counted = pixels.count { truth.values[$0] != LabelMap.ignored }
        let wrong = pixels.count {
            truth.values[$0] != LabelMap.ignored && truth.values[$0] != prediction.values[$0]
        }
        let share = counted > 0 ? 100 * Double(wrong) / Double(counted) : 0
        let percent = "\((10 * share).rounded() / 10) %"
        var entries = overlay.legend(of: [truth, prediction])
        guard colors.colors.count == 2 else {
            let panels = [truth, prediction].map {
                overlay.canvas(image: image, classes: $0, opacity: Self.classOpacity, isOutlined: false)
            }
            let errors = errors(plain, image.reduction, truth: truth, prediction: prediction)
            entries.append(Legend.Entry(ClassColors.missed, "wrong"))
            return Legend.picture(
                [
                    ("image", plain), ("truth", panels[0]), ("prediction", panels[1]),
                    ("errors: \(percent) of the pixels", errors),
                ], columns: 2, entries
            ).raster
        }
        var found = overlay.canvas(image: image, classes: prediction)
        markErrors(on: &found, over: plain, image.reduction, truth: truth, prediction: prediction)
        let name = names[1]
        entries.append(Legend.Entry(ClassColors.missed, "\(name) missed"))
        entries.append(Legend.Entry(ClassColors.falselyFound, "\(name) where none is"))
        return Legend.picture(
            [
                ("image", plain), ("truth", overlay.canvas(image: image, classes: truth)),
                ("prediction, \(percent) wrong", found),
            ], columns: 3, entries
        ).raster
    }

    private func markErrors(
        on canvas: inout Canvas, over plain: Canvas, _ reduction: Reduction, truth: LabelMap, prediction: LabelMap
    ) {
        let (truth, prediction) = (reduction.labels(truth), reduction.labels(prediction))
        let scale = reduction.enlargement
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let expected = truth[y / scale, x / scale]
                if expected == LabelMap.ignored {
                    canvas[y, x] = plain[y, x]
                    canvas.darken(y: y, x: x)
                } else if expected != prediction[y / scale, x / scale] {
                    let mark = expected == 1 ? ClassColors.missed : ClassColors.falselyFound
                    canvas[y, x] = plain[y, x]
                    canvas.tint(y: y, x: x, mark, opacity: Self.errorOpacity)
                }
            }
        }
    }

    /// The image, pale and without colours, with what is wrong in red.
    private func errors(
        _ plain: Canvas, _ reduction: Reduction, truth: LabelMap, prediction: LabelMap
    ) -> Canvas {
        let (truth, prediction) = (reduction.labels(truth), reduction.labels(prediction))
        let scale = reduction.enlargement
        var canvas = plain
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let grey = plain[y, x].grey.mixed(with: Canvas.white, 0.5)
                let expected = truth[y / scale, x / scale]
                canvas[y, x] = grey
                if expected == LabelMap.ignored {
                    canvas.darken(y: y, x: x)
                } else if expected != prediction[y / scale, x / scale] {
                    canvas.tint(y: y, x: x, ClassColors.missed, opacity: Self.errorOpacity)
                }
            }
        }
        return canvas
    }
}
