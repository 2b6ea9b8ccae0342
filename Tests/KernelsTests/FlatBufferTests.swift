import Kernels
import TestSupport
import Testing

@Suite struct FlatBufferTests {
    static let counts = [0, 1, 7, 8, 4095, 4096, 4097, 70_001]

    @Test("the squared norm agrees with the reference and does not depend on threads and pieces", arguments: counts)
    func squaredNorm(count: Int) {
        let values = Tensor.random(ImageShape(1, 1, count), key: 600)
        let block = SquaredNorm.block
        let norms = [1, 2, 3].map { threads in
            let norm = SquaredNorm(count: count)
            // In pieces of so many blocks, the last piece first.
            for start in stride(from: 0, to: count, by: threads * block).reversed() {
                norm.cover(
                    start..<min(start + threads * block, count), of: values.base, team: ThreadTeam(threads: threads))
            }
            return norm.total
        }
        let expected = values.values.reduce(0) { $0 + Double($1) * Double($1) }
        #expect(abs(norms[0] - expected) <= Tolerances.doubleSum * expected)
        #expect(norms.allSatisfy { $0 == norms[0] })
    }

    @Test("adding adds every value", arguments: counts)
    func add(count: Int) {
        let other = Tensor.random(ImageShape(1, 1, count), key: 601)
        for threads in [1, 2, 3] {
            let sum = Tensor.random(ImageShape(1, 1, count), key: 602)
            let before = Array(sum.values)
            FlatBuffers.add(other.base, to: sum.base, count: count, team: ThreadTeam(threads: threads))
            #expect(sum.values.indices.allSatisfy { sum.values[$0] == before[$0] + other.values[$0] })
        }
    }

    @Test("a hash sees every bit, and does not depend on threads", arguments: counts)
    func hash(count: Int) {
        let values = Tensor.random(ImageShape(1, 1, count), key: 640)
        func hash(threads: Int = 1) -> UInt64 {
            FlatBuffers.hash(values.base, count: count, team: ThreadTeam(threads: threads))
        }
        let whole = hash()
        #expect([2, 3].allSatisfy { hash(threads: $0) == whole })
        if count > 0 { #expect(FlatBuffers.hash(values.base, count: count - 1, team: .solo) != whole) }
        var seen: Set = [whole]
        let places = count < 10 ? Array(0..<count) : [0, 1, 7, 8, 15, 16, count / 2, count - 2, count - 1]
        for place in places {
            for bit in 0..<32 {
                let value = values.base[place]
                values.base[place] = Float(bitPattern: value.bitPattern ^ 1 << bit)
                #expect(seen.insert(hash()).inserted)
                values.base[place] = value
            }
        }
        // Signs turned in pairs leave a product alone.
        for distance in [2, 16, 32, 2048, 16_384] where 1 + distance < count {
            for place in [1, 1 + distance] { values.base[place] = -values.base[place] }
            #expect(seen.insert(hash()).inserted, "a pair of signs, \(distance) apart")
            for place in [1, 1 + distance] { values.base[place] = -values.base[place] }
        }
    }

    @Test(
        "momentum steps agree with the reference",
        arguments: [(0.0, 0.0, false), (0.9, 0.0, false), (0.99, 0.01, false), (0.9, 0.01, true)])
    func momentum(_ momentum: Double, _ decay: Double, _ nesterov: Bool) {
        let count = 40_003
        for threads in [1, 2] {
            let weights = Tensor.random(ImageShape(1, 1, count), key: 610)
            let velocity = Tensor(1, 1, count)
            var expected = weights.values.map(Double.init)
            var expectedVelocity = Array(repeating: 0.0, count: count)
            // Exactly representable, so that only the arithmetic differs.
            let (rate, scale): (Float, Float) = (0.125, 0.5)
            let update = MomentumUpdate(
                learningRate: rate, momentum: Float(momentum), weightDecay: Float(decay), gradientScale: scale,
                nesterov: nesterov)
            for step in 0..<4 {
                let gradient = Tensor.random(ImageShape(1, 1, count), key: 620 + step)
                update.apply(
                    weights: weights.base, velocity: velocity.base, gradient: gradient.base, count: count,
                    team: ThreadTeam(threads: threads))
                ReferenceKernels.momentumStep(
                    weights: &expected, velocity: &expectedVelocity,
                    gradient: gradient.values.map { Double($0) * Double(scale) }, learningRate: Double(rate),
                    momentum: Double(Float(momentum)), weightDecay: Double(Float(decay)), nesterov: nesterov)
            }
            #expect(relativeL2(weights.values, expected) <= Tolerances.float32Sum)
            #expect(relativeL2(velocity.values, expectedVelocity) <= Tolerances.float32Sum)
        }
    }

    @Test("the average follows the weights in the same pass, and changes none of their bits", arguments: counts)
    func average(count: Int) {
        let update = MomentumUpdate(
            learningRate: 0.125, momentum: 0.9, weightDecay: 0.01, gradientScale: 0.5, nesterov: false)
        func run(threads: Int, share: Float?) -> (weights: [Float], velocity: [Float], average: [Float]) {
            let weights = Tensor.random(ImageShape(1, 1, count), key: 630)
            let velocity = Tensor.random(ImageShape(1, 1, count), key: 631)
            let average = Tensor.random(ImageShape(1, 1, count), key: 632)
            let gradient = Tensor.random(ImageShape(1, 1, count), key: 633)
            update.apply(
                weights: weights.base, velocity: velocity.base, gradient: gradient.base, count: count,
                average: share.map { RunningAverage(values: average.base, share: $0) },
                team: ThreadTeam(threads: threads))
            return (Array(weights.values), Array(velocity.values), Array(average.values))
        }
        let plain = run(threads: 1, share: nil)
        let averaged = run(threads: 1, share: 0.25)
        #expect(sameBits(plain.weights, averaged.weights))
        #expect(sameBits(plain.velocity, averaged.velocity))
        let expected = zip(plain.average, plain.weights).map { 0.75 * Double($0) + 0.25 * Double($1) }
        #expect(relativeL2(averaged.average, expected) <= Tolerances.float32Sum)
        #expect(sameBits(run(threads: 3, share: 0.25).average, averaged.average))
    }
}
