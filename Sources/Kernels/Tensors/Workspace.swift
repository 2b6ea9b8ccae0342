/// Lends scratch memory, so that a training step allocates nothing after the first.
///
/// Loans nest: each depth of nesting has a buffer of its own, which grows to the largest loan it has seen. One thread
/// borrows at a time; it may share what it borrowed among a team.
public final class Workspace {
    private var buffers: [UnsafeMutableBufferPointer<Float>] = []
    private var depth = 0

    public init() {}

    deinit { for buffer in buffers { buffer.deallocate() } }

    /// Lends `count` floats of any content for the duration of `body`.
    public func lend<R>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
        if depth == buffers.count {
            buffers.append(.init(start: allocateFloats(count), count: count))
        } else if buffers[depth].count < count {
            buffers[depth].deallocate()
            buffers[depth] = .init(start: allocateFloats(count), count: count)
        }
        let base = buffers[depth].baseAddress.unsafelyUnwrapped
        depth += 1
        defer { depth -= 1 }
        return try body(base)
    }
}
