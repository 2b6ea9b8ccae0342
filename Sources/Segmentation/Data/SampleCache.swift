import Foundation

/// Loaded samples, kept while there is room, the least recently used given up first. Threads may share it.
///
/// Unchecked because the lock guards everything that changes.
public final class SampleCache: @unchecked Sendable {
    private struct Entry {
        let sample: Sample
        var lastUse: Int
    }

    /// What turns the files into samples.
    public let reader: SampleReader
    private let capacity: Int
    private let lock = NSCondition()
    private var entries: [SamplePair: Entry] = [:]
    /// Pairs that some thread is loading now.
    private var loading: Set<SamplePair> = []
    private var bytes = 0
    private var clock = 0
    private var loadCount = 0

    /// A cache that keeps at most `megabytes` (of 2^20 bytes) of what `reader` loads; 0 keeps nothing.
    public init(reader: SampleReader, megabytes: Int) {
        self.reader = reader
        capacity = max(megabytes, 0) << 20
    }

    /// How many samples have been read from files so far.
    public var loads: Int { lock.withLock { loadCount } }

    /// The pair's sample, read from its files where it is not kept. Two threads that want the same one read it once.
    ///
    /// Throws what `SampleReader.load` throws.
    public func load(_ pair: SamplePair) throws -> Sample {
        lock.lock()
        while true {
            if let sample = use(pair) {
                lock.unlock()
                return sample
            }
            guard loading.contains(pair) else { break }
            lock.wait()
        }
        loading.insert(pair)
        loadCount += 1
        lock.unlock()

        let result = Result { try reader.load(pair) }

        return try lock.withLock {
            loading.remove(pair)
            lock.broadcast()
            let sample = try result.get()
            keep(sample, for: pair)
            return sample
        }
    }

    /// The kept sample, marked as used now. The lock must be held.
    private func use(_ pair: SamplePair) -> Sample? {
        guard let sample = entries[pair]?.sample else { return nil }
        clock += 1
        entries[pair]?.lastUse = clock
        return sample
    }

    /// Keeps a sample and gives up old ones for it. The lock must be held.
    private func keep(_ sample: Sample, for pair: SamplePair) {
        // One that takes all the room would only drive the others out.
        guard sample.bytes <= capacity else { return }
        while bytes + sample.bytes > capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            bytes -= oldest.value.sample.bytes
            entries[oldest.key] = nil
        }
        clock += 1
        entries[pair] = Entry(sample: sample, lastUse: clock)
        bytes += sample.bytes
    }
}
