/// Places buffers whose lifetimes are known in one block of memory, so that those that are never alive together can share
/// a place.
///
/// Time is counted in operations. A buffer is alive from the operation that defines it to the last that uses it, both
/// included. The largest are placed first, each at the lowest place that is free for all its life (the greedy-by-size
/// strategy of Pisarchyk and Lee 2020, Efficient Memory Management for Deep Neural Net Inference).
struct MemoryPlan {
    /// A buffer's number.
    typealias Buffer = Int

    private struct Interval {
        let count: Int
        let first: Int
        var last: Int
        var offset = 0
    }

    private var intervals: [Interval] = []
    private var time = 0

    /// Goes on to the next operation.
    mutating func advance() { time += 1 }

    /// A buffer of `count` floats that the current operation writes.
    ///
    /// - Parameter readAsVectors: whether its last values are read as a whole vector, so that a cache line follows.
    mutating func define(_ count: Int, readAsVectors: Bool = true) -> Buffer {
        let lines = (count + 15) / 16 + (readAsVectors ? 1 : 0)
        intervals.append(Interval(count: 16 * lines, first: time, last: time))
        return intervals.count - 1
    }

    /// The current operation reads or writes some buffers, those that are nil left out.
    mutating func use(_ buffers: some Sequence<Buffer?>) {
        for case let buffer? in buffers { intervals[buffer].last = time }
    }

    /// Gives every buffer its place; returns how many floats they need together.
    mutating func place() -> Int {
        let order = intervals.indices.sorted { intervals[$0].count > intervals[$1].count }
        var placed: [Interval] = []
        var total = 0
        for index in order {
            let new = intervals[index]
            var offset = 0
            for other in placed where other.first <= new.last && new.first <= other.last {
                if other.offset >= offset + new.count { break }
                offset = max(offset, other.offset + other.count)
            }
            intervals[index].offset = offset
            placed.insert(
                intervals[index], at: placed.firstIndex { $0.offset > offset } ?? placed.endIndex)
            total = max(total, offset + new.count)
        }
        return total
    }

    /// The first float of a buffer, once all have places.
    func offset(_ buffer: Buffer) -> Int { intervals[buffer].offset }
}
