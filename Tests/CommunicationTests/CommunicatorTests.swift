import Communication
import Foundation
import Support
import TestSupport
import Testing

@Suite struct CommunicatorTests {
    @Test(arguments: [1, 2, 3, 4, 7, 8])
    func broadcastReachesEveryRank(size: Int) throws {
        for bytes in [0, 1, 1000] {
            for root in 0..<size {
                let received = try ThreadCommunicator.run(size: size) { communicator in
                    let data = Data(
                        repeating: UInt8(communicator.rank + 1), count: communicator.rank == root ? bytes : 3)
                    return try communicator.broadcast(data, root: root)
                }
                #expect(received == Array(repeating: Data(repeating: UInt8(root + 1), count: bytes), count: size))
            }
        }
    }

    @Test func everyRankGathersAll() throws {
        let gathered = try ThreadCommunicator.run(size: 5) { communicator in
            try communicator.gatherFromAll(Data(repeating: 9, count: communicator.rank))
        }
        #expect(gathered.allSatisfy { $0.map(\.count) == [0, 1, 2, 3, 4] })
    }

    @Test func aSplitGroupHasItsOwnRanksAndMessages() throws {
        let ranks = try ThreadCommunicator.run(size: 4) { communicator -> [Int] in
            guard let group = try communicator.split([1, 3]) else { return [] }
            return [group.rank, group.size, try group.gatherFromAll(Data()).count]
        }
        #expect(ranks == [[], [0, 2, 2], [], [1, 2, 2]])
    }

    @Test func aHostsRanksAreAGroup() throws {
        let ranks = try ThreadCommunicator.run(size: 5, hosts: [0, 1, 0, 2, 1]) { communicator -> [UInt8] in
            let host = try communicator.splitByHost()
            return try host.gatherFromAll(Data([UInt8(communicator.rank)])).map { $0[0] }
        }
        #expect(ranks == [[0, 2], [1, 4], [0, 2], [3], [1, 4]])
    }

    @Test("another build on one rank, or on two, is named on all", arguments: [[2], [1, 3], []])
    func builds(others: [Int]) throws {
        let failures = try ThreadCommunicator.run(size: 4) { communicator -> String? in
            do {
                try communicator.checkBuilds(others.contains(communicator.rank) ? "revision b" : "revision a")
            } catch let failure as Failure { return failure.message }
            return nil
        }
        let names = others.map { "thread \($0)" }.joined(separator: ", ")
        #expect(failures.allSatisfy { ($0 == nil) == others.isEmpty && $0 == failures[0] })
        #expect(others.isEmpty || failures[0]?.contains("thread 0 has revision a, and \(names) revision b") == true)
    }

    @Test func aFailureOnOneRankEndsTheOthers() {
        #expect(throws: Failure.running("broken")) {
            try ThreadCommunicator.run(size: 3) { communicator in
                if communicator.rank == 1 { throw Failure.running("broken") }
                try communicator.barrier()
            }
        }
    }

    @Test func rolesFollowTheMode() {
        let dedicated = ProcessLayout(ranks: 3, mode: .dedicated)
        let shared = ProcessLayout(ranks: 3, mode: .shared)
        #expect(dedicated.workers == [1, 2] && dedicated.lead == 1 && dedicated.hasDedicatedCoordinator)
        #expect(dedicated.worker(ofRank: 0) == nil && dedicated.worker(ofRank: 2) == 1)
        #expect(shared.workers == [0, 1, 2] && !shared.hasDedicatedCoordinator)
        #expect(ProcessLayout(ranks: 1, mode: .dedicated).workers == [0])
    }
}
