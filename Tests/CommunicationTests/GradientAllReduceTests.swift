import Communication
import Foundation
import Kernels
import Support
import TestSupport
import Testing

@Suite struct GradientAllReduceTests {
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
        let count = buckets.gradient + buckets.tail
        return try ThreadCommunicator.run(size: workers) { communicator in
            let allReduce = GradientAllReduce(
                slots: slots, communicator: communicator, buckets: buckets, overlap: overlap,
                compression: compression, team: ThreadTeam(threads: 1))
            var sums = Sums()
            for _ in 0..<3 {
                var seen: [Int] = []
                let sum = try allReduce.sum { batch in
                    for slot in batch.slots {
                        seen.append(slot)
                        let values = [Float](unsafeUninitializedCapacity: count) { buffer, used in
                            if let base = buffer.baseAddress { fill(base, slot: slot, count: count) }
                            used = count
                        }
                        let (gradient, tail) = (batch.gradient(ofSlot: slot), batch.tail(ofSlot: slot))
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
        let expected = Self.expected(0..<slots, count: buckets.gradient + buckets.tail)
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
            // Three of the caller's, and one for failures.
            #expect(upper == 0 && buckets.ranges.last == gradient..<gradient + 4)
        }
        // The paper's network: the last bucket, which nothing hides, is no more than 1 MiB and a block.
        let paper = GradientBuckets(gradient: 31_030_658, tail: 0, floats: 4 << 20)
        #expect(paper.count < 14 && paper.ranges[paper.count - 2].count < 270_000)
    }

    /// A batch of ones.
    private static func ones(_ batch: GradientAccumulator, count: Int) {
        for slot in batch.slots {
            batch.gradient(ofSlot: slot).update(repeating: 1, count: count)
            batch.add(slot: slot)
        }
    }

    @Test func otherMessagesAreLookedAfterMeanwhile() throws {
        let looks = try ThreadCommunicator.run(size: 2) { communicator -> Int in
            let allReduce = GradientAllReduce(
                slots: 2, communicator: communicator, buckets: GradientBuckets(gradient: 10, tail: 0, floats: 10),
                team: .solo)
            var looks = 0
            let sum = try allReduce.sum(
                meanwhile: {
                    looks += 1
                    return true
                },
                compute: { batch in
                    usleep(100_000)
                    Self.ones(batch, count: 10)
                })
            #expect(sum.gradient[3] == 2)
            return looks
        }
        #expect(looks.allSatisfy { $0 > 1 }, "\(looks)")
    }

    @Test func aFailureOfAMessageWaitsForTheSlotsThatAreComputed() throws {
        for _ in 0..<20 {
            let allReduce = GradientAllReduce(
                slots: 1, communicator: SoloCommunicator(), buckets: GradientBuckets(gradient: 10, tail: 0, floats: 10),
                team: .solo)
            var isOver = false
            #expect(throws: CommunicationFailure.self) {
                try allReduce.sum(
                    meanwhile: { throw CommunicationFailure("cut") },
                    compute: { batch in
                        Self.ones(batch, count: 10)
                        usleep(20_000)
                        isOver = true
                    })
            }
            #expect(isOver)
        }
    }

    /// Where a worker's computation fails.
    private static let failures = (1...9).flatMap { slots in
        (1...slots).flatMap { workers in (0..<slots).map { (slots, workers, $0) } }
    }

    @Test("a slot that cannot be computed ends all workers alike, and the next sum is right", arguments: failures)
    func failure(slots: Int, workers: Int, broken: Int) throws {
        let buckets = GradientBuckets(gradient: 9000, tail: 2, floats: 4096)
        let ends = try ThreadCommunicator.run(size: workers) { communicator -> [String] in
            let allReduce = GradientAllReduce(
                slots: slots, communicator: communicator, buckets: buckets, team: .solo)
            return try (0..<3).map { round in
                do {
                    let sum = try allReduce.sum { batch in
                        for slot in batch.slots {
                            if slot == broken, round == 0 { throw Failure.request("before slot \(slot)") }
                            batch.gradient(ofSlot: slot).update(repeating: 1, count: 9000)
                            batch.complete(slot: slot, downTo: 5000)
                            if slot >= broken, round == 1 {
                                throw Failure.running("within slot \(slot)", repeats: true)
                            }
                            batch.tail(ofSlot: slot)[1] = 2
                            batch.add(slot: slot)
                        }
                    }
                    return "\(sum.gradient[0]) \(sum.gradient[8999]) \(sum.tail[0]) \(sum.tail[1])"
                } catch let failure as Failure {
                    return "\(failure) \(failure.kind) \(failure.repeats)"
                }
            }
        }
        let sum = Float(slots)
        for end in ends {
            #expect(
                end == [
                    "before slot \(broken) request true", "within slot \(broken) running true",
                    "\(sum) \(sum) 0.0 \(2 * sum)",
                ])
        }
    }
}
