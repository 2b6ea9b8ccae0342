import Foundation
import Kernels
import TestSupport
import Testing

/// Matrix products of our own, by way of the 1×1 convolution, which is nothing else: rows are pixels.
///
/// Each element is promised to be one chain of fused multiply-adds over the inner index. That is what a loop over single
/// numbers computes too, so that the bits can be compared, and with them how the product was cut. With up to four outputs
/// the backward pass has a kernel of its own, whose chains are those of a row of pixels.
@Suite struct NativeProductTests {
    private static let channels = [1, 2, 3, 7, 8, 13, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 70]
    private let engine = Engine(.native, threads: 1)

    /// Forward is A·B, the input's gradient A·Bᵀ, the weights' Aᵀ·B.
    private func expectChains(_ run: LayerRun) {
        let (pixels, inputs, outputs) = (run.input.shape.pixels, run.input.channels, run.output.channels)
        let (x, w, bias) = (run.input.base, run.layer.weights.base, run.layer.bias.base)
        let dy = run.outputGradient.base
        var (y, dx, dw): ([Float], [Float], [Float]) = ([], [], [])
        for p in 0..<pixels {
            for o in 0..<outputs {
                y.append(chain(inputs) { (x[p * inputs + $0], w[$0 * outputs + o]) } + bias[o])
            }
            for i in 0..<inputs { dx.append(chain(outputs) { (dy[p * outputs + $0], w[i * outputs + $0]) }) }
        }
        for i in 0..<inputs {
            for o in 0..<outputs { dw.append(chain(pixels) { (x[$0 * inputs + i], dy[$0 * outputs + o]) }) }
        }
        #expect(sameBits(run.output.values, y), "\(pixels)×\(inputs)×\(outputs)")
        #expect(sameBits(run.inputGradient.values, dx), "\(pixels)×\(inputs)×\(outputs)")
        #expect(sameBits(run.layer.weightGradient.values, dw), "\(pixels)×\(inputs)×\(outputs)")
    }

    private func chain(_ count: Int, _ factors: (Int) -> (Float, Float)) -> Float {
        var sum: Float = 0
        for k in 0..<count {
            let (a, b) = factors(k)
            sum = fma(a, b, sum)
        }
        return sum
    }

    private func run(_ shape: LayerShape) -> LayerRun {
        let run = LayerRun(shape, taps: 1, scale: 1)
        engine.pointwiseConvolution(
            run.input.view, run.layer.parameters, output: run.output.view, workspace: Workspace())
        engine.pointwiseConvolutionBackward(
            run.input.view, run.layer.parameters, outputGradient: run.outputGradient.view,
            inputGradient: run.inputGradient.view, gradients: run.layer.gradients, workspace: Workspace())
        return run
    }

    @Test("every element is one chain of multiply-adds, whatever the sizes", arguments: channels)
    func chains(inputs: Int) {
        for (index, outputs) in Self.channels.enumerated() {
            // Every number of pixels from 1 to 30 comes with every few channels.
            for pixels in stride(from: 1 + (index + inputs) % 5, through: 30, by: 5) {
                expectChains(run(LayerShape(1, pixels, inputs, outputs)))
            }
        }
    }

    /// Inner lengths beyond a block's, columns beyond what is packed together.
    @Test(
        "large products are the same chains",
        arguments: [
            LayerShape(3, 3, 2049, 17), LayerShape(1, 5, 4100, 3), LayerShape(47, 90, 3, 5), LayerShape(1, 3, 70, 2100),
        ])
    func large(_ shape: LayerShape) { expectChains(run(shape)) }

    @Test("a row's bits do not depend on how many rows there are", arguments: [1, 16, 33, 70], [1, 2, 16, 31, 70])
    func rows(inputs: Int, outputs: Int) {
        let parameters = LayerProblem(weights: inputs * outputs, outputs: outputs, key: 820)
        let input = Tensor.random(ImageShape(1, 30, inputs), key: 823)
        let all = product(input.view, parameters, outputs: outputs)
        for first in [0, 1, 7] {
            for count in 1...30 - first {
                let some = TensorView(
                    base: input.base + first * inputs, shape: ImageShape(1, count, inputs), rowStride: count * inputs)
                let rows = product(some, parameters, outputs: outputs)
                #expect(sameBits(rows, all[first * outputs..<(first + count) * outputs]), "\(count) from \(first)")
            }
        }
    }

    /// The products of some rows. What lies behind the result must stay as it is.
    private func product(_ input: TensorView, _ layer: LayerProblem, outputs: Int) -> [Float] {
        let shape = ImageShape(input.height, input.width, outputs)
        let room = Tensor.unset(ImageShape(1, 1, shape.count + 64))
        let output = TensorView(base: room.base, shape: shape, rowStride: shape.width * outputs)
        engine.pointwiseConvolution(input, layer.parameters, output: output, workspace: Workspace())
        #expect(room.values[shape.count...].allSatisfy { $0.isNaN })
        return Array(room.values[..<shape.count])
    }
}
