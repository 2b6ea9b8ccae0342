import Communication
import Testing

@Suite struct AllReduceModelTests {
    /// A slot of one second whose buckets of a million floats are complete at even times, on a link of 100 MB/s.
    private func model(
        buckets: Int = 4, bytesPerSecond: Double = 100e6, latency: Double = 0, overlap: Bool = true,
        addition: Double = 0, hostSums: Bool = true, route: GradientRoute = .direct,
        compression: GradientCompression = .none
    ) -> AllReduceModel {
        let floats = 1 << 20
        let cut = GradientBuckets(gradient: buckets * floats, tail: 0, floats: floats)
        return AllReduceModel(
            worker: .init(
                slot: 1, completion: (0..<cut.count).map { Double($0 + 1) / Double(cut.count) }, update: 0.25,
                addition: addition, norm: 0),
            link: .init(bytesPerSecond: bytesPerSecond, latency: latency), buckets: cut, overlap: overlap,
            hostSums: hostSums, route: route, compression: compression)
    }

    private static let megabyte = Double(4 << 20)
    /// What is sent beside the buckets: a float that counts failures.
    private static let tail = 4.0

    @Test func oneWorkerSendsNothing() {
        let step = model().step(slots: 3, workers: 1)
        #expect(step.seconds == 3.25 && step.computed == 3 && step.waiting == 0)
        #expect(step.bytesPerHost == 0 && step.messagesPerHost == 0)
    }

    @Test("a host sends what a bandwidth-optimal all-reduce sends", arguments: [2, 4, 8, 64, 1024])
    func bytes(workers: Int) {
        let step = model().step(slots: workers, workers: workers)
        let share = 2 * Double(workers - 1) / Double(workers)
        let expected = share * (4 * Self.megabyte + Self.tail)
        #expect(abs(step.bytesPerHost - expected) <= 1e-9 * expected)
        let compressed = model(compression: .bf16).step(slots: workers, workers: workers)
        #expect(abs(compressed.bytesPerHost - share * (2 * Self.megabyte + Self.tail)) < 1)
        // Workers of one host send each other nothing over the link.
        #expect(model().step(slots: workers, workers: workers, perHost: workers).bytesPerHost == 0)
    }

    @Test("a host sends one sum, or one a worker", arguments: [(2, 2), (4, 8), (8, 64), (3, 4)])
    func hostSums(hosts: Int, perHost: Int) {
        let workers = hosts * perHost
        let bytes = 4 * Self.megabyte + Self.tail
        let one = model().step(slots: workers, workers: workers, perHost: perHost)
        let expected = 2 * bytes * Double(hosts - 1) / Double(hosts)
        #expect(abs(one.bytesPerHost - expected) <= 1e-9 * expected)
        // Two phases of each bucket; each worker has a peer on each other host.
        #expect(one.messagesPerHost == 2 * model().buckets.count * perHost * (hosts - 1))
        let each = model(hostSums: false).step(slots: workers, workers: workers, perHost: perHost)
        #expect(abs(each.bytesPerHost - Double(perHost) * one.bytesPerHost) <= 1e-9 * each.bytesPerHost)
        #expect(one.seconds < each.seconds)
    }

    @Test("by halving, as many bytes in fewer messages", arguments: [2, 16, 256, 1024])
    func halving(hosts: Int) {
        let (workers, perHost) = (4 * hosts, 4)
        let direct = model(latency: 1e-5).step(slots: workers, workers: workers, perHost: perHost)
        let halving = model(latency: 1e-5, route: .halving).step(slots: workers, workers: workers, perHost: perHost)
        #expect(abs(halving.bytesPerHost - direct.bytesPerHost) <= 1e-9 * direct.bytesPerHost)
        let buckets = model().buckets.count
        #expect(halving.messagesPerHost == 2 * hosts.trailingZeroBitCount * buckets * perHost)
        #expect(direct.messagesPerHost == 2 * (hosts - 1) * buckets * perHost)
        // For many hosts it is chosen, and the faster.
        let chosen = model(latency: 1e-5, route: .automatic).step(slots: workers, workers: workers, perHost: perHost)
        #expect(chosen.seconds == (hosts >= 64 ? halving : direct).seconds)
        if hosts >= 256 { #expect(halving.seconds < direct.seconds) }
        // Of hosts that are no power of two, or of slots that are no subtrees, none.
        let odd = model(route: .halving).step(slots: 3 * workers, workers: 3 * workers, perHost: perHost)
        #expect(odd.messagesPerHost == 2 * (3 * hosts - 1) * buckets * perHost)
    }

    @Test func hostsOfNoSubtreeSendMore() {
        // Of 12 slots the second of three hosts has 4 to 7, a subtree; of 9 it has 3, 4 and 5: nodes [3, 4) and [4, 6).
        let whole = model().step(slots: 12, workers: 12, perHost: 4)
        let uneven = model().step(slots: 9, workers: 9, perHost: 3)
        #expect(abs(uneven.bytesPerHost - 1.5 * whole.bytesPerHost) <= 1e-9 * uneven.bytesPerHost)
    }

    @Test func whatAHostAddsUpTakesTime() {
        let one = model(overlap: false, addition: 1e-9).step(slots: 4, workers: 4, perHost: 4)
        // Three additions of a quarter each.
        let expected = 0.75 * Double(1 << 20) * 1e-9
        #expect(one.bytesPerHost == 0 && abs(one.waiting - expected) < 1e-6 * expected + 1e-12)
    }

    @Test func sharesThatAreNoSubtreesSendMore() {
        let whole = model().step(slots: 8, workers: 4)
        // Of 12 slots the third of five workers has 4, 5 and 6: nodes [4, 6) and [6, 7).
        let uneven = model().step(slots: 12, workers: 5)
        #expect(uneven.bytesPerHost > 1.3 * whole.bytesPerHost)
    }

    @Test func whatIsSentAfterTheLastSlotIsWaitedFor() {
        // Everything leaves at once, after the slot: both phases of all buckets, one after the other.
        let late = model(overlap: false).step(slots: 2, workers: 2)
        #expect(abs(late.waiting - (4 * Self.megabyte + Self.tail) / 100e6) < 1e-9)
        #expect(abs(late.seconds - (1 + late.waiting + 0.25)) < 1e-9)
        let early = model().step(slots: 2, workers: 2)
        #expect(early.waiting < late.waiting / 2 && early.computed == late.computed)
    }

    @Test func aSlowLinkLimitsTheStep() {
        for rate in [1e6, 1e7, 1e8, 1e9] {
            let step = model(bytesPerSecond: rate).step(slots: 2, workers: 2)
            #expect(step.seconds >= step.bytesPerHost / rate)
            #expect(step.seconds >= step.computed + 0.25)
        }
        let waits = [1e6, 1e7, 3e7].map { model(bytesPerSecond: $0).step(slots: 2, workers: 2).waiting }
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 > $1 })
    }

    @Test func latencyIsPaidTwiceAfterTheLastBucket() {
        let fast = model(bytesPerSecond: 1e15, latency: 0.01).step(slots: 2, workers: 2)
        #expect(fast.waiting >= 0.02 && fast.waiting < 0.04)
    }

    @Test func moreImagesHideMore() throws {
        let slow = model(bytesPerSecond: 5e6)
        let images = try #require(slow.imagesHiding(workers: 2))
        #expect(images > 1)
        for (count, hides) in [(images, true), (images - 1, false)] {
            let step = slow.step(slots: 2 * count, workers: 2)
            #expect((step.waiting <= 0.05 * step.seconds) == hides)
        }
        #expect(model(bytesPerSecond: 1).imagesHiding(workers: 2) == nil)
    }
}
