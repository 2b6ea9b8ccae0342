import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct SoftmaxCrossEntropyTests {
    private struct Problem {
        let logits: Tensor
        let labels: LabelMap
        let weights: [Float]

        init(_ shape: ImageShape, key: Int, in range: ClosedRange<Float> = -3...3) {
            logits = .random(shape, key: key, in: range)
            labels = .random(height: shape.height, width: shape.width, classes: shape.channels, key: key + 1)
            var stream = RandomStream.test(key + 2)
            weights = stream.floats(shape.pixels, in: 0.1...4)
        }

        /// The loss, and its gradient in a tensor that began as NaN.
        func loss(weighted: Bool = true, threads: Int = 1) -> (Float, Tensor) {
            let gradient = Tensor.unset(logits.shape)
            let loss = weights.withUnsafeBufferPointer {
                SoftmaxCrossEntropy.loss(
                    logits: logits.view, labels: labels, weights: weighted ? $0.baseAddress : nil,
                    gradient: gradient.view, team: ThreadTeam(threads: threads))
            }
            return (loss, gradient)
        }

        func reference(weighted: Bool = true) -> (loss: Double, gradient: ReferenceImage) {
            ReferenceKernels.softmaxCrossEntropy(
                ReferenceImage(logits.view), labels: labels.values.map(Int.init),
                weights: weights.map { weighted ? Double($0) : 1 })
        }
    }

    static let shapes = [
        ImageShape(1, 1, 2), ImageShape(1, 1, 70), ImageShape(3, 5, 2), ImageShape(7, 4, 3), ImageShape(9, 11, 5),
        ImageShape(40, 33, 2), ImageShape(3, 16, 2), ImageShape(2, 31, 7), ImageShape(2, 48, 8), ImageShape(3, 17, 16),
        ImageShape(2, 20, 21), ImageShape(4, 19, 70),
    ]

    @Test("loss and gradient agree with the reference", arguments: shapes)
    func reference(_ shape: ImageShape) {
        // One sure pixel alone has p − 1 near 0, which float32 cannot hold to 1e-6; others beside it settle the norm.
        let problem = Problem(shape, key: 400, in: shape.pixels == 1 ? -1...1 : -3...3)
        for weighted in [true, false] {
            let (loss, gradient) = problem.loss(weighted: weighted)
            let expected = problem.reference(weighted: weighted)
            #expect(relativeL2([loss], [expected.loss]) <= Tolerances.float32Sum)
            #expect(relativeL2(gradient.view, expected.gradient) <= Tolerances.float32Sum)
        }
    }

    @Test("the reference's gradient is the derivative of its loss")
    func centralDifferences() {
        let problem = Problem(ImageShape(3, 4, 3), key: 410)
        let logits = ReferenceImage(problem.logits.view)
        let labels = problem.labels.values.map(Int.init)
        let weights = problem.weights.map(Double.init)
        let numeric = GradientCheck.gradient(
            of: {
                ReferenceKernels.softmaxCrossEntropy(
                    ReferenceImage(logits.shape, values: $0), labels: labels, weights: weights
                ).loss
            }, at: logits.values)
        #expect(relativeL2(problem.reference().gradient.values, numeric) <= Tolerances.centralDifference)
    }

    @Test("logits of ±10,000 give a finite, right loss and gradient")
    func largeLogits() {
        let problem = Problem(ImageShape(8, 9, 4), key: 420, in: -1e4...1e4)
        let (loss, gradient) = problem.loss()
        let expected = problem.reference()
        #expect(loss.isFinite && gradient.values.allSatisfy(\.isFinite))
        #expect(relativeL2([loss], [expected.loss]) <= Tolerances.float32Sum)
        #expect(relativeL2(gradient.view, expected.gradient) <= Tolerances.float32Sum)
    }

    @Test("large logits that are near each other keep the loss's digits", arguments: [Float(1e4), -1e4])
    func largeEqualLogits(_ level: Float) {
        let logits = Tensor(1, 2, 2)
        for (i, offset) in [Float(0), 0, 0.5, 0].enumerated() { logits.values[i] = level + offset }
        let labels = LabelMap(height: 1, width: 2, filledWith: 1)
        let gradient = Tensor(1, 2, 2)
        let loss = SoftmaxCrossEntropy.loss(
            logits: logits.view, labels: labels, gradient: gradient.view, team: ThreadTeam(threads: 1))
        #expect(relativeL2([loss], [(log(2) + log(1 + exp(0.5))) / 2]) <= Tolerances.float32Sum)
    }

    @Test("ignored pixels count in neither the loss, its gradient nor the mean")
    func ignored() {
        let problem = Problem(ImageShape(4, 6, 3), key: 430)
        // The same pixels that count, in an image of their own.
        let counted = problem.labels.values.indices.filter { problem.labels.values[$0] != LabelMap.ignored }
        #expect(counted.count < problem.labels.values.count)
        let logits = Tensor(1, counted.count, 3)
        let labels = LabelMap(height: 1, width: counted.count)
        for (to, from) in counted.enumerated() {
            labels.values[to] = problem.labels.values[from]
            for c in 0..<3 { logits.values[3 * to + c] = problem.logits.values[3 * from + c] }
        }
        let gradient = Tensor(1, counted.count, 3)
        let alone = SoftmaxCrossEntropy.loss(
            logits: logits.view, labels: labels, gradient: gradient.view, team: ThreadTeam(threads: 1))
        let (loss, whole) = problem.loss(weighted: false)
        #expect(relativeL2([loss], [Double(alone)]) <= Tolerances.float32Sum)
        for pixel in problem.labels.values.indices where !counted.contains(pixel) {
            #expect(Array(whole.values[3 * pixel..<3 * pixel + 3]) == [0, 0, 0])
        }
    }

    @Test("a pixel that is ignored may be anything, in every lane", arguments: [2, 3, 9])
    func ignoredNotANumber(classes: Int) {
        let width = 16 + 5
        let clean = Problem(ImageShape(width, width, classes), key: 435)
        let dirty = Problem(ImageShape(width, width, classes), key: 435)
        for (problem, isDirty) in [(clean, false), (dirty, true)] {
            for y in 0..<width {
                for x in 0..<width { problem.labels[y, x] = Int32((x + y) % classes) }
                // One pixel of each row, and so one in every column.
                problem.labels[y, y] = LabelMap.ignored
                if isDirty { for c in 0..<classes { problem.logits[y, y, c] = c == 0 ? .nan : .infinity } }
            }
        }
        let (loss, gradient) = clean.loss()
        let (dirtyLoss, dirtyGradient) = dirty.loss()
        #expect(loss.isFinite && sameBits([loss], [dirtyLoss]))
        #expect(sameBits(gradient.values, dirtyGradient.values))
        for y in 0..<width { #expect((0..<classes).allSatisfy { gradient[y, y, $0].bitPattern == 0 }) }
    }

    @Test("a weight that is not a number does no harm where the pixel is ignored")
    func ignoredWeight() {
        let problem = Problem(ImageShape(3, 20, 2), key: 436)
        var weights = problem.weights
        for i in weights.indices where problem.labels.values[i] == LabelMap.ignored { weights[i] = .nan }
        let gradient = Tensor.unset(problem.logits.shape)
        let loss = SoftmaxCrossEntropy.loss(
            logits: problem.logits.view, labels: problem.labels, weights: weights, gradient: gradient.view,
            team: ThreadTeam(threads: 1))
        let (expected, expectedGradient) = problem.loss()
        #expect(weights.contains { $0.isNaN } && sameBits([loss], [expected]))
        #expect(sameBits(gradient.values, expectedGradient.values))
    }

    @Test("with every pixel ignored loss and gradient are 0")
    func allIgnored() {
        let problem = Problem(ImageShape(3, 3, 2), key: 440)
        for i in problem.labels.values.indices { problem.labels.values[i] = LabelMap.ignored }
        let (loss, gradient) = problem.loss()
        #expect(loss == 0)
        #expect(gradient.values.allSatisfy { $0 == 0 })
    }

    @Test("a logit that is not a number makes the loss one", arguments: 0..<3)
    func notANumber(channel: Int) {
        let problem = Problem(ImageShape(2, 2, 3), key: 450)
        for i in problem.labels.values.indices { problem.labels.values[i] = 1 }
        problem.logits[1, 0, channel] = .nan
        #expect(problem.loss().0.isNaN)
    }

    @Test("probabilities agree with the reference, and add up to 1", arguments: shapes)
    func probabilities(_ shape: ImageShape) {
        let logits = Tensor.random(shape, key: 460, in: -20...20)
        let expected = ReferenceKernels.softmax(ReferenceImage(logits.view))
        SoftmaxCrossEntropy.probabilities(logits.view, team: ThreadTeam(threads: 1))
        #expect(relativeL2(logits.view, expected) <= Tolerances.float32Sum)
    }

    @Test("crops give the bits of the same image alone, and what is around them stays", arguments: [2, 3, 18])
    func crop(classes: Int) {
        let problem = Problem(ImageShape(5, 19, classes), key: 465)
        let logits = CroppedTensor.random(problem.logits.shape, border: 2, key: 465)
        let croppedGradient = CroppedTensor.unset(problem.logits.shape, border: 1)
        for y in 0..<5 { logits.view.row(y).update(from: problem.logits.view.row(y), count: 19 * classes) }
        let (loss, gradient) = problem.loss()
        let cropLoss = problem.weights.withUnsafeBufferPointer {
            SoftmaxCrossEntropy.loss(
                logits: logits.view, labels: problem.labels, weights: $0.baseAddress, gradient: croppedGradient.view,
                team: ThreadTeam(threads: 1))
        }
        #expect(sameBits([loss], [cropLoss]))
        #expect(
            ReferenceImage(croppedGradient.view) == ReferenceImage(gradient.view) && croppedGradient.borderIsUntouched)
        SoftmaxCrossEntropy.probabilities(logits.view, team: ThreadTeam(threads: 1))
        SoftmaxCrossEntropy.probabilities(problem.logits.view, team: ThreadTeam(threads: 1))
        #expect(ReferenceImage(logits.view) == ReferenceImage(problem.logits.view) && logits.borderIsUntouched)
    }

    @Test("any number of threads gives the same bits", arguments: [2, 9])
    func threads(classes: Int) {
        // Large enough for a second thread to come to work before the first is done.
        let problem = Problem(ImageShape(300, 333, classes), key: 470)
        let (loss, gradient) = problem.loss()
        for threads in [2, 3] {
            let (otherLoss, otherGradient) = problem.loss(threads: threads)
            #expect(sameBits([loss], [otherLoss]))
            #expect(sameBits(gradient.values, otherGradient.values))
        }
        let probabilities = [1, 2, 3].map { threads in
            let copy = Tensor(problem.logits.shape)
            copy.base.update(from: problem.logits.base, count: copy.count)
            SoftmaxCrossEntropy.probabilities(copy.view, team: ThreadTeam(threads: threads))
            return copy
        }
        #expect(probabilities.allSatisfy { sameBits($0.values, probabilities[0].values) })
    }

    @Test("every number of classes agrees with the reference", arguments: 1...70)
    func classes(_ classes: Int) {
        let problem = Problem(ImageShape(2, 21, classes), key: 480)
        let (loss, gradient) = problem.loss()
        let expected = problem.reference()
        #expect(relativeL2([loss], [expected.loss]) <= Tolerances.float32Sum)
        #expect(relativeL2(gradient.view, expected.gradient) <= Tolerances.float32Sum)
        let logits = ReferenceImage(problem.logits.view)
        SoftmaxCrossEntropy.probabilities(problem.logits.view, team: ThreadTeam(threads: 1))
        #expect(relativeL2(problem.logits.view, ReferenceKernels.softmax(logits)) <= Tolerances.float32Sum)
    }
}
