import Foundation

/// Prefetches: makes elements 0, 1, 2, … ahead of their use, on threads of its own, and hands them out in that order.
///
/// The threads end at the sequence's end, after an error, with `stop()`, or when the prefetcher goes away.
public final class Prefetcher<Element: Sendable>: Sendable {
    private let queue: PrefetchQueue<Element>

    /// - Parameters:
    ///   - ahead: how many elements may be ready or in the making before they are asked for, at least 1.
    ///   - threads: how many threads make them, at least 1.
    ///   - produce: makes the element at a position from 0; nil says that the sequence ended before it. It is called
    ///     once for each position, from several threads at a time.
    public init(ahead: Int, threads: Int, produce: @escaping @Sendable (Int) throws -> Element?) {
        precondition(ahead > 0 && threads > 0, "\(threads) threads that work \(ahead) ahead")
        let queue = PrefetchQueue(ahead: ahead, threads: min(threads, ahead), produce: produce)
        self.queue = queue
        // The threads hold the queue and not the prefetcher, which can thus go away while they run.
        for number in 0..<min(threads, ahead) {
            let thread = Thread { queue.run() }
            thread.name = "loader \(number)"
            thread.start()
        }
    }

    deinit { queue.stop() }

    /// The next element, waiting for it if need be; nil at the end and after `stop()`.
    ///
    /// Throws what making it threw, in its turn: the elements before it come first, and every later call throws it
    /// again. One thread calls this.
    public func next() throws -> Element? { try queue.next() }

    /// Ends the threads and returns when they are done with what they were making. Not for calls from `produce`.
    public func stop() {
        queue.stop()
        queue.awaitThreads()
    }
}

/// The elements that the prefetcher and its threads share. Unchecked `Sendable`, and sound because every variable is read
/// and written with the lock held; the lock is a condition, since threads wait on it.
private final class PrefetchQueue<Element: Sendable>: @unchecked Sendable {
    private let ahead: Int
    private let produce: @Sendable (Int) throws -> Element?
    private let lock = NSCondition()
    /// Elements that are ready, nil for the end, by position.
    private var ready: [Int: Result<Element?, any Error>] = [:]
    /// The position that `next()` gives out.
    private var delivered = 0
    /// The first position that no thread has taken.
    private var taken = 0
    /// No position from here on is worth making: the end or an error lies before it.
    private var limit = Int.max
    private var isStopped = false
    private var runningThreads: Int

    init(ahead: Int, threads: Int, produce: @escaping @Sendable (Int) throws -> Element?) {
        self.ahead = ahead
        self.produce = produce
        runningThreads = threads
    }

    /// Makes elements until there is nothing left to do: what each thread runs.
    func run() {
        while let position = takePosition() {
            let result = Result { try produce(position) }
            lock.withLock {
                ready[position] = result
                if case .success(.some) = result {} else { limit = min(limit, position + 1) }
                lock.broadcast()
            }
        }
        lock.withLock {
            runningThreads -= 1
            lock.broadcast()
        }
    }

    /// The next position to make, as soon as it is near enough; nil when there is nothing left to do.
    private func takePosition() -> Int? {
        lock.withLock {
            while !isStopped && taken < limit && taken >= delivered + ahead { lock.wait() }
            guard !isStopped, taken < limit else { return nil }
            taken += 1
            return taken - 1
        }
    }

    func next() throws -> Element? {
        lock.lock()
        defer { lock.unlock() }
        while !isStopped, ready[delivered] == nil { lock.wait() }
        guard !isStopped, let result = ready[delivered] else { return nil }
        // The end and an error stay where they are, for whoever asks again.
        if let element = try result.get() {
            ready[delivered] = nil
            delivered += 1
            lock.broadcast()
            return element
        }
        return nil
    }

    func stop() {
        lock.withLock {
            isStopped = true
            ready = [:]
            lock.broadcast()
        }
    }

    func awaitThreads() {
        lock.withLock { while runningThreads > 0 { lock.wait() } }
    }
}
