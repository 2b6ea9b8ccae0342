import Communication
import Support
import TestSupport
import Testing

@Suite struct SharedMemoryTests {
    @Test("each rank has a part of its own, which all see", arguments: 1...5)
    func parts(ranks: Int) throws {
        let sums = try ThreadCommunicator.run(size: ranks) { communicator -> [UInt8] in
            // A part of no bytes, of few, and of pages.
            let memory = try communicator.shareMemory(bytes: 5000 * communicator.rank)
            #expect(memory.parts.count == ranks)
            let own = memory.parts[communicator.rank]
            #expect((0..<5000 * communicator.rank).allSatisfy { own.load(fromByteOffset: $0, as: UInt8.self) == 0 })
            own.storeBytes(of: UInt8(communicator.rank + 1), as: UInt8.self)
            try communicator.barrier()
            defer { withExtendedLifetime(memory) {} }
            return memory.parts.map { $0.load(as: UInt8.self) }
        }
        #expect(sums.allSatisfy { $0 == (1...UInt8(ranks)).map { $0 } })
    }

    @Test("what cannot be had is a failure on all ranks alike")
    func refusal() throws {
        let messages = try ThreadCommunicator.run(size: 3) { communicator -> String in
            do {
                // More than an address space has.
                _ = try communicator.shareMemory(bytes: communicator.rank == 1 ? 1 << 60 : 10)
            } catch let failure as Failure { return failure.message }
            return ""
        }
        #expect(Set(messages).count == 1 && messages[0].contains("communication.host_sums"), "\(messages)")
        #expect(throws: Failure.self) { try SoloCommunicator().shareMemory(bytes: 1 << 60) }
    }
}
