import Kernels
import Testing

@Suite struct AlignedBufferTests {
    /// From none to a buffer of huge pages.
    @Test("memory is zeros, aligned to a cache line and followed by one", arguments: [0, 1, 17, 1000, 600_000])
    func zeros(count: Int) {
        let buffer = AlignedBuffer<Float>(count)
        let (base, counted) = (buffer.base, buffer.count)
        #expect(counted == count)
        #expect(UInt(bitPattern: base) % 64 == 0)
        let values = UnsafeBufferPointer(start: base, count: count + 16)
        #expect(values.allSatisfy { $0 == 0 })
        withExtendedLifetime(buffer) {}
    }

    @Test("values of another type lie side by side")
    func integers() {
        let buffer = AlignedBuffer<Int>(100)
        for i in 0..<100 { buffer.base[i] = i }
        let values = Array(UnsafeBufferPointer(start: buffer.base, count: 100))
        #expect(values == Array(0..<100))
        withExtendedLifetime(buffer) {}
    }
}
