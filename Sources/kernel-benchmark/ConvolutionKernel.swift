import Kernels
import TestSupport

/// One pass of 3×3 convolution, ReLU included, by one of the engines.
struct ConvolutionKernel: Benchmarked {
    private let engine: Engine
    private let pass: Pass
    let name: String
    private let sizes: [Size]

    /// Channels in and out, and the side of the input, which is not padded.
    private struct Size {
        let inputs: Int
        let outputs: Int
        let side: Int
    }

    /// Levels of the paper's U-Net, whose first layer has one channel and its lowest the most.
    private static let deep = [
        Size(inputs: 64, outputs: 64, side: 282), Size(inputs: 128, outputs: 128, side: 140),
        Size(inputs: 256, outputs: 256, side: 68), Size(inputs: 512, outputs: 512, side: 32),
        Size(inputs: 1024, outputs: 1024, side: 30),
    ]
    private static let first = Size(inputs: 1, outputs: 64, side: 284)

    static let all: [any Benchmarked] = Pass.allCases.flatMap { pass in
        [
            ConvolutionKernel(
                engine: Engine(.native, threads: 1, convolution: .winograd4), pass: pass,
                name: "winograd4 \(pass)", sizes: deep),
            ConvolutionKernel(
                engine: Engine(.native, threads: 1, convolution: .winograd6), pass: pass,
                name: "winograd6 \(pass)", sizes: deep.dropLast()),
            ConvolutionKernel(
                engine: Engine(.native, threads: 1, convolution: .direct), pass: pass,
                name: "direct \(pass)", sizes: [first, deep[0], deep[3]]),
            ConvolutionKernel(
                engine: Engine(.openblas, threads: 1), pass: pass,
                name: "openblas \(pass)", sizes: [first, deep[0], deep[3]]),
        ]
    }

    /// Small shapes that between them go through every way in which the work is cut: a crop beside another activation,
    /// padding, channels enough to be shared out, tiles enough for several bands.
    private static let checks = [
        ConvolutionShape(height: 11, width: 9, inputs: [3, 5], outputs: 7, padding: 0, borders: [2, 0]),
        ConvolutionShape(height: 10, width: 13, inputs: [17], outputs: 33, padding: 1),
        ConvolutionShape(height: 7, width: 9, inputs: [130], outputs: 141, padding: 0),
        ConvolutionShape(height: 37, width: 33, inputs: [6], outputs: 5, padding: 1),
    ]

    func deviations() -> [Deviation] {
        let isWinograd = engine.convolution.isWinograd
        let tolerance = isWinograd ? Tolerances.winograd : Tolerances.float32Sum
        // One for all, so that what earlier work has left in it would show.
        let workspace = Workspace()
        return Self.checks.flatMap { shape in
            let problem = ConvolutionProblem(shape)
            func deviation(_ what: String, _ distance: Double, _ tolerance: Double) -> Deviation {
                Deviation(what: "\(what) of \(shape)", distance: distance, tolerance: tolerance)
            }
            problem.forward(engine, workspace: workspace)
            guard pass == .backward else {
                return [deviation("output", relativeL2(problem.output.view, problem.referenceOutput), tolerance)]
            }
            problem.backward(engine, workspace: workspace)
            let expected = problem.referenceGradients
            let input = ReferenceKernels.concatenate(problem.inputGradients.map { ReferenceImage($0.view) })
            return [
                deviation("input gradient", relativeL2(input.values, expected.input.values), tolerance),
                deviation(
                    "weight gradient", relativeL2(problem.layer.weightGradient.values, expected.weights),
                    isWinograd ? Tolerances.winogradWeightGradient : tolerance),
                deviation(
                    "bias gradient", relativeL2(problem.layer.biasGradient.values, expected.bias),
                    Tolerances.float32Sum),
            ]
        }
    }

    var cases: [Case] {
        sizes.map { size in
            Case(shape: "\(size.inputs)→\(size.outputs) at \(size.side)×\(size.side)") {
                let problem = ConvolutionProblem(
                    ConvolutionShape(
                        height: size.side, width: size.side, inputs: [size.inputs], outputs: size.outputs, padding: 0))
                let workspace = Workspace()
                // The first layer of a network has nothing to hand its input's gradient to.
                let wantsInput = size.inputs > 1
                if pass == .backward { problem.forward(engine) }
                func run(_ engine: Engine) {
                    switch pass {
                    case .forward: problem.forward(engine, workspace: workspace)
                    case .backward: problem.backward(engine, inputGradients: wantsInput, workspace: workspace)
                    }
                }
                return Trial(work: engine.work(of: run)) { run(engine) }
            }
        }
    }
}
