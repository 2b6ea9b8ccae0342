import Kernels
import TestSupport

/// One pass of 2×2 max-pooling. The backward adds the skip connection's gradient, as in the network.
struct MaxPoolKernel: Benchmarked {
    let pass: Pass

    var name: String { "max pool \(pass)" }

    func deviations() -> [Deviation] {
        [ImageShape(3, 7, 6), ImageShape(9, 8, 17)].flatMap { shape in
            let problem = Problem(output: shape)
            let input = ReferenceImage(problem.input.view)
            problem.forward()
            guard pass == .backward else {
                return [
                    Deviation(
                        what: "output \(shape)",
                        distance: relativeL2(problem.output.view, ReferenceKernels.maxPool(input)), tolerance: 0)
                ]
            }
            problem.backward()
            var expected = ReferenceKernels.maxPoolBackward(
                input, outputGradient: ReferenceImage(problem.outputGradient.view))
            let skip = ReferenceKernels.centreCropBackward(
                ReferenceImage(problem.skipGradient.view), input: input.shape)
            for i in expected.values.indices { expected.values[i] += skip.values[i] }
            return [
                Deviation(
                    what: "input gradient of \(shape)", distance: relativeL2(problem.inputGradient.view, expected),
                    tolerance: Tolerances.float32Sum)
            ]
        }
    }

    var cases: [Case] {
        [ImageShape(284, 284, 64), ImageShape(140, 140, 128)].map { shape in
            Case(shape: "\(shape.channels) at \(2 * shape.height)×\(2 * shape.width)") {
                let problem = Problem(output: shape)
                problem.forward()
                let (whole, pooled, skip) = (problem.input.count, shape.count, problem.skipGradient.count)
                switch pass {
                case .forward: return Trial(work: .floats(whole + pooled), run: problem.forward)
                case .backward: return Trial(work: .floats(2 * whole + 2 * pooled + skip), run: problem.backward)
                }
            }
        }
    }

    private final class Problem {
        let input: Tensor
        let inputGradient: Tensor
        let output: Tensor
        let outputGradient: Tensor
        let skipGradient: Tensor

        init(output shape: ImageShape) {
            input = .random(ImageShape(2 * shape.height, 2 * shape.width, shape.channels), key: 30)
            inputGradient = .unset(input.shape)
            output = .unset(shape)
            outputGradient = .random(shape, key: 31)
            let margin = 2 * (shape.height / 4)
            skipGradient = .random(
                ImageShape(input.height - margin, input.width - margin, shape.channels), key: 32)
        }

        func forward() { MaxPool.forward(input.view, output: output.view, team: .solo) }

        func backward() {
            MaxPool.backward(
                input.view, output: output.view, outputGradient: outputGradient.view, skipGradient: skipGradient.view,
                inputGradient: inputGradient.view, team: .solo)
        }
    }
}

/// Softmax and cross-entropy, loss and gradient at once.
struct LossKernel: Benchmarked {
    let name = "softmax cross-entropy"

    func deviations() -> [Deviation] {
        [ImageShape(9, 23, 2), ImageShape(7, 5, 3)].flatMap { shape in
            let problem = Problem(shape)
            let loss = problem.run()
            let labels = problem.labels.values.map(Int.init)
            let expected = ReferenceKernels.softmaxCrossEntropy(
                ReferenceImage(problem.logits.view), labels: labels, weights: labels.map { _ in 1 })
            return [
                Deviation(
                    what: "loss of \(shape)", distance: relativeL2([loss], [expected.loss]),
                    tolerance: Tolerances.float32Sum),
                Deviation(
                    what: "gradient of \(shape)", distance: relativeL2(problem.gradient.view, expected.gradient),
                    tolerance: Tolerances.float32Sum),
            ]
        }
    }

    var cases: [Case] {
        [ImageShape(388, 388, 2), ImageShape(388, 388, 5)].map { shape in
            Case(shape: "\(shape)") {
                let problem = Problem(shape)
                return Trial(work: .floats(2 * shape.count + shape.pixels)) { _ = problem.run() }
            }
        }
    }

    private final class Problem {
        let logits: Tensor
        let gradient: Tensor
        let labels: LabelMap

        init(_ shape: ImageShape) {
            logits = .random(shape, key: 40, in: -5...5)
            gradient = .unset(shape)
            labels = .random(height: shape.height, width: shape.width, classes: shape.channels, key: 41)
        }

        func run() -> Float {
            SoftmaxCrossEntropy.loss(logits: logits.view, labels: labels, gradient: gradient.view, team: .solo)
        }
    }
}

/// A step of momentum SGD.
struct UpdateKernel: Benchmarked {
    let name = "momentum update"

    func deviations() -> [Deviation] {
        let problem = Problem(40_003)
        var weights = problem.weights.values.map(Double.init)
        var velocity = problem.velocity.values.map(Double.init)
        problem.run()
        let update = Problem.update
        ReferenceKernels.momentumStep(
            weights: &weights, velocity: &velocity,
            gradient: problem.gradient.values.map { Double($0) * Double(update.gradientScale) },
            learningRate: Double(update.learningRate), momentum: Double(update.momentum),
            weightDecay: Double(update.weightDecay), nesterov: update.nesterov)
        return [
            Deviation(
                what: "weights", distance: relativeL2(problem.weights.values, weights),
                tolerance: Tolerances.float32Sum),
            Deviation(
                what: "velocity", distance: relativeL2(problem.velocity.values, velocity),
                tolerance: Tolerances.float32Sum),
        ]
    }

    var cases: [Case] {
        [
            Case(shape: "8,388,608") {
                let problem = Problem(8_388_608)
                return Trial(work: .floats(5 * problem.weights.count), run: problem.run)
            }
        ]
    }

    private final class Problem {
        static let update = MomentumUpdate(
            learningRate: 0.125, momentum: 0.75, weightDecay: 0.0625, gradientScale: 0.5, nesterov: false)

        let weights: Tensor
        let velocity: Tensor
        let gradient: Tensor

        init(_ count: Int) {
            weights = .random(ImageShape(1, 1, count), key: 50)
            velocity = .random(ImageShape(1, 1, count), key: 51)
            gradient = .random(ImageShape(1, 1, count), key: 52)
        }

        func run() {
            Self.update.apply(
                weights: weights.base, velocity: velocity.base, gradient: gradient.base, count: weights.count,
                team: .solo)
        }
    }
}

/// The squared norm of a flat buffer.
struct NormKernel: Benchmarked {
    let name = "squared norm"

    private static func norm(of values: Tensor) -> Double {
        let norm = SquaredNorm(count: values.count)
        norm.cover(0..<values.count, of: values.base, team: .solo)
        return norm.total
    }

    func deviations() -> [Deviation] {
        let values = Tensor.random(ImageShape(1, 1, 70_001), key: 60)
        let norm = Self.norm(of: values)
        let doubles = values.values.map(Double.init)
        return [
            Deviation(
                what: "norm of 70,001 values", distance: relativeL2([norm], [innerProduct(doubles, doubles)]),
                tolerance: Tolerances.doubleSum)
        ]
    }

    var cases: [Case] {
        [
            Case(shape: "16,777,216") {
                let values = Tensor.random(ImageShape(1, 1, 16_777_216), key: 60)
                return Trial(work: .floats(values.count)) {
                    _ = Self.norm(of: values)
                }
            }
        ]
    }
}

extension Work {
    /// So many floats read or written.
    static func floats(_ count: Int) -> Work { .bytes(4 * Double(count)) }
}
