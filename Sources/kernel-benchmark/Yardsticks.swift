import Glibc
import Kernels

/// The peak of one core, in products and in copies, measured beside each kernel so that a slow moment, or a slow machine, shows in both.
final class Yardsticks {
    private let source = AlignedBuffer<Float>(Yardsticks.copied)
    private let target = AlignedBuffer<Float>(Yardsticks.copied)
    private var sink = SIMD16<Float>.zero

    /// Floats that are copied: more than any cache holds.
    private static let copied = 1 << 24
    private static let iterations = 1 << 19

    /// The limit for this kind of work, in operations or bytes a second.
    func limit(_ work: Work) -> Double {
        switch work {
        case .products: multiplyAdds()
        case .bytes: copy()
        }
    }

    /// Operations a second of independent multiply-adds that stay in registers.
    private func multiplyAdds() -> Double {
        // As many registers as hide the latency of a multiply-add, four cycles in each of two units, and no more than
        // there are: a vector is two registers with AVX2.
        #if LOCKSTEP_AVX512
            var first = InlineArray<6, SIMD16<Float>>(repeating: .zero)
            var second = InlineArray<6, SIMD16<Float>>(repeating: .zero)
        #else
            var first = InlineArray<3, SIMD16<Float>>(repeating: .zero)
            var second = InlineArray<3, SIMD16<Float>>(repeating: .zero)
        #endif
        // Read from memory: the compiler knows neither the values nor that they are equal, and leaves nothing out.
        let values = UnsafeRawPointer(source.base).assumingMemoryBound(to: SIMD16<Float>.self)
        for i in first.indices { (first[i], second[i]) = (values[i], values[first.count + i]) }
        let factor = values[2 * first.count]
        let begin = Self.cpuSeconds()
        var n = Self.iterations
        while n > 0 {
            var i = 0
            while i < first.count {
                first[unchecked: i].addProduct(first[unchecked: i], factor)
                second[unchecked: i].addProduct(second[unchecked: i], factor)
                i &+= 1
            }
            n &-= 1
        }
        let seconds = Self.cpuSeconds() - begin
        for i in first.indices { sink += first[i] + second[i] }
        return Double(2 * 16 * (first.count + second.count) * Self.iterations) / seconds
    }

    /// Bytes a second read and written by copying a large buffer. Scaled on the way, as in McCalpin's STREAM: a plain
    /// copy would become `memcpy`, whose streaming stores no kernel uses.
    private func copy() -> Double {
        let begin = Self.cpuSeconds()
        var from = UnsafeRawPointer(source.base)
        var to = UnsafeMutableRawPointer(target.base)
        var n = Self.copied / 16
        while n > 0 {
            to.storeBytes(of: from.load(as: SIMD16<Float>.self) * 0.5, as: SIMD16<Float>.self)
            from += 64
            to += 64
            n &-= 1
        }
        return Double(2 * 4 * Self.copied) / (Self.cpuSeconds() - begin)
    }

    /// This thread's time on a processor: while another program has the core, it stands still.
    static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
