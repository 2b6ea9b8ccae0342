/// Lends scratch memory, so that a training step allocates nothing after the first.
///
/// Loans nest: each depth of nesting has a buffer of its own, which grows to the largest loan it has seen. One thread
/// borrows at a time; it may share what it borrowed among a team.
public final class Workspace {
    /// One for each depth; nil where nothing has been lent yet.
    private var buffers: [Buffer?] = []
    private var depth = 0
    private var aside: Buffer?

    public init() {}

    /// Lends `count` floats of any content for the duration of `body`.
    func lend<R>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
        if depth == buffers.count { buffers.append(nil) }
        let buffer = buffer(of: count)
        depth += 1
        defer { depth -= 1 }
        return try body(buffer.memory.base)
    }

    /// As `lend`, beside the nesting, one loan at a time: for what only some calls borrow around others, which would have buffers
    /// at two depths.
    func lendAside<R>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
        if aside.map({ $0.memory.count < count }) ?? true {
            // Freed before the larger one is asked for.
            aside = nil
            aside = Buffer(count)
        }
        guard let buffer = aside else { preconditionFailure("no buffer") }
        return try body(buffer.memory.base)
    }

    /// The buffer of the current depth, of at least so many floats.
    private func buffer(of count: Int) -> Buffer {
        if let buffer = buffers[depth], buffer.memory.count >= count { return buffer }
        // Freed before the larger one is asked for.
        buffers[depth] = nil
        let buffer = Buffer(count)
        buffers[depth] = buffer
        return buffer
    }

    private final class Buffer {
        let memory: AlignedBuffer<Float>

        /// No less than a huge page where it is not tiny: transforms write to dozens of places in turn.
        init(_ count: Int) { memory = AlignedBuffer(count < 1 << 15 ? count : max(count, 1 << 19)) }
    }
}
