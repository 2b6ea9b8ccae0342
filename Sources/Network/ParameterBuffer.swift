import Kernels

/// One flat buffer of a network's size: its values, or their gradients, or their momentum. Starts as zeros.
///
/// Sendable without a lock: layout and place never change, and the values are written by one thread, or by threads that
/// share out the buffer, while no other reads them.
public final class ParameterBuffer: @unchecked Sendable {
    public let layout: ParameterLayout
    public let base: UnsafeMutablePointer<Float>
    private let memory: AlignedBuffer<Float>

    public init(_ layout: ParameterLayout) {
        self.layout = layout
        memory = AlignedBuffer(layout.count)
        base = memory.base
    }

    public var count: Int { layout.count }
    public var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: count * 4) }

    /// Takes over another buffer's values.
    public func copy(from other: ParameterBuffer) {
        precondition(count == other.count, "\(other.count) values for \(count)")
        base.update(from: other.base, count: count)
    }

    /// Draws initial weights from N(0, √(2/N)), N being a weight's incoming connections (He et al. 2015; Ronneberger
    /// et al. 2015, section 3); biases are 0 and a normalisation's factors 1. A pure function of the seed and the tensor's
    /// place.
    public func initializeWeights(seed: UInt64) {
        for (index, entry) in layout.entries.enumerated() {
            let values = base + entry.offset
            guard entry.incoming > 0 else {
                values.update(repeating: entry.kind == .scale ? 1 : 0, count: entry.count)
                continue
            }
            let deviation = (2 / Double(entry.incoming)).squareRoot()
            var stream = RandomStream(seed: seed, use: .initialWeights, index)
            for i in 0..<entry.count { values[i] = Float(deviation * stream.gaussian()) }
        }
    }
}
