import Kernels

/// Random parameters of one layer, and room for their gradients, which starts as NaN so that whatever is not
/// overwritten shows.
public final class LayerProblem {
    public let weights: Tensor
    public let bias: Tensor
    public let weightGradient: Tensor
    public let biasGradient: Tensor

    public init(weights count: Int, outputs: Int, key: Int) {
        weights = .random(ImageShape(1, 1, count), key: key + 1)
        bias = .random(ImageShape(1, 1, outputs), key: key + 2)
        weightGradient = .unset(ImageShape(1, 1, count))
        biasGradient = .unset(ImageShape(1, 1, outputs))
    }

    public var parameters: LayerParameters { LayerParameters(weights: weights.base, bias: bias.base) }
    public var gradients: LayerGradients { LayerGradients(weights: weightGradient.base, bias: biasGradient.base) }

    public var referenceWeights: [Double] { weights.values.map(Double.init) }
    public var referenceBias: [Double] { bias.values.map(Double.init) }
    public var noBias: [Double] { bias.values.map { _ in 0 } }
}

extension Tensor {
    /// A tensor of NaN.
    public static func unset(_ shape: ImageShape) -> Tensor {
        let tensor = Tensor(shape)
        tensor.view.fill(.nan)
        return tensor
    }
}

/// A map that lies in a larger tensor, with `border` pixels around it: its rows are further apart than they are wide.
public struct CroppedMap {
    public let whole: Tensor
    public let view: TensorView
    private let border: Int

    /// Random values inside; around them NaN, which spoils every result that it reaches.
    public static func random(_ shape: ImageShape, border: Int, key: Int) -> CroppedMap {
        let map = unset(shape, border: border)
        var stream = RandomStream.test(key)
        stream.fill(map.view)
        return map
    }

    /// NaN inside and around.
    public static func unset(_ shape: ImageShape, border: Int) -> CroppedMap {
        let whole = Tensor.unset(ImageShape(shape.height + 2 * border, shape.width + 2 * border, shape.channels))
        return CroppedMap(
            whole: whole, view: whole.view.centreCrop(height: shape.height, width: shape.width), border: border)
    }

    /// Whether nothing has been written around the map.
    public var borderIsUntouched: Bool {
        for y in 0..<whole.height {
            for x in 0..<whole.width {
                let inside = (border..<whole.height - border).contains(y) && (border..<whole.width - border).contains(x)
                if !inside && (0..<whole.channels).contains(where: { !whole[y, x, $0].isNaN }) { return false }
            }
        }
        return true
    }
}
