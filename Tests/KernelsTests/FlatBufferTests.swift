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

    @Test("a team does every part once, whatever the number of threads", arguments: [1, 2, 3, 8])
    func team(threads: Int) {
        for parts in [0, 1, 2, 7, 64] {
            let done = Tensor(1, 1, parts)
            let lanes = Tensor(1, 1, parts)
            ThreadTeam(threads: threads).forEach(parts) { lane, part in
                done.values[part] += 1
                lanes.values[part] = Float(lane)
            }
            #expect(done.values.allSatisfy { $0 == 1 })
            #expect(lanes.values.allSatisfy { $0 < Float(threads) })
        }
    }
}
