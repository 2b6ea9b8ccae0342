import Communication
import Testing

@Suite struct SlotTreeTests {
    @Test(arguments: 1...16)
    func workersShareOutTheSlots(slots: Int) {
        for workers in 1...slots {
            let tree = SlotTree(slots: slots, workers: workers)
            let ranges = (0..<workers).map(tree.slots(ofWorker:))
            #expect(ranges.flatMap(Array.init) == Array(0..<slots))
            #expect(ranges.allSatisfy { $0.count == slots / workers || $0.count == slots / workers + 1 })
            for range in ranges { #expect(tree.largestNodes(in: range).flatMap(Array.init) == Array(range)) }
        }
    }

    @Test func aWorkerHoldsFewNodes() {
        for slots in 1...64 {
            for workers in 1...slots {
                let tree = SlotTree(slots: slots, workers: workers)
                let limit = max(1, 2 * Int.bitWidth - 2 * slots.leadingZeroBitCount)
                for worker in 0..<workers {
                    #expect(tree.largestNodes(in: tree.slots(ofWorker: worker)).count <= limit)
                }
            }
        }
    }

    @Test func theTreeIsThatOfPowersOfTwo() {
        #expect(SlotTree.middle(of: 0..<2) == 1)
        #expect(SlotTree.middle(of: 0..<5) == 4)
        #expect(SlotTree.middle(of: 0..<8) == 4)
        #expect(SlotTree.middle(of: 4..<7) == 6)
    }
}
