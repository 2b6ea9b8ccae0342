import Images
import Kernels
import Metrics

/// Predictions as the images that other programs read.
public enum PredictionPictures {
    /// 8-bit grey, or indices of a palette: the class index, or with two classes 0 and 255.
    public static func classes(_ labels: LabelMap, count: Int) -> RasterImage {
        let samples = labels.values.prefix(labels.height * labels.width).map { label in
            UInt16(count == 2 ? label * 255 : min(label, 255))
        }
        return RasterImage(width: labels.width, height: labels.height, channels: 1, samples: samples)
    }

    /// The palette of such an image in the classes' colours: of two classes 256 colours, of which those between are grey.
    public static func palette(_ colors: ClassColors, count: Int) -> [RGBColor] {
        let own = (0..<count).map { colors.swatch($0) }
        guard count == 2 else { return own }
        return [own[0]] + Array(repeating: RGBColor(128, 128, 128), count: 254) + [own[1]]
    }

    /// 16-bit grey: object numbers of some rows, at most 65535.
    public static func objects(_ objects: LabelMap, rows: Range<Int>) -> RasterImage {
        let pixels = rows.lowerBound * objects.width..<rows.upperBound * objects.width
        return RasterImage(
            width: objects.width, height: rows.count, channels: 1, maximum: 65535,
            samples: objects.values[pixels].map { UInt16($0) })
    }

    /// 16-bit grey: the probability of one class, 65535 for 1.
    public static func probability(_ probabilities: Tensor, ofClass index: Int) -> RasterImage {
        let samples = (0..<probabilities.shape.pixels).map { pixel in
            UInt16(probability: probabilities.base[pixel * probabilities.channels + index])
        }
        return RasterImage(
            width: probabilities.width, height: probabilities.height, channels: 1, maximum: 65535, samples: samples)
    }
}
