import Kernels
import TestSupport
import Testing

@Suite struct DropoutTests {
    private func mask(rate: Double, key: Int, shape: ImageShape = ImageShape(50, 40, 10)) -> [Float] {
        let ones = Tensor(shape)
        ones.view.fill(1)
        Dropout.apply(ones.view, rate: rate, stream: RandomStream(seed: 1, use: .dropout, key), team: .solo)
        return Array(ones.values)
    }

    @Test("keeps its share of values and scales them so that the mean stays", arguments: [0.1, 0.5, 0.9])
    func share(rate: Double) {
        let mask = mask(rate: rate, key: 0)
        let kept = mask.filter { $0 != 0 }
        #expect(kept.allSatisfy { $0 == Float(1 / (1 - rate)) })
        // 20,000 draws: five deviations of their share.
        let deviation = (rate * (1 - rate) / Double(mask.count)).squareRoot()
        #expect(abs(Double(kept.count) / Double(mask.count) - (1 - rate)) < 5 * deviation)
    }

    @Test("is a pure function of its key, and differs between keys")
    func pure() {
        #expect(mask(rate: 0.5, key: 3) == mask(rate: 0.5, key: 3))
        #expect(mask(rate: 0.5, key: 3) != mask(rate: 0.5, key: 4))
    }

    @Test("a rate of 0 leaves every value")
    func zero() {
        #expect(mask(rate: 0, key: 0).allSatisfy { $0 == 1 })
    }

    @Test("the same call on the gradient is its backward")
    func adjoint() {
        let shape = ImageShape(5, 7, 3)
        let stream = RandomStream(seed: 2, use: .dropout, 5)
        let x = Tensor.random(shape, key: 500)
        let dy = Tensor.random(shape, key: 501)
        let (input, outputGradient) = (x.values.map(Double.init), dy.values.map(Double.init))
        Dropout.apply(x.view, rate: 0.4, stream: stream, team: .solo)
        Dropout.apply(dy.view, rate: 0.4, stream: stream, team: .solo)
        let error = GradientCheck.adjointError(
            outputGradient: outputGradient, output: x.values.map(Double.init),
            inputGradient: dy.values.map(Double.init), input: input)
        #expect(error <= Tolerances.adjoint)
    }

    @Test("a crop gets the numbers of its own places, not of the activation around it")
    func crop() {
        let shape = ImageShape(6, 5, 4)
        let stream = RandomStream(seed: 3, use: .dropout)
        let crop = CroppedTensor.random(shape, border: 2, key: 510)
        let alone = Tensor(shape)
        var fill = RandomStream.test(510)
        fill.fill(alone.view)
        Dropout.apply(crop.view, rate: 0.5, stream: stream, team: .solo)
        Dropout.apply(alone.view, rate: 0.5, stream: stream, team: .solo)
        #expect(ReferenceImage(crop.view) == ReferenceImage(alone.view))
        #expect(crop.borderIsUntouched)
    }
}
