import Foundation
import Support

/// A cache of loaded samples without eviction: what is in stays in, and once it is full nothing is given up for another.
/// Threads may share it.
///
/// Every epoch takes each sample once, in another order. The sample used last is then the one that is wanted the latest
/// again, as a rule, and giving up the least recently used one throws out what the next epoch wants first. With c of n
/// samples kept for good, every epoch finds c of them, the most that a cache of c can be sure of in any order.
///
/// Unchecked `Sendable`, and sound because every variable is read and written with the lock held; the lock is a condition,
/// since threads wait for a sample that another one loads.
public final class SampleCache: @unchecked Sendable {
    /// What turns the files into samples.
    public let reader: SampleReader
    private let capacity: Int
    package let hasBorderTerm: Bool
    private let lock = NSCondition()
    private var entries: [SamplePair: Sample] = [:]
    /// Samples for which there was no room, as long as some thread uses them: another one need not read them again.
    private var lent: [SamplePair: Lent] = [:]
    /// Pairs that some thread is loading now.
    private var loading: Set<SamplePair> = []
    private var bytes = 0
    private var loadCount = 0
    /// What samples were when they were first read, on whatever rank.
    private var expected: [SamplePair: UInt64] = [:]
    private var isChecked = false

    /// A cache that keeps at most `megabytes` (of 2^20 bytes) of what `reader` loads; 0 keeps nothing.
    ///
    /// - Parameter hasBorderTerm: whether the samples will be asked for their border terms, whose room is then reckoned in
    ///   from the start.
    public init(reader: SampleReader, megabytes: Int, hasBorderTerm: Bool = false) {
        self.reader = reader
        self.hasBorderTerm = hasBorderTerm
        capacity = max(megabytes, 0) << 20
    }

    /// How many samples have been read from files so far.
    public var loads: Int { lock.withLock { loadCount } }

    /// The check of the sets is over, which ranks share: every sample could be read when the job began. From now on each must
    /// be read as it was then: one that was changed since, or that this rank sees otherwise, is refused; and one that cannot
    /// be read fails the job as what may pass, not as a wrong request.
    package func endCheck(_ sets: [(part: DatasetPart, pairs: [SamplePair])]) {
        lock.withLock {
            isChecked = true
            for (part, pairs) in sets {
                for (position, contents) in part.contents { expected[pairs[position]] = contents }
            }
        }
    }

    /// Reads a sample.
    private func read(_ pair: SamplePair) throws -> Sample {
        let sample = try reader.load(pair)
        guard let known = lock.withLock({ expected[pair] }), sample.contents != known else { return sample }
        throw Failure.running(
            "image \(pair.image.name) or its label \(pair.labels.name) is not what was read when the run began: it was changed, or "
                + "this machine sees another file than the one that read it then; give all the same files and go on with "
                + "--resume")
    }

    private struct Lent { weak var sample: Sample? }

    /// The pair's sample, read from its files where it is not kept. Threads that want the same one at a time read it once.
    ///
    /// - Parameter keeping: whether it is worth keeping: not where it is wanted once.
    ///
    /// Throws what `SampleReader.load` throws.
    public func load(_ pair: SamplePair, keeping: Bool = true) throws -> Sample {
        lock.lock()
        while true {
            if let sample = entries[pair] ?? lent[pair]?.sample {
                lock.unlock()
                return sample
            }
            guard loading.contains(pair) else { break }
            lock.wait()
        }
        loading.insert(pair)
        loadCount += 1
        lock.unlock()

        let result = Result { try read(pair) }

        let wasGood = lock.withLock {
            loading.remove(pair)
            if case .success(let sample) = result { keep(sample, of: pair, isWorthRoom: keeping) }
            lock.broadcast()
            return isChecked
        }
        do {
            return try result.get()
        } catch let failure as Failure where wasGood {
            throw failure.sinceStart
        }
    }

    private func keep(_ sample: Sample, of pair: SamplePair, isWorthRoom: Bool) {
        let needed = sample.bytes + (hasBorderTerm ? sample.borderTermBytes : 0)
        if isWorthRoom, bytes + needed <= capacity {
            entries[pair] = sample
            bytes += needed
        } else {
            lent = lent.filter { $1.sample != nil }
            lent[pair] = Lent(sample: sample)
        }
    }
}
