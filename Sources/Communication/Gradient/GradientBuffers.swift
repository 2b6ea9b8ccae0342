import Kernels

/// The records of a worker: those of its nodes, and those of what has to be added up on the way to a node. A record is
/// the memory of a gradient and of what travels behind it.
///
/// A node that is under way lies in its own record, and what waits to be added to it, one a level of the tree, in those
/// of the nodes behind it, which have not begun, and in further ones.
final class GradientRecords {
    private let nodes: [UnsafeMutablePointer<Float>]
    private let floats: Int
    private var further: [FloatBuffer] = []

    /// - Parameters:
    ///   - nodes: the record of each node, in order.
    ///   - floats: of each record.
    init(nodes: [UnsafeMutablePointer<Float>], floats: Int) {
        self.nodes = nodes
        self.floats = floats
    }

    var last: UnsafeMutablePointer<Float> { nodes[nodes.count - 1] }

    /// The record of a node, at depth 0, or of what waits to be added to it.
    func record(node: Int, depth: Int) -> UnsafeMutablePointer<Float> {
        let place = node + depth
        if place < nodes.count { return nodes[place] }
        while further.count <= place - nodes.count { further.append(FloatBuffer(floats)) }
        return further[place - nodes.count].base
    }

    /// How many records a worker with these nodes has.
    static func count(_ nodes: [Range<Int>]) -> Int {
        nodes.enumerated().reduce(nodes.count) { most, node in
            max(most, node.offset + 1 + Int.bitWidth - (node.element.count - 1).leadingZeroBitCount)
        }
    }
}

/// Floats that can be kept in arrays.
final class FloatBuffer {
    private let memory: AlignedBuffer<Float>

    init(_ count: Int) { memory = AlignedBuffer(count) }

    var base: UnsafeMutablePointer<Float> { memory.base }
    var count: Int { memory.count }
}

/// Buffers for messages under way, kept from step to step.
final class StagingPool {
    private var free: [FloatBuffer] = []

    /// A buffer of at least so many floats: the smallest that fits.
    func take(_ count: Int) -> FloatBuffer {
        let fitting = free.indices.filter { free[$0].count >= count && free[$0].count <= 2 * count + 1024 }
        if let best = fitting.min(by: { free[$0].count < free[$1].count }) { return free.remove(at: best) }
        return FloatBuffer(count)
    }

    func give(back buffer: FloatBuffer) { free.append(buffer) }
}
