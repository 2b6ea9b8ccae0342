import Communication
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct GradientTreeTests {
    /// Slot gradients whose sum depends on the order of additions, and whose values say where they belong.
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

    private struct Sums: Sendable {
        var values: [[Float]] = []
        var norms: [Double] = []
        var slots: [Int] = []
    }

    /// Three sums, the last two in the first one's memory, on each worker. Slots say piece by piece, from the end, what
    /// of them is settled.
    private static func sums(
        slots: Int, workers: Int, buckets: GradientBuckets, overlap: Bool = true,
        compression: GradientCompression = .none, piece: Int = 1000
    ) throws -> [Sums] {
        let count = buckets.recordCount
        return try ThreadCommunicator.run(size: workers) { communicator in
            let tree = GradientTree(
                slots: slots, communicator: communicator, buckets: buckets, overlap: overlap,
                compression: compression, team: ThreadTeam(threads: 1))
            var sums = Sums()
            for _ in 0..<3 {
                var seen: [Int] = []
                try tree.sum(
                    compute: { slot, record, settled in
                        seen.append(slot)
                        let values = [Float](unsafeUninitializedCapacity: count) { buffer, used in
                            if let base = buffer.baseAddress { fill(base, slot: slot, count: count) }
                            used = count
                        }
                        // What is not settled yet is not to be looked at.
                        record.update(repeating: .nan, count: count)
                        for i in buckets.gradient..<count { record[i] = values[i] }
                        var end = buckets.gradient
                        while end > 0 {
                            let offset = max(0, end - piece)
                            for i in offset..<end { record[i] = values[i] }
                            settled(offset)
                            end = offset
                        }
                    }
                ) {
                    sums.values.append(Array(UnsafeBufferPointer(start: $0.base, count: count)))
                    sums.norms.append($0.squaredNorm)
                    #expect($0.bucketTimes.count == buckets.count)
                    #expect($0.bucketTimes.allSatisfy { $0.complete <= $0.summed })
                }
                sums.slots = seen
                #expect(seen == Array(tree.ownSlots))
            }
            return sums
        }
    }

    @Test("every number of workers gives the same bits", arguments: 1...13)
    func sameBits(slots: Int) throws {
        for (gradient, tail) in [(1, 0), (3, 2), (1000, 5)] {
            let buckets = GradientBuckets(gradient: gradient, tail: tail, floats: 1 << 20)
            let expected = Self.expected(0..<slots, count: gradient + tail)
            for workers in 1...slots {
                for sums in try Self.sums(slots: slots, workers: workers, buckets: buckets) {
                    #expect(sums.values.allSatisfy { $0 == expected }, "\(slots) slots on \(workers) workers")
                }
            }
        }
    }

    struct Case: Sendable {
        let slots: Int
        let workers: Int
        let floats: Int
        let overlap: Bool
    }

    private static let several = [(1, 1), (4, 2), (6, 4), (7, 3), (12, 5), (12, 12)].flatMap { slots, workers in
        [(4096, true), (10_000, true), (4096, false), (1 << 20, true)].map {
            Case(slots: slots, workers: workers, floats: $0.0, overlap: $0.1)
        }
    }

    @Test("buckets of any size, early or late, give the same bits", arguments: several)
    func buckets(_ example: Case) throws {
        let (gradient, tail) = (50_003, 7)
        let expected = Self.expected(0..<example.slots, count: gradient + tail)
        let norm = SquaredNorm(count: gradient)
        expected.withUnsafeBufferPointer {
            if let base = $0.baseAddress { norm.cover(0..<gradient, of: base, team: .solo) }
        }
        let buckets = GradientBuckets(gradient: gradient, tail: tail, floats: example.floats)
        #expect(buckets.count > (example.floats > gradient ? 1 : 4))
        let all = try Self.sums(
            slots: example.slots, workers: example.workers, buckets: buckets, overlap: example.overlap)
        for sums in all {
            #expect(sums.values.allSatisfy { $0 == expected })
            #expect(sums.norms.allSatisfy { $0 == norm.total })
        }
    }

    @Test("compressed sums are equal on all workers, and near", arguments: [(4, 2), (7, 3), (12, 5), (5, 5)])
    func compressed(slots: Int, workers: Int) throws {
        let buckets = GradientBuckets(gradient: 20_000, tail: 7, floats: 8192)
        let expected = Self.expected(0..<slots, count: buckets.recordCount)
        let all = try Self.sums(slots: slots, workers: workers, buckets: buckets, compression: .bf16)
        for sums in all {
            #expect(sums.values.allSatisfy { $0 == all[0].values[0] })
            #expect(sums.norms.allSatisfy { $0 == all[0].norms[0] })
            // What is behind the gradient is exact.
            #expect(sums.values[0].suffix(7) == expected.suffix(7))
            let distance = relativeL2(sums.values[0], expected.map(Double.init))
            // A rounding to 8 bits of each part and of the sum.
            #expect(distance > 1e-4 && distance < 4e-3, "\(distance)")
        }
    }

    @Test func bucketsCoverTheRecordFromItsEndInBlocks() {
        for (gradient, floats) in [
            (0, 5), (1, 1), (4096, 4096), (31_030_658, 4 << 20), (300_000, 1), (70_000, 1 << 30),
        ] {
            let buckets = GradientBuckets(gradient: gradient, tail: 3, floats: floats)
            var upper = gradient
            for range in buckets.ranges.dropLast() {
                #expect(range.upperBound == upper && !range.isEmpty && range.lowerBound % SquaredNorm.block == 0)
                #expect(range.count < max(floats, SquaredNorm.block) + SquaredNorm.block)
                upper = range.lowerBound
            }
            #expect(upper == 0 && buckets.ranges.last == gradient..<gradient + 3)
        }
        // The paper's network: the last bucket, which nothing hides, is no more than 1 MiB and a block.
        let paper = GradientBuckets(gradient: 31_030_658, tail: 0, floats: 4 << 20)
        #expect(paper.count < 14 && paper.ranges[paper.count - 2].count < 270_000)
    }

    @Test func otherMessagesAreLookedAfterMeanwhile() throws {
        let looks = try ThreadCommunicator.run(size: 2) { communicator -> Int in
            let tree = GradientTree(
                slots: 2, communicator: communicator, buckets: GradientBuckets(gradient: 10, tail: 0, floats: 10),
                team: .solo)
            var looks = 0
            try tree.sum(
                compute: { _, record, _ in
                    record.update(repeating: 1, count: 10)
                    usleep(100_000)
                },
                meanwhile: {
                    looks += 1
                    return true
                }
            ) { total in #expect(total.base[3] == 2) }
            return looks
        }
        #expect(looks.allSatisfy { $0 > 1 }, "\(looks)")
    }

    @Test func aFailureWhileSlotsAreComputedWaitsForThem() throws {
        for _ in 0..<20 {
            let tree = GradientTree(
                slots: 1, communicator: SoloCommunicator(), buckets: GradientBuckets(gradient: 10, tail: 0, floats: 10),
                team: .solo)
            var isOver = false
            #expect(throws: CommunicationFailure.self) {
                try tree.sum(
                    compute: { _, record, _ in
                        record.update(repeating: 1, count: 10)
                        usleep(20_000)
                        isOver = true
                    }, meanwhile: { throw CommunicationFailure("cut") }
                ) { _ in }
            }
            #expect(isOver)
        }
    }
}
