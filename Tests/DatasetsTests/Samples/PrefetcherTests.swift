import Datasets
import Foundation
import Support
import Synchronization
import Testing

@Suite struct PrefetcherTests {
    /// A delay of up to 2 ms that depends on the position alone.
    private static func pause(_ position: Int) {
        Thread.sleep(forTimeInterval: Double(position &* 2_654_435_761 % 97) / 97 * 0.002)
    }

    @Test("Elements come in order, whatever their making takes", arguments: [1, 2, 5], [1, 3, 16])
    func order(threads: Int, ahead: Int) throws {
        let made = Mutex<[Int]>([])
        let loader = Prefetcher<Int>(ahead: ahead, threads: threads) { position in
            guard position < 60 else { return nil }
            Self.pause(position)
            made.withLock { $0.append(position) }
            return 10 * position
        }
        for position in 0..<60 { #expect(try loader.next() == 10 * position) }
        #expect(try loader.next() == nil)
        #expect(try loader.next() == nil)
        loader.stop()
        #expect(made.withLock { $0.sorted() } == Array(0..<60))
    }

    @Test func lookAheadIsBounded() throws {
        let begun = Mutex(0)
        let loader = Prefetcher<Int>(ahead: 3, threads: 2) { position in
            begun.withLock { $0 = max($0, position + 1) }
            return position
        }
        for delivered in 1...20 {
            _ = try loader.next()
            if delivered % 5 == 0 { Thread.sleep(forTimeInterval: 0.01) }
            #expect(begun.withLock { $0 } <= delivered + 3)
        }
        // And it is used: the threads are ahead as far as they may.
        for _ in 0..<500 where begun.withLock({ $0 }) < 23 { Thread.sleep(forTimeInterval: 0.01) }
        Thread.sleep(forTimeInterval: 0.02)
        #expect(begun.withLock { $0 } == 23)
        loader.stop()
    }

    @Test("An error comes in its turn, and stays", arguments: [1, 4])
    func errors(threads: Int) throws {
        let loader = Prefetcher<Int>(ahead: 8, threads: threads) { position in
            // Later positions fail first.
            if position >= 5 { throw Failure.request("position \(position)") }
            Thread.sleep(forTimeInterval: 0.005)
            return position
        }
        for position in 0..<5 { #expect(try loader.next() == position) }
        for _ in 0..<2 {
            let failure = #expect(throws: Failure.self) { try loader.next() }
            #expect(failure?.message == "position 5")
        }
        loader.stop()
    }

    @Test func stoppingEndsTheThreads() throws {
        let running = Mutex(0)
        let calls = Mutex(0)
        let loader = Prefetcher<Int>(ahead: 6, threads: 3) { position in
            running.withLock { $0 += 1 }
            calls.withLock { $0 += 1 }
            Thread.sleep(forTimeInterval: 0.002)
            running.withLock { $0 -= 1 }
            return position
        }
        #expect(try loader.next() == 0)
        loader.stop()
        #expect(running.withLock { $0 } == 0)
        let after = calls.withLock { $0 }
        #expect(try loader.next() == nil)
        loader.stop()
        Thread.sleep(forTimeInterval: 0.02)
        #expect(calls.withLock { $0 } == after)
    }

    @Test func stoppingWakesWhoWaits() throws {
        let loader = Prefetcher<Int>(ahead: 1, threads: 1) { position in
            Thread.sleep(forTimeInterval: 0.05)
            return position
        }
        let answered = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while (try? loader.next()) ?? nil != nil {}
            answered.signal()
        }
        Thread.sleep(forTimeInterval: 0.02)
        loader.stop()
        #expect(answered.wait(timeout: .now() + 10) == .success)
    }

    @Test func goingAwayEndsTheThreads() {
        final class Token: Sendable {}
        weak var held: Token?
        do {
            let token = Token()
            held = token
            let loader = Prefetcher<Token>(ahead: 2, threads: 2) { [token] _ in token }
            _ = try? loader.next()
        }
        // The threads let go of what they were given, soon after the loader went.
        for _ in 0..<200 where held != nil { Thread.sleep(forTimeInterval: 0.01) }
        #expect(held == nil)
    }
}
