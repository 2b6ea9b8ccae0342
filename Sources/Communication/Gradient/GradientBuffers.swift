import Kernels

/// The memory of a gradient and of what travels behind it.
final class GradientRecord {
    private let memory: AlignedBuffer<Float>

    init(_ count: Int) { memory = AlignedBuffer(count) }

    var base: UnsafeMutablePointer<Float> { memory.base }
}

/// Records at rest, kept from step to step.
final class RecordPool {
    private let floats: Int
    private var free: [GradientRecord] = []

    /// - Parameter floats: of each record.
    init(floats: Int) { self.floats = floats }

    func take() -> GradientRecord { free.popLast() ?? GradientRecord(floats) }
    func give(back record: GradientRecord) { free.append(record) }
}

/// Buffers for messages under way, kept from step to step.
final class StagingPool {
    final class Buffer {
        private let memory: AlignedBuffer<Float>

        init(_ capacity: Int) { memory = AlignedBuffer(capacity) }

        var base: UnsafeMutablePointer<Float> { memory.base }
        var capacity: Int { memory.count }
    }

    private var free: [Buffer] = []

    /// A buffer of at least so many floats: the smallest that fits.
    func take(_ count: Int) -> Buffer {
        let fitting = free.indices.filter { free[$0].capacity >= count && free[$0].capacity <= 2 * count + 1024 }
        if let best = fitting.min(by: { free[$0].capacity < free[$1].capacity }) { return free.remove(at: best) }
        return Buffer(count)
    }

    func give(back buffer: Buffer) { free.append(buffer) }
}
