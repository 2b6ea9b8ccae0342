import Kernels
import Testing

@Suite struct RandomStreamTests {
    private func draws(_ stream: RandomStream, _ count: Int = 4) -> [UInt64] {
        var stream = stream
        return (0..<count).map { _ in stream.next() }
    }

    @Test("the same key gives the same numbers; another seed, use or key gives others")
    func keys() {
        let base = draws(RandomStream(seed: 1, use: .dropout, 2, 3))
        #expect(base == draws(RandomStream(seed: 1, use: .dropout, 2, 3)))
        let others = [
            RandomStream(seed: 2, use: .dropout, 2, 3), RandomStream(seed: 1, use: .shuffling, 2, 3),
            RandomStream(seed: 1, use: .dropout, 3, 2), RandomStream(seed: 1, use: .dropout, 2, 4),
            RandomStream(seed: 1, use: .dropout, 2), RandomStream(seed: 1, use: .dropout, 2, 3, 0),
            RandomStream(seed: 1, use: .dropout, -2, 3),
        ].map { draws($0) }
        #expect(Set(others + [base]).count == others.count + 1)
    }

    /// Neighbouring keys must not give the same sequence shifted by a place, as counters of plain SplitMix64 would.
    @Test("streams of neighbouring keys share no number")
    func noOverlap() {
        let numbers = (0..<200).flatMap { draws(RandomStream(seed: 5, use: .tilePosition, $0), 100) }
        #expect(Set(numbers).count == numbers.count)
    }

    @Test("uniform numbers fill [0, 1) evenly")
    func uniform() {
        var stream = RandomStream(seed: 3, use: .synthesis)
        let values = (0..<40_000).map { _ in stream.uniform() }
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = values.reduce(0, +) / 40_000
        let square = values.reduce(0) { $0 + $1 * $1 } / 40_000
        // Five deviations: 1/√12/√n for the mean, √(4/45)/√n for the square.
        #expect(abs(mean - 1.0 / 2) < 5 * (1.0 / 12).squareRoot() / 200)
        #expect(abs(square - 1.0 / 3) < 5 * (4.0 / 45).squareRoot() / 200)
        // χ² over 64 boxes has mean 63 and deviation √126.
        var boxes = Array(repeating: 0.0, count: 64)
        for value in values { boxes[Int(value * 64)] += 1 }
        let chiSquare = boxes.reduce(0) { $0 + ($1 - 625) * ($1 - 625) / 625 }
        #expect(abs(chiSquare - 63) < 5 * 126.0.squareRoot())
    }

    @Test("Gaussian numbers have mean 0, deviation 1 and the kurtosis of a normal distribution")
    func gaussian() {
        var stream = RandomStream(seed: 6, use: .synthesis)
        let values = (0..<40_000).map { _ in stream.gaussian() }
        let moments = (1...4).map { power in
            values.reduce(0) { sum, x in sum + (1..<power).reduce(x) { product, _ in product * x } } / 40_000
        }
        // Five deviations of each moment's estimate: √1, √2, √15 and √96 over √n.
        for (moment, (expected, variance)) in zip(moments, [(0.0, 1.0), (1, 2), (0, 15), (3, 96)]) {
            #expect(abs(moment - expected) < 5 * variance.squareRoot() / 200)
        }
    }

    @Test("first draws of neighbouring keys are uncorrelated")
    func neighbours() {
        let first = (0..<10_001).map { key in
            var stream = RandomStream(seed: 9, use: .dropout, key)
            return stream.uniform() - 0.5
        }
        let covariance = zip(first, first.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / 10_000
        #expect(abs(covariance) < 5.0 / 12 / 100)
    }

    @Test("integers below a bound stay below it and reach every value", arguments: [1, 2, 3, 7, 1000])
    func integers(bound: Int) {
        var stream = RandomStream(seed: 4, use: .shuffling, bound)
        let values = (0..<20_000).map { _ in stream.integer(below: bound) }
        #expect(values.allSatisfy { (0..<bound).contains($0) })
        #expect(Set(values).count == bound)
        let mean = Double(values.reduce(0, +)) / 20_000
        let deviation = (Double(bound * bound - 1) / 12 / 20_000).squareRoot()
        #expect(abs(mean - Double(bound - 1) / 2) <= 5 * deviation)
    }
}
