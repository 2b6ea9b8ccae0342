import Kernels
import Synchronization

/// Which sample each slot of each step trains on: the epochs follow each other without a gap, so that every step takes
/// exactly `batch` samples and a batch may reach over an epoch's end.
///
/// A pure function of (count, batch, seed, shuffle), the same on every rank.
public struct SampleSchedule: Sendable {
    /// Samples of the training set, at least 1.
    public let count: Int
    /// Samples of a step, at least 1.
    public let batch: Int
    private let seed: UInt64
    private let shuffle: Bool
    private let orders = EpochOrders()

    /// Without `shuffle`, every epoch takes the samples in their order.
    public init(count: Int, batch: Int, seed: UInt64, shuffle: Bool) {
        precondition(count > 0 && batch > 0, "a schedule of \(count) samples in batches of \(batch)")
        self.count = count
        self.batch = batch
        self.seed = seed
        self.shuffle = shuffle
    }

    /// The sample (0..<count) of slot 0..<batch at a step, both from 0, and the epoch it belongs to.
    public func at(step: Int, slot: Int) -> (epoch: Int, sample: Int) {
        precondition(step >= 0 && (0..<batch).contains(slot), "slot \(slot) of \(batch) at step \(step)")
        let (epoch, place) = (step * batch + slot).quotientAndRemainder(dividingBy: count)
        guard shuffle else { return (epoch, place) }
        return (epoch, orders.order(ofEpoch: epoch, count: count, seed: seed)[place])
    }

    /// The steps that `epochs` epochs take, ⌈epochs·count/batch⌉.
    public func steps(forEpochs epochs: Int) -> Int {
        precondition(epochs >= 0, "\(epochs) epochs")
        return (epochs * count + batch - 1) / batch
    }
}

/// The orders of the last two epochs, which loader threads share at an epoch's end: an order costs as much as a pass
/// over the set.
private final class EpochOrders: Sendable {
    private let recent = Mutex<[(epoch: Int, order: [Int])]>([])

    func order(ofEpoch epoch: Int, count: Int, seed: UInt64) -> [Int] {
        recent.withLock { recent in
            if let known = recent.first(where: { $0.epoch == epoch }) { return known.order }
            var stream = RandomStream(seed: seed, use: .shuffling, epoch)
            let order = stream.permutation(of: count)
            recent = recent.suffix(1) + [(epoch, order)]
            return order
        }
    }
}
