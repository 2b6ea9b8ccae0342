import Communication
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct GradientTreeTests {
    /// Slot gradients whose sum depends on the order of additions.
    private static func fill(_ record: UnsafeMutablePointer<Float>, slot: Int, count: Int) {
        var stream = RandomStream(seed: 7, use: .trials, slot)
        for i in 0..<count { record[i] = Float(stream.uniform() - 0.5) * Float(1 << (slot % 12)) }
    }

    private static func expected(_ node: Range<Int>, count: Int) -> [Float] {
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

    @Test(arguments: 1...13)
    func everyNumberOfWorkersGivesTheSameBits(slots: Int) throws {
        for count in [1, 4, 1000] {
            let expected = Self.expected(0..<slots, count: count)
            for workers in 1...slots {
                let sums = try ThreadCommunicator.run(size: workers) { communicator in
                    let tree = GradientTree(
                        slots: slots, communicator: communicator, count: count, team: ThreadTeam(threads: 1))
                    // Twice: the second sum reuses the first one's memory.
                    var sum: [Float] = []
                    for _ in 0..<2 {
                        var seen: [Int] = []
                        sum = try tree.sum(
                            compute: { slot, record in
                                seen.append(slot)
                                Self.fill(record, slot: slot, count: count)
                            }
                        ) { Array(UnsafeBufferPointer(start: $0, count: count)) }
                        #expect(seen == Array(tree.ownSlots))
                    }
                    return sum
                }
                for sum in sums { #expect(sum == expected, "\(slots) slots on \(workers) workers") }
            }
        }
    }
}
