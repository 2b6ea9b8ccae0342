import Images
import Kernels
import Metrics

/// Predictions as the images that other programs read.
public enum PredictionPictures {
    /// 8-bit grey: the class index, or with two classes 0 and 255.
    public static func classes(_ labels: LabelMap, count: Int) -> RasterImage {
        let samples = labels.values.prefix(labels.height * labels.width).map { label in
            UInt16(count == 2 ? label * 255 : min(label, 255))
        }
        return RasterImage(width: labels.width, height: labels.height, channels: 1, samples: samples)
    }

    /// 16-bit grey: object numbers, at most 65535.
    public static func objects(_ objects: LabelMap) -> RasterImage {
        let samples = objects.values.prefix(objects.height * objects.width).map { UInt16($0) }
        return RasterImage(
            width: objects.width, height: objects.height, channels: 1, maximum: 65535, samples: samples)
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
