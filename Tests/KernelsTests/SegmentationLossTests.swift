import Foundation
import Kernels
import TestSupport
import Testing

/// Label smoothing, the Dice loss, and the sums of losses.
@Suite struct SegmentationLossTests {
    private struct Problem {
        let logits: Tensor
        let labels: LabelMap
        let weights: [Float]

        init(_ shape: ImageShape, key: Int) {
            logits = .random(shape, key: key, in: -3...3)
            labels = .random(height: shape.height, width: shape.width, classes: shape.channels, key: key + 1)
            labels.values[0] = 0
            var stream = RandomStream.test(key + 2)
            weights = stream.floats(shape.pixels, in: 0.1...4)
        }

        /// The loss, and its gradient in a tensor that began as NaN.
        func value(_ loss: SegmentationLoss, threads: Int = 1) -> (loss: Float, gradient: Tensor) {
            let gradient = Tensor.unset(logits.shape)
            let value = loss.value(
                logits: logits.view, labels: labels, weights: weights, gradient: gradient.view,
                team: ThreadTeam(threads: threads))
            return (value, gradient)
        }

        func reference(_ loss: SegmentationLoss, _ logits: ReferenceImage) -> (loss: Double, gradient: [Double]) {
            let classes = labels.values.map(Int.init)
            let entropy = ReferenceKernels.softmaxCrossEntropy(
                logits, labels: classes, weights: weights.map(Double.init), smoothing: loss.labelSmoothing)
            let dice = ReferenceKernels.softDice(logits, labels: classes)
            switch loss.kind {
            case .crossEntropy: return (entropy.loss, entropy.gradient.values)
            case .dice: return (dice.loss, dice.gradient.values)
            case .crossEntropyAndDice:
                return (entropy.loss + dice.loss, zip(entropy.gradient.values, dice.gradient.values).map { $0 + $1 })
            }
        }

        func reference(_ loss: SegmentationLoss) -> (loss: Double, gradient: [Double]) {
            reference(loss, ReferenceImage(logits.view))
        }
    }

    static let losses = [
        SegmentationLoss(.crossEntropy, labelSmoothing: 0.1), SegmentationLoss(.crossEntropy, labelSmoothing: 0.9),
        SegmentationLoss(.dice), SegmentationLoss(.crossEntropyAndDice),
        SegmentationLoss(.crossEntropyAndDice, labelSmoothing: 0.2),
    ]

    @Test("loss and gradient agree with the reference", arguments: losses)
    func reference(_ loss: SegmentationLoss) {
        for shape in SoftmaxCrossEntropyTests.shapes + (2...20).map({ ImageShape(2, 21, $0) }) where shape.pixels > 1 {
            let problem = Problem(shape, key: 500)
            let (value, gradient) = problem.value(loss)
            let expected = problem.reference(loss)
            #expect(relativeL2([value], [expected.loss]) <= Tolerances.float32Sum, "\(shape)")
            #expect(relativeL2(gradient.values, expected.gradient) <= Tolerances.float32Sum, "\(shape)")
        }
    }

    @Test("the reference's gradient is the derivative of its loss", arguments: losses)
    func centralDifferences(_ loss: SegmentationLoss) {
        let problem = Problem(ImageShape(3, 4, 3), key: 510)
        let logits = ReferenceImage(problem.logits.view)
        let numeric = GradientCheck.gradient(
            of: { problem.reference(loss, ReferenceImage(logits.shape, values: $0)).loss }, at: logits.values)
        #expect(relativeL2(problem.reference(loss).gradient, numeric) <= Tolerances.centralDifference)
    }

    /// `Vectors/make_vectors.py` makes what PyTorch says.
    @Test("losses and gradients agree with PyTorch")
    func vectors() throws {
        struct Expected: Decodable {
            let loss: Double
            let gradient: [Double]
        }
        struct Case: Decodable {
            let height, width, classes: Int
            let smoothing: Double
            let logits, weights: [Double]
            let labels: [Int32]
            let entropy, dice, both: Expected

            enum CodingKeys: String, CodingKey {
                case height, width, classes, smoothing, logits, weights, labels, dice
                case entropy = "cross_entropy"
                case both = "cross_entropy+dice"
            }
        }
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: vector("losses")))
        #expect(cases.count == 5)
        for example in cases {
            let logits = Tensor(example.height, example.width, example.classes)
            _ = logits.values.update(fromContentsOf: example.logits.map(Float.init))
            let labels = LabelMap(height: example.height, width: example.width)
            _ = labels.values.update(fromContentsOf: example.labels)
            for (kind, expected) in [
                (SegmentationLoss.Kind.crossEntropy, example.entropy), (.dice, example.dice),
                (.crossEntropyAndDice, example.both),
            ] {
                let gradient = Tensor.unset(logits.shape)
                let loss = SegmentationLoss(kind, labelSmoothing: example.smoothing).value(
                    logits: logits.view, labels: labels, weights: example.weights.map(Float.init),
                    gradient: gradient.view, team: .solo)
                #expect(relativeL2([loss], [expected.loss]) <= Tolerances.float32Sum, "\(kind)")
                #expect(relativeL2(gradient.values, expected.gradient) <= Tolerances.float32Sum, "\(kind)")
            }
        }
    }

    @Test("without smoothing the sum's parts are the losses alone, to the bit")
    func parts() {
        let problem = Problem(ImageShape(20, 37, 3), key: 520)
        let entropy = problem.value(SegmentationLoss())
        let gradient = Tensor.unset(problem.logits.shape)
        let alone = SoftmaxCrossEntropy.loss(
            logits: problem.logits.view, labels: problem.labels, weights: problem.weights, gradient: gradient.view,
            team: .solo)
        #expect(sameBits([entropy.loss], [alone]) && sameBits(entropy.gradient.values, gradient.values))
        let dice = problem.value(SegmentationLoss(.dice))
        let both = problem.value(SegmentationLoss(.crossEntropyAndDice))
        #expect(both.loss == entropy.loss + dice.loss)
        #expect(sameBits(both.gradient.values, zip(entropy.gradient.values, dice.gradient.values).map { $0 + $1 }))
    }

    @Test("any number of threads gives the same bits", arguments: losses)
    func threads(_ loss: SegmentationLoss) {
        let problem = Problem(ImageShape(150, 133, 5), key: 530)
        let expected = problem.value(loss)
        for threads in [2, 3] {
            let other = problem.value(loss, threads: threads)
            #expect(sameBits([other.loss], [expected.loss]))
            #expect(sameBits(other.gradient.values, expected.gradient.values))
        }
    }

    @Test("a pixel that is ignored may be anything, in every lane", arguments: losses)
    func ignored(_ loss: SegmentationLoss) {
        for classes in [2, 3, 9] {
            let side = 16 + 5
            let (clean, dirty) = (
                Problem(ImageShape(side, side, classes), key: 540), Problem(ImageShape(side, side, classes), key: 540)
            )
            for y in 0..<side {
                for problem in [clean, dirty] { problem.labels[y, y] = LabelMap.ignored }
                for c in 0..<classes { dirty.logits[y, y, c] = c == 0 ? .nan : .infinity }
            }
            let (expected, other) = (clean.value(loss), dirty.value(loss))
            #expect(expected.loss.isFinite && sameBits([expected.loss], [other.loss]))
            #expect(sameBits(expected.gradient.values, other.gradient.values))
            for y in 0..<side { #expect((0..<classes).allSatisfy { other.gradient[y, y, $0] == 0 }) }
        }
    }

    @Test("with every pixel ignored loss and gradient are 0", arguments: losses)
    func allIgnored(_ loss: SegmentationLoss) {
        let problem = Problem(ImageShape(3, 5, 2), key: 550)
        for i in problem.labels.values.indices { problem.labels.values[i] = LabelMap.ignored }
        let (value, gradient) = problem.value(loss)
        #expect(value == 0 && gradient.values.allSatisfy { $0 == 0 })
    }

    @Test("large logits give a finite, right loss; one that is not a number shows", arguments: losses)
    func extremes(_ loss: SegmentationLoss) {
        let problem = Problem(ImageShape(8, 9, 4), key: 560)
        for i in problem.logits.values.indices { problem.logits.values[i] *= 3000 }
        let (value, gradient) = problem.value(loss)
        let expected = problem.reference(loss)
        #expect(value.isFinite && gradient.values.allSatisfy(\.isFinite))
        #expect(relativeL2([value], [expected.loss]) <= Tolerances.float32Sum)
        problem.logits[0, 0, 2] = .nan
        #expect(problem.value(loss).loss.isNaN)
    }
}

/// A file that `Vectors/make_vectors.py` made.
func vector(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/\(name).json")
}
