import Communication
import Foundation
import Kernels
import Support
import TestSupport
import Testing

@Suite struct GradientAllReduceTests {
    @Test("every number of workers gives the same bits", arguments: 1...13)
    func sameBits(slots: Int) throws {
        for (gradient, tail) in [(1, 0), (3, 2), (1000, 5)] {
            let buckets = GradientBuckets(gradient: gradient, tail: tail, floats: 1 << 20)
            let expected = SlotGradients.expected(0..<slots, count: gradient + tail)
            for workers in 1...slots {
                for sums in try SlotGradients.sums(slots: slots, workers: workers, buckets: buckets) {
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
        let expected = SlotGradients.expected(0..<example.slots, count: gradient + tail)
        let norm = SquaredNorm(count: gradient)
        expected.withUnsafeBufferPointer {
            if let base = $0.baseAddress { norm.cover(0..<gradient, of: base, team: .solo) }
        }
        let buckets = GradientBuckets(gradient: gradient, tail: tail, floats: example.floats)
        #expect(buckets.count > (example.floats > gradient ? 1 : 4))
        let all = try SlotGradients.sums(
            slots: example.slots, workers: example.workers, buckets: buckets, overlap: example.overlap)
        for sums in all {
            #expect(sums.values.allSatisfy { $0 == expected })
            #expect(sums.norms.allSatisfy { $0 == norm.total })
        }
    }

    @Test("slots are hashed as they are added, whatever their place", arguments: [4096, 10_000, 1 << 20], [1, 3, 7])
    func hashes(floats: Int, workers: Int) throws {
        let buckets = GradientBuckets(gradient: 50_003, tail: 2, floats: floats)
        let hashes = try ThreadCommunicator.run(size: workers) { communicator -> [Int: UInt64] in
            let allReduce = try GradientAllReduce(
                slots: 7, communicator: communicator, buckets: buckets, team: ThreadTeam(threads: 1))
            var hashes: [Int: UInt64] = [:]
            for round in 0..<2 {
                _ = try allReduce.sum { batch in
                    batch.hash(slots: round == 0 ? [] : Array(batch.slots))
                    for slot in batch.slots {
                        let gradient = try batch.gradient(ofSlot: slot)
                        SlotGradients.fill(gradient, slot: slot, count: buckets.gradient)
                        batch.complete(slot: slot, downTo: 20_000)
                        batch.complete(slot: slot, downTo: 0)
                        #expect(slot == batch.slots.upperBound - 1 || batch.hash(ofSlot: slot) == nil)
                        batch.add(slot: slot)
                        if let hash = batch.hash(ofSlot: slot) { hashes[slot] = hash }
                    }
                    #expect(hashes.count == (round == 0 ? 0 : batch.slots.count))
                }
            }
            return hashes
        }
        let all = hashes.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
        for slot in 0..<7 {
            let values = SlotGradients.expected(slot..<slot + 1, count: buckets.gradient)
            let expected = values.withUnsafeBufferPointer { values in
                values.baseAddress.map { buckets.hash(of: $0, team: .solo) }
            }
            #expect(all[slot] == expected)
        }
        #expect(Set(all.values).count == 7)
    }

    @Test("compressed sums are equal on all workers, and near", arguments: [(4, 2), (7, 3), (12, 5), (5, 5)])
    func compressed(slots: Int, workers: Int) throws {
        let buckets = GradientBuckets(gradient: 20_000, tail: 7, floats: 8192)
        let expected = SlotGradients.expected(0..<slots, count: buckets.gradient + buckets.tail)
        let all = try SlotGradients.sums(slots: slots, workers: workers, buckets: buckets, compression: .bf16)
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
    private static func ones(_ batch: GradientAccumulator, count: Int) throws {
        for slot in batch.slots {
            try batch.gradient(ofSlot: slot).update(repeating: 1, count: count)
            batch.add(slot: slot)
        }
    }

    @Test func otherMessagesAreLookedAfterMeanwhile() throws {
        let looks = try ThreadCommunicator.run(size: 2) { communicator -> Int in
            let allReduce = try GradientAllReduce(
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
                    try Self.ones(batch, count: 10)
                })
            #expect(sum.gradient[3] == 2)
            return looks
        }
        #expect(looks.allSatisfy { $0 > 1 }, "\(looks)")
    }

    @Test func aFailureOfAMessageWaitsForTheSlotsThatAreComputed() throws {
        for _ in 0..<20 {
            let allReduce = try GradientAllReduce(
                slots: 1, communicator: SoloCommunicator(), buckets: GradientBuckets(gradient: 10, tail: 0, floats: 10),
                team: .solo)
            var isOver = false
            #expect(throws: CommunicationFailure.self) {
                try allReduce.sum(
                    meanwhile: { throw CommunicationFailure("cut") },
                    compute: { batch in
                        try Self.ones(batch, count: 10)
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

    @Test(
        "a slot that cannot be computed ends all workers alike, and the next sum is right", arguments: failures, 1...3)
    func failure(_ place: (slots: Int, workers: Int, broken: Int), hosts: Int) throws {
        let (slots, workers, broken) = place
        let buckets = GradientBuckets(gradient: 9000, tail: 2, floats: 4096)
        let places = (0..<workers).map { $0 * hosts / workers }
        let ends = try ThreadCommunicator.run(size: workers, hosts: places) { communicator -> [String] in
            let allReduce = try GradientAllReduce(
                slots: slots, communicator: communicator, buckets: buckets, team: .solo)
            return try (0..<3).map { round in
                do {
                    let sum = try allReduce.sum { batch in
                        for slot in batch.slots {
                            if slot == broken, round == 0 { throw Failure.request("before slot \(slot)") }
                            try batch.gradient(ofSlot: slot).update(repeating: 1, count: 9000)
                            batch.complete(slot: slot, downTo: 5000)
                            if slot >= broken, round == 1 {
                                throw Failure.running("within slot \(slot)", repeats: true)
                            }
                            try batch.tail(ofSlot: slot)[1] = 2
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
