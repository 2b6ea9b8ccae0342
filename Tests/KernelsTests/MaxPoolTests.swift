import Kernels
import TestSupport
import Testing

@Suite struct MaxPoolTests {
    private let shapes = [
        ImageShape(1, 1, 1), ImageShape(1, 5, 3), ImageShape(4, 1, 70), ImageShape(3, 7, 6), ImageShape(9, 8, 17),
    ]
    private let team = ThreadTeam(threads: 1)

    @Test("forward and backward are exactly the reference's, in crops too", arguments: [0, 1])
    func reference(border: Int) {
        for (key, shape) in shapes.enumerated() {
            let full = ImageShape(2 * shape.height, 2 * shape.width, shape.channels)
            let input = CroppedTensor.random(full, border: border, key: 300 + key)
            let output = Tensor.unset(shape)
            MaxPool.forward(input.view, output: output.view, team: team)
            let reference = ReferenceImage(input.view)
            #expect(ReferenceImage(output.view) == ReferenceKernels.maxPool(reference))

            let outputGradient = Tensor.random(shape, key: 310 + key)
            let gradient = CroppedTensor.unset(full, border: border)
            MaxPool.backward(
                input.view, output: output.view, outputGradient: outputGradient.view, inputGradient: gradient.view,
                team: team)
            let expected = ReferenceKernels.maxPoolBackward(
                reference, outputGradient: ReferenceImage(outputGradient.view))
            #expect(ReferenceImage(gradient.view) == expected)
            #expect(gradient.borderIsUntouched)
        }
    }

    @Test("the gradient goes to the first of equal maxima in the order of rows")
    func ties() {
        // The four values of a block in the order of rows, and where the gradient belongs.
        let cases: [([Float], Int)] = [
            ([0, 0, 0, 0], 0), ([1, 1, 0, 1], 0), ([0, 2, 2, 0], 1), ([0, 2, 0, 2], 1), ([-1, -2, 3, 3], 2),
            ([-4, -3, -2, -1], 3), ([0, -0.0, 0, 0], 0),
        ]
        for (values, place) in cases {
            let input = Tensor(2, 2, 1)
            for i in 0..<4 { input.values[i] = values[i] }
            let output = Tensor(1, 1, 1)
            let outputGradient = Tensor(1, 1, 1)
            outputGradient.values[0] = 5
            let gradient = Tensor(2, 2, 1)
            MaxPool.forward(input.view, output: output.view, team: team)
            MaxPool.backward(
                input.view, output: output.view, outputGradient: outputGradient.view, inputGradient: gradient.view,
                team: team)
            #expect(Array(gradient.values) == (0..<4).map { $0 == place ? 5 : 0 }, "block \(values)")
        }
    }

    @Test("a skip's gradient is added where its crop lies", arguments: [0, 1, 2, 3])
    func skip(border: Int) {
        let shape = ImageShape(5, 6, 17)
        let input = Tensor.random(ImageShape(10, 12, 17), key: 320)
        let output = Tensor(shape)
        MaxPool.forward(input.view, output: output.view, team: team)
        let outputGradient = Tensor.random(shape, key: 321)
        let crop = Tensor.random(ImageShape(10 - 2 * border, 12 - 2 * border, 17), key: 322)
        let without = Tensor.unset(input.shape)
        let with = Tensor.unset(input.shape)
        MaxPool.backward(
            input.view, output: output.view, outputGradient: outputGradient.view, inputGradient: without.view,
            team: team)
        MaxPool.backward(
            input.view, output: output.view, outputGradient: outputGradient.view, skipGradient: crop.view,
            inputGradient: with.view, team: team)
        for y in 0..<10 {
            for x in 0..<12 {
                let isInside = (border..<10 - border).contains(y) && (border..<12 - border).contains(x)
                for c in 0..<17 {
                    let added = isInside ? crop[y - border, x - border, c] : 0
                    #expect(with[y, x, c] == without[y, x, c] + added)
                }
            }
        }
    }

    @Test("a value that is not a number wins wherever it stands", arguments: 0..<4)
    func notANumber(place: Int) {
        let input = Tensor(2, 2, 1)
        for i in 0..<4 { input.values[i] = i == place ? .nan : 1 }
        let output = Tensor(1, 1, 1)
        MaxPool.forward(input.view, output: output.view, team: team)
        #expect(output.values[0].isNaN)
    }
}
