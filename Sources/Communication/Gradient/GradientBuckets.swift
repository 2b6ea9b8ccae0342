import Kernels

/// How a record (a gradient, and a few numbers behind it) is cut into buckets, each of which travels by itself.
///
/// A backward pass completes a gradient from its end to its beginning, so buckets are numbered from the end. The
/// numbers behind the gradient are known last and are the last bucket.
public struct GradientBuckets: Sendable {
    /// Floats of the gradient, and of what follows it: the caller's, and one that counts failures.
    public let gradient: Int
    public let tail: Int
    /// Places in the record, in the order in which they are complete.
    public let ranges: [Range<Int>]

    /// Floats below which buckets do not shrink towards the end: 1 MiB.
    private static let smallest = 64 * SquaredNorm.block

    /// - Parameters:
    ///   - floats: of a bucket, at most, rounded up to blocks of the norm. Towards the end of the backward pass each
    ///     takes half of what is left, so that little remains to be sent once the pass is over.
    public init(gradient: Int, tail: Int, floats: Int) {
        precondition(gradient >= 0 && tail >= 0 && floats > 0, "buckets of \(floats) for \(gradient) and \(tail)")
        self.gradient = gradient
        self.tail = tail
        let block = SquaredNorm.block
        let most = (floats + block - 1) / block * block
        var ranges: [Range<Int>] = []
        var upper = gradient
        while upper > 0 {
            let size = min(most, max(upper / 2, Self.smallest))
            let lower = max(0, upper - size) / block * block
            ranges.append(lower..<upper)
            upper = lower
        }
        ranges.append(gradient..<gradient + tail + 1)
        self.ranges = ranges
    }

    public var count: Int { ranges.count }
    /// Floats of a record.
    public var recordCount: Int { failures + 1 }
    /// Place of the number of workers that failed to compute their slots.
    var failures: Int { gradient + tail }

    /// Number of the bucket behind the gradient.
    var tailBucket: Int { ranges.count - 1 }

    /// A hash of a gradient: of the hashes of its buckets, in their order.
    package func hash(of gradient: UnsafePointer<Float>, team: ThreadTeam) -> UInt64 {
        FlatBuffers.hash((0..<tailBucket).map { hash(of: gradient, bucket: $0, team: team) })
    }

    func hash(of gradient: UnsafePointer<Float>, bucket: Int, team: ThreadTeam) -> UInt64 {
        let range = ranges[bucket]
        return FlatBuffers.hash(gradient + range.lowerBound, count: range.count, team: team)
    }

    /// How many buckets are complete once all gradients at `offset` and behind it are final.
    func complete(downTo offset: Int) -> Int {
        ranges.dropLast().prefix { $0.lowerBound >= offset }.count
    }
}
