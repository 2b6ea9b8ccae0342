import Images
import Kernels

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

extension UInt16 {
    /// A probability as files hold it: 65535 for 1, 0 for what is not a number. An average of eight or more ones may round
    /// to a little more than one.
    init(probability: Float) {
        self = probability.isNaN ? 0 : UInt16((Swift.min(Swift.max(probability, 0), 1) * 65535).rounded())
    }
}
