import Communication
import Kernels
import TestSupport
import Testing

/// Gradients of slots, and their sums by `GradientAllReduce`.
enum SlotGradients {
    /// Slot gradients whose sum depends on the order of additions, and whose values say where they belong.
    static func fill(_ record: UnsafeMutablePointer<Float>, slot: Int, count: Int) {
        var stream = RandomStream(seed: 7, use: .trials, slot)
        for i in 0..<count { record[i] = Float(stream.uniform() - 0.5) * Float(1 << (slot % 12)) }
    }

    static func expected(_ node: Range<Int>, count: Int) -> [Float] {
        if node.count == 1 {
            return [Float](unsafeUninitializedCapacity: count) { buffer, used in
                if let base = buffer.baseAddress { fill(base, slot: node.lowerBound, count: count) }
                used = count
            }
        }
        let middle = SlotTree.middle(of: node)
        let left = expected(node.lowerBound..<middle, count: count)
        let right = expected(middle..<node.upperBound, count: count)
        return zip(left, right).map { $0 + $1 }
    }

    struct Sums: Sendable {
        var values: [[Float]] = []
        var norms: [Double] = []
        var slots: [Int] = []
        var remark: String?
    }

    /// Three sums, the last two in the first one's memory, on each worker. Slots say piece by piece, from the end, what
    /// of them is settled.
    ///
    /// - Parameter hosts: the host of each worker; nil: each has its own.
    static func sums(
        slots: Int, workers: Int, buckets: GradientBuckets, hosts: [Int]? = nil, overlap: Bool = true,
        hostSums: Bool = true, route: GradientRoute = .automatic, compression: GradientCompression = .none,
        piece: Int = 1000
    ) throws -> [Sums] {
        let count = buckets.gradient + buckets.tail
        return try ThreadCommunicator.run(size: workers, hosts: hosts ?? Array(0..<workers)) { communicator in
            let allReduce = try GradientAllReduce(
                slots: slots, communicator: communicator, buckets: buckets, overlap: overlap,
                hostSums: hostSums, route: route, compression: compression, team: ThreadTeam(threads: 1))
            var sums = Sums()
            sums.remark = allReduce.remark
            for _ in 0..<3 {
                var seen: [Int] = []
                let sum = try allReduce.sum { batch in
                    for slot in batch.slots {
                        seen.append(slot)
                        let values = [Float](unsafeUninitializedCapacity: count) { buffer, used in
                            if let base = buffer.baseAddress { fill(base, slot: slot, count: count) }
                            used = count
                        }
                        let (gradient, tail) = try (batch.gradient(ofSlot: slot), batch.tail(ofSlot: slot))
                        for i in 0..<buckets.tail {
                            #expect(tail[i] == 0)
                            tail[i] = values[buckets.gradient + i]
                        }
                        // What is not complete yet is not to be looked at.
                        gradient.update(repeating: .nan, count: buckets.gradient)
                        var end = buckets.gradient
                        while end > 0 {
                            let offset = max(0, end - piece)
                            for i in offset..<end { gradient[i] = values[i] }
                            batch.complete(slot: slot, downTo: offset)
                            end = offset
                        }
                        batch.add(slot: slot)
                    }
                }
                sums.values.append(Array(UnsafeBufferPointer(start: sum.gradient, count: count)))
                sums.norms.append(sum.squaredNorm)
                #expect(sum.bucketTimes.count == buckets.count)
                #expect(sum.bucketTimes.allSatisfy { $0.complete <= $0.summed })
                sums.slots = seen
                #expect(seen == Array(allReduce.ownSlots))
            }
            return sums
        }
    }
}
