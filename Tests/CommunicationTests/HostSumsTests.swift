import Communication
import Foundation
import Kernels
import Support
import TestSupport
import Testing

/// Sums in memory that the workers of a host share, and what then travels between hosts.
@Suite struct HostSumsTests {
    /// Every way to spread workers over so many hosts, as the host of each: one host after the other.
    private static func splits(_ workers: Int, hosts: Int) -> [[Int]] {
        guard hosts > 1 else { return [Array(repeating: 0, count: workers)] }
        guard workers >= hosts else { return [] }
        return (1...workers - hosts + 1).flatMap { first in
            splits(workers - first, hosts: hosts - 1).map { rest in
                Array(repeating: 0, count: first) + rest.map { $0 + 1 }
            }
        }
    }

    private static let buckets = GradientBuckets(gradient: 9000, tail: 3, floats: 4096)

    @Test("every split over one, two and three hosts gives the same bits", arguments: 1...12, [12, 17])
    func sameBits(workers: Int, slots: Int) throws {
        let expected = SlotGradients.expected(0..<slots, count: Self.buckets.gradient + Self.buckets.tail)
        for hosts in (1...3).flatMap({ Self.splits(workers, hosts: $0) }) {
            for sums in try SlotGradients.sums(slots: slots, workers: workers, buckets: Self.buckets, hosts: hosts) {
                #expect(sums.values.allSatisfy { $0 == expected }, "\(slots) slots on hosts \(hosts)")
            }
        }
        let hosts = (0..<workers).map { $0 * 3 / workers }
        for sums in try SlotGradients.sums(
            slots: slots, workers: workers, buckets: Self.buckets, hosts: hosts, hostSums: false)
        {
            #expect(sums.values.allSatisfy { $0 == expected }, "\(slots) slots, without host sums")
        }
    }

    @Test("by halving, gradients have the bits that they have directly", arguments: [1, 2, 4, 8, 16], [1, 2, 3])
    func halving(hosts: Int, members: Int) throws {
        let workers = hosts * members
        for slots in [workers, 2 * workers, 4 * workers, workers + 1] {
            let expected = SlotGradients.expected(0..<slots, count: Self.buckets.gradient + Self.buckets.tail)
            let places = (0..<workers).map { $0 / members }
            let all = try SlotGradients.sums(
                slots: slots, workers: workers, buckets: Self.buckets, hosts: places, route: .halving)
            // Others are no tree of hosts: they go directly, and say so.
            let isTree = members.nonzeroBitCount == 1 && slots.nonzeroBitCount == 1
            for sums in all {
                #expect(sums.values.allSatisfy { $0 == expected }, "\(slots) slots on \(hosts) hosts of \(members)")
                #expect(
                    (sums.remark == nil) == (isTree || hosts == 1), "\(slots) slots on \(hosts) hosts of \(members)")
            }
        }
    }

    @Test("by halving a worker sends a logarithm of messages, and as many bytes") func halvingMessages() throws {
        let (hosts, members) = (8, 2)
        let places = (0..<hosts * members).map { $0 / members }
        let buckets = GradientBuckets(gradient: 48 * 1024, tail: 0, floats: 16 * 1024)
        let sent = try ThreadCommunicator.run(size: hosts * members, hosts: places) { communicator -> (Int, [Int]) in
            let counting = HostCommunicator(communicator, hosts: places)
            let allReduce = try GradientAllReduce(
                slots: hosts * members, communicator: counting, buckets: buckets, route: .halving, team: .solo)
            counting.sent = Array(repeating: 0, count: hosts)
            counting.messages = 0
            _ = try allReduce.sum { batch in
                for slot in batch.slots {
                    try batch.gradient(ofSlot: slot).update(repeating: 1, count: buckets.gradient)
                    batch.add(slot: slot)
                }
            }
            return (counting.messages, counting.sent)
        }
        for (rank, (messages, bytes)) in sent.enumerated() {
            // The last bucket is one float, of which a half is often nothing.
            let most = 2 * 3 * buckets.count
            #expect((most - 6...most).contains(messages), "\(messages) messages")
            let expected = 2 * 4 * buckets.gradient * (hosts - 1) / hosts / members
            #expect(abs(bytes.reduce(0, +) - expected) <= 300, "\(bytes), not \(expected)")
            #expect(bytes[places[rank]] == 0)
        }
    }

    @Test("hosts that take turns, and buckets that leave late", arguments: 2...4, [true, false])
    func turns(hosts: Int, overlap: Bool) throws {
        let expected = SlotGradients.expected(0..<11, count: Self.buckets.gradient + Self.buckets.tail)
        let places = (0..<9).map { $0 % hosts }
        for sums in try SlotGradients.sums(
            slots: 11, workers: 9, buckets: Self.buckets, hosts: places, overlap: overlap)
        {
            #expect(sums.values.allSatisfy { $0 == expected })
        }
    }

    @Test("compressed, what a host adds up itself is exact, and all workers have the same", arguments: [1, 2, 3])
    func compressed(hosts: Int) throws {
        let expected = SlotGradients.expected(0..<12, count: Self.buckets.gradient + Self.buckets.tail)
        let places = (0..<7).map { $0 * hosts / 7 }
        let all = try SlotGradients.sums(
            slots: 12, workers: 7, buckets: Self.buckets, hosts: places, compression: .bf16)
        for sums in all {
            #expect(sums.values.allSatisfy { $0 == all[0].values[0] })
            #expect(sums.values[0].suffix(3) == expected.suffix(3))
            let distance = relativeL2(sums.values[0], expected.map(Double.init))
            #expect(hosts == 1 ? distance < 1e-7 : distance > 1e-4 && distance < 4e-3, "\(distance)")
        }
    }

    /// Hosts of so many workers each, and slots of the batch.
    private static let layouts: [(hosts: [Int], slots: Int)] = [
        ([1, 1], 2), ([2, 2], 4), ([4, 4], 8), ([8, 8], 16), ([4, 4], 16), ([3, 1], 4), ([2, 2, 2], 6),
        ([5, 2, 5], 12),
    ]

    @Test("a host sends its nodes and its sums once, however many workers it has", arguments: layouts)
    func bytes(_ layout: (hosts: [Int], slots: Int)) throws {
        let places = layout.hosts.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
        let (workers, hosts) = (places.count, layout.hosts.count)
        let buckets = GradientBuckets(gradient: 48 * 1024, tail: 0, floats: 16 * 1024)
        let sent = try ThreadCommunicator.run(size: workers, hosts: places) { communicator -> [Int] in
            let counting = HostCommunicator(communicator, hosts: places)
            let allReduce = try GradientAllReduce(
                slots: layout.slots, communicator: counting, buckets: buckets, team: .solo)
            counting.sent = Array(repeating: 0, count: hosts)
            _ = try allReduce.sum { batch in
                for slot in batch.slots {
                    try batch.gradient(ofSlot: slot).update(repeating: 1, count: buckets.gradient)
                    batch.add(slot: slot)
                }
            }
            return counting.sent
        }
        let tree = SlotTree(slots: layout.slots, workers: workers)
        for host in 0..<hosts {
            let own = places.indices.filter { places[$0] == host }
            let bytes = own.reduce(0) { $0 + sent[$1].reduce(0, +) - sent[$1][host] }
            let (first, last) = (own[0], own[own.count - 1])
            let run = tree.slots(ofWorker: first).lowerBound..<tree.slots(ofWorker: last).upperBound
            let nodes = tree.largestNodes(in: run).count
            let expected = Double((nodes + 1) * 4 * buckets.gradient * (hosts - 1)) / Double(hosts)
            // Chunks differ by a float in each bucket, and a few bytes are behind the gradient.
            #expect(abs(Double(bytes) - expected) <= 1000, "host \(host) of \(layout): \(bytes), not \(expected)")
            #expect(own.allSatisfy { sent[$0][host] == 0 }, "workers of one host sent each other messages")
        }
    }

    @Test("a sum stays as long as the slowest worker of the host reads it", arguments: 2...4)
    func slowReader(workers: Int) throws {
        let count = 9000
        let steps = 4
        let read = try ThreadCommunicator.run(size: workers) { communicator -> [Bool] in
            let allReduce = try GradientAllReduce(
                slots: workers, communicator: communicator, buckets: Self.buckets, team: .solo)
            return try (1...steps).map { step in
                let sum = try allReduce.sum { batch in
                    for slot in batch.slots {
                        try batch.gradient(ofSlot: slot).update(repeating: Float(step), count: count)
                        batch.add(slot: slot)
                    }
                }
                // One after the other is slow; the others go on to the next step.
                if communicator.rank == step % workers { usleep(50_000) }
                return (0..<count).allSatisfy { sum.gradient[$0] == Float(step * workers) }
            }
        }
        #expect(read.allSatisfy { $0.allSatisfy { $0 } })
    }

    @Test("where a host cannot share memory, its workers send messages, and all know why", arguments: [[1], [0, 2]])
    func refusal(refusing: [Int]) throws {
        let expected = SlotGradients.expected(0..<8, count: Self.buckets.gradient)
        let places = [0, 0, 1, 1, 1, 2, 2]
        let remarks = try ThreadCommunicator.run(size: 7, hosts: places) { communicator -> String in
            let refused = HostCommunicator(communicator, hosts: places)
            refused.sharesMemory = !refusing.contains(places[communicator.rank])
            let allReduce = try GradientAllReduce(
                slots: 8, communicator: refused, buckets: Self.buckets, team: .solo)
            for _ in 0..<2 {
                let sum = try allReduce.sum { batch in
                    for slot in batch.slots {
                        SlotGradients.fill(
                            try batch.gradient(ofSlot: slot), slot: slot, count: Self.buckets.gradient)
                        batch.add(slot: slot)
                    }
                }
                #expect((0..<Self.buckets.gradient).allSatisfy { sum.gradient[$0] == expected[$0] })
            }
            return try #require(allReduce.remark)
        }
        #expect(Set(remarks).count == 1)
        #expect(remarks[0].hasSuffix("cannot share memory: host \(refusing[0]) has none"), "\(remarks[0])")
    }
}

/// A worker's communicator that counts what it sends to each host, and whose host may have no memory to share.
private final class HostCommunicator: Communicator {
    private let inner: any Communicator
    private let hosts: [Int]
    var sent: [Int] = []
    var messages = 0
    var sharesMemory = true

    init(_ inner: any Communicator, hosts: [Int]) {
        self.inner = inner
        self.hosts = hosts
        sent = hosts.map { _ in 0 }
    }

    var rank: Int { inner.rank }
    var size: Int { inner.size }
    var name: String { inner.name }
    var libraryDescription: String { inner.libraryDescription }

    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        try inner.send(bytes, to: rank, tag: tag)
    }

    func startSending(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> any PendingTransfer {
        sent[hosts[rank]] += bytes.count
        messages += 1
        return try inner.startSending(bytes, to: rank, tag: tag)
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        try inner.receive(bytes, from: rank, tag: tag)
    }

    func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer { try inner.startReceiving(bytes, from: rank, tag: tag) }

    func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? {
        try inner.waitingMessage(from: rank, tag: tag)
    }

    func split(_ members: [Int]) throws -> (any Communicator)? { try inner.split(members) }

    func splitByHost() throws -> any Communicator {
        let part = HostCommunicator(try inner.splitByHost(), hosts: hosts.filter { $0 == hosts[rank] })
        part.sharesMemory = sharesMemory
        return part
    }

    func shareMemory(bytes: Int) throws -> SharedMemory {
        guard sharesMemory else { throw Failure.running("host \(hosts[0]) has none") }
        return try inner.shareMemory(bytes: bytes)
    }

    func progress() throws { try inner.progress() }
}
