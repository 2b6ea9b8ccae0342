/// Σ x² of a flat buffer, in Double, whose parts may come in any order: over blocks of 4,096 values that are added in
/// the order of their places at the end, so that the sum has the same bits whatever the threads, and whatever parts
/// the buffer arrived in.
public final class SquaredNorm {
    /// Values of a block; parts begin at its multiples.
    public static let block = 4096

    private let count: Int
    private var sums: [Double]

    /// For a buffer of `count` values.
    public init(count: Int) {
        self.count = count
        sums = Array(repeating: 0, count: (count + Self.block - 1) / Self.block)
    }

    /// Takes in the values at `range`, which begins at a multiple of `block` and ends at one or with the buffer.
    public func cover(_ range: Range<Int>, of values: UnsafePointer<Float>, team: ThreadTeam) {
        precondition(
            range.lowerBound % Self.block == 0 && (range.upperBound % Self.block == 0 || range.upperBound == count),
            "\(range) of \(count) values is no run of blocks")
        let first = range.lowerBound / Self.block
        let blocks = (range.count + Self.block - 1) / Self.block
        sums.withUnsafeMutableBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            let target = base + first
            let source = values + range.lowerBound
            team.forRanges(of: blocks, atLeast: 8, moving: 4 * Self.block) { part in
                for b in part {
                    let start = b * Self.block
                    target[b] = Self.sum(source + start, count: min(Self.block, range.count - start))
                }
            }
        }
    }

    /// The sum over all blocks.
    public var total: Double { sums.reduce(0, +) }

    private static func sum(_ values: UnsafePointer<Float>, count: Int) -> Double {
        var lanes = SIMD8<Double>.zero
        var i = 0
        while i + 8 <= count {
            let x = SIMD8<Double>(UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<Float>.self))
            lanes += x * x
            i += 8
        }
        var sum = lanes.sum()
        while i < count {
            sum += Double(values[i]) * Double(values[i])
            i += 1
        }
        return sum
    }
}
