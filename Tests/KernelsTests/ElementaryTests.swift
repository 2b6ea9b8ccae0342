import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct ElementaryTests {
    /// Errors in ulp of the exact result as float32 has them; infinite where only one of the two is finite or a number.
    private func error(_ value: Float, _ exact: Double) -> Double {
        let rounded = Float(exact)
        if rounded.isFinite && value.isFinite { return abs(Double(value) - exact) / Double(rounded.ulp) }
        return value == rounded || value.isNaN && exact.isNaN ? 0 : .infinity
    }

    /// The largest error over every `step`-th float32 from `first` to `last`, which have the same sign.
    private func largestError(
        from first: Float, to last: Float, step: UInt32 = 997, _ function: (SIMD16<Float>) -> SIMD16<Float>,
        _ exact: (Double) -> Double
    ) -> Double {
        var largest = 0.0
        var bits = first.bitPattern
        while bits <= last.bitPattern {
            var x = SIMD16<Float>.zero
            for i in 0..<16 { x[i] = Float(bitPattern: min(bits + UInt32(i) * step, last.bitPattern)) }
            let result = function(x)
            for i in 0..<16 { largest = max(largest, error(result[i], exact(Double(x[i])))) }
            bits += 16 * step
        }
        return largest
    }

    @Test("exp is within 1 ulp, down to subnormal numbers and to 0")
    func exponential() {
        #expect(largestError(from: -0.0, to: -.infinity, Elementary.exp, Foundation.exp) <= 1)
        #expect(largestError(from: 0, to: .infinity, Elementary.exp, Foundation.exp) <= 1)
        // Where softmax works.
        #expect(largestError(from: -0.5, to: -20, step: 13, Elementary.exp, Foundation.exp) <= 1)
    }

    @Test("log is within 1 ulp, from subnormal numbers to infinity")
    func logarithm() {
        #expect(largestError(from: 0, to: .infinity, Elementary.log, Foundation.log) <= 1)
        // Where the cross-entropy works, from where the logarithm is small.
        #expect(largestError(from: 1, to: 70, step: 13, Elementary.log, Foundation.log) <= 1)
    }

    /// Where a function has to be exact, or what it has to say; each number in all lanes but one, and in that one alone.
    @Test("exp and log of zeros, infinities and what is not a number")
    func edges() {
        let exponentials: [(Float, Float)] = [
            (0, 1), (-0.0, 1), (-.infinity, 0), (-10_000, 0), (-.greatestFiniteMagnitude, 0), (-104, 0),
            (-103.9, .leastNonzeroMagnitude), (.leastNonzeroMagnitude, 1), (-.leastNonzeroMagnitude, 1),
            (89, .infinity),
            (.infinity, .infinity), (.nan, .nan),
        ]
        let logarithms: [(Float, Float)] = [
            (1, 0), (0, -.infinity), (-0.0, -.infinity), (.infinity, .infinity), (-1, .nan), (-.infinity, .nan),
            (-.leastNonzeroMagnitude, .nan), (.nan, .nan),
        ]
        for (cases, function) in [(exponentials, Elementary.exp), (logarithms, Elementary.log)]
            as [([(Float, Float)], (SIMD16<Float>) -> SIMD16<Float>)]
        {
            for (x, expected) in cases {
                for lane in 0..<16 {
                    var alone = SIMD16<Float>(repeating: 1)
                    let usual = function(alone)
                    alone[lane] = x
                    let result = function(alone)
                    for i in 0..<16 {
                        let wanted = i == lane ? expected : usual[i]
                        #expect(error(result[i], Double(wanted)) == 0, "lane \(i) of \(x) in lane \(lane)")
                    }
                }
            }
        }
    }

    @Test("Double's exp, log and cosine agree with the library's")
    func doubles() {
        func grow(_ largest: inout Double, _ error: Double) {
            largest = error.isNaN ? .infinity : max(largest, abs(error))
        }
        var stream = RandomStream.test(800)
        var (exponential, logarithm, cosine) = (0.0, 0.0, 0.0)
        for _ in 0..<100_000 {
            let u = stream.uniform()
            for x in [u, -u, 1400 * u - 700] {
                grow(&exponential, Elementary.exp(x) / Foundation.exp(x) - 1)
            }
            for x in [u, 1 / u, 0.5 + u, Foundation.exp(1400 * u - 700)] where x != 1 {
                grow(&logarithm, Elementary.log(x) / Foundation.log(x) - 1)
            }
            // The library's is of π·t rounded, some 1e-16 of t beside it.
            for t in [u, -u, 2 * u, 9 * u - 4] {
                grow(&cosine, (Elementary.cosine(halfTurns: t) - cos(.pi * t)) / (1 + abs(t)))
            }
        }
        #expect(exponential <= 4e-16)
        #expect(logarithm <= 4e-16)
        #expect(cosine <= 4e-16)
    }

    @Test("Double's exp, log and cosine of zeros, infinities and what is not a number")
    func doubleEdges() {
        #expect(Elementary.exp(0.0) == 1 && Elementary.exp(-Double.infinity) == 0 && Elementary.exp(-1e300) == 0)
        #expect(Elementary.exp(710.0) == .infinity && Elementary.exp(Double.infinity) == .infinity)
        #expect(Elementary.exp(Double.nan).isNaN)
        #expect(abs(Elementary.exp(-740.0) - Foundation.exp(-740.0)) <= .leastNonzeroMagnitude)
        #expect(
            Elementary.log(1.0) == 0 && Elementary.log(0.0) == -.infinity
                && Elementary.log(Double.infinity) == .infinity)
        #expect(Elementary.log(-1.0).isNaN && Elementary.log(Double.nan).isNaN)
        #expect(
            abs(Elementary.log(Double.leastNonzeroMagnitude) / Foundation.log(Double.leastNonzeroMagnitude) - 1)
                <= 4e-16)
        for (t, cosine) in [(0.0, 1.0), (0.5, 0), (1, -1), (1.5, 0), (2, 1), (-0.5, 0), (-1, -1), (7, -1), (1e15, 1)] {
            #expect(Elementary.cosine(halfTurns: t) == cosine, "\(t) half turns")
        }
        #expect(Elementary.cosine(halfTurns: .infinity).isNaN && Elementary.cosine(halfTurns: .nan).isNaN)
    }

    /// What any CPU and any `LOCKSTEP_MARCH` has to give, as the first machine did.
    @Test("exp and log have the same bits everywhere")
    func bits() {
        var sum: UInt64 = 0
        func take(_ bits: UInt64) { sum = (sum ^ bits) &* 0x9E37_79B9_7F4A_7C15 ^ sum >> 29 }
        var stream = RandomStream.test(810)
        for _ in 0..<10_000 {
            var x = SIMD16<Float>.zero
            for i in 0..<16 { x[i] = Float(stream.uniform()) }
            let (exponentials, logarithms) = (Elementary.exp(x * -100), Elementary.log(x * 100))
            for i in 0..<16 {
                take(UInt64(exponentials[i].bitPattern))
                take(UInt64(logarithms[i].bitPattern))
            }
            let u = stream.uniform()
            take(Elementary.exp(-100 * u).bitPattern)
            take(Elementary.log(100 * u).bitPattern)
            take(Elementary.cosine(halfTurns: 2 * u).bitPattern)
        }
        #expect(sum == 0xA1F0_39DE_EE52_A6F9)
    }
}
