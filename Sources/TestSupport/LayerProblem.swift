import Kernels

/// Random parameters of one layer, and room for their gradients, which starts as NaN so that whatever is not
/// overwritten shows.
package final class LayerProblem {
    package let weights: Tensor
    package let bias: Tensor
    package let weightGradient: Tensor
    package let biasGradient: Tensor

    package init(weights count: Int, outputs: Int, key: Int) {
        weights = .random(ImageShape(1, 1, count), key: key + 1)
        bias = .random(ImageShape(1, 1, outputs), key: key + 2)
        weightGradient = .unset(ImageShape(1, 1, count))
        biasGradient = .unset(ImageShape(1, 1, outputs))
    }

    package var parameters: LayerParameters { LayerParameters(weights: weights.base, bias: bias.base) }
    package var gradients: LayerGradients { LayerGradients(weights: weightGradient.base, bias: biasGradient.base) }

    package var referenceWeights: [Double] { weights.values.map(Double.init) }
    package var referenceBias: [Double] { bias.values.map(Double.init) }
    package var noBias: [Double] { bias.values.map { _ in 0 } }
}

extension Tensor {
    /// A tensor of NaN.
    package static func unset(_ shape: ImageShape) -> Tensor {
        let tensor = Tensor(shape)
        tensor.view.fill(.nan)
        return tensor
    }
}

/// A view into a larger tensor, with `border` pixels around it: its rows are further apart than they are wide.
package struct CroppedTensor {
    package let whole: Tensor
    package let view: TensorView
    private let border: Int

    /// Random values inside; around them NaN, which spoils every result that it reaches.
    package static func random(_ shape: ImageShape, border: Int, key: Int) -> CroppedTensor {
        let crop = unset(shape, border: border)
        var stream = RandomStream.test(key)
        stream.fill(crop.view)
        return crop
    }

    /// NaN inside and around.
    package static func unset(_ shape: ImageShape, border: Int) -> CroppedTensor {
        let whole = Tensor.unset(ImageShape(shape.height + 2 * border, shape.width + 2 * border, shape.channels))
        return CroppedTensor(
            whole: whole, view: whole.view.centreCrop(height: shape.height, width: shape.width), border: border)
    }

    /// Whether nothing has been written around the view.
    package var borderIsUntouched: Bool {
        for y in 0..<whole.height {
            for x in 0..<whole.width {
                let inside = (border..<whole.height - border).contains(y) && (border..<whole.width - border).contains(x)
                if !inside && (0..<whole.channels).contains(where: { !whole[y, x, $0].isNaN }) { return false }
            }
        }
        return true
    }
}
