import Kernels
import TestSupport
import Testing

@Suite struct BFloat16Tests {
    private func packed(_ values: [Float]) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: values.count) { buffer, used in
            if let base = buffer.baseAddress { BFloat16.pack(values, to: base, count: values.count) }
            used = values.count
        }
    }

    private func unpacked(_ values: [UInt16]) -> [Float] {
        [Float](unsafeUninitializedCapacity: values.count) { buffer, used in
            if let base = buffer.baseAddress { BFloat16.unpack(values, to: base, count: values.count) }
            used = values.count
        }
    }

    @Test func whatHasEightBitsStays() {
        let values: [Float] = [0, -0, 1, -1.5, 255, 0.0078125, .infinity, -.infinity, 0x1p-126, 0x1.FEp127]
        #expect(unpacked(packed(values)).map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test func halvesGoToTheEvenNeighbour() {
        // Eight bits: between 1 and 1 + 2⁻⁷.
        let (one, next, after): (Float, Float, Float) = (1, 1 + 0x1p-7, 1 + 0x1p-6)
        #expect(unpacked(packed([1 + 0x1p-8, next + 0x1p-8, 1 + 0x1.1p-8, 1 + 0x1.Fp-9])) == [one, after, next, one])
        // Beyond the largest: infinity, as rounding says.
        #expect(unpacked(packed([Float.greatestFiniteMagnitude])) == [.infinity])
    }

    @Test func noNumberStaysNone() {
        let strange = [Float.nan, -Float.nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF)]
        #expect(unpacked(packed(strange)).allSatisfy { $0.isNaN })
    }

    @Test func theErrorIsAtMostHalfAStep() {
        let values = Array(Tensor.random(ImageShape(1, 1, 10_000), key: 700).values)
        for (value, back) in zip(values, unpacked(packed(values))) {
            // Below 2⁻¹²⁶ steps are all alike.
            #expect(abs(back - value) <= max(abs(value), .leastNormalMagnitude) * 0x1p-8)
        }
    }
}
