/// Two sums for each channel of an activation, taken in parts: each part's by one thread, and those of all parts added in
/// order, so that their bits depend on the parts alone.
///
/// Sendable without a lock: between `begin` and `total` each part's places are one thread's.
package final class ChannelSums: @unchecked Sendable {
    private(set) var kernels = ChannelwiseKernels(channels: 1)
    private var parts = 0
    private var memory = AlignedBuffer<Double>(0)

    package init() {}

    /// Sets the sums of so many parts to 0.
    func begin(channels: Int, parts: Int) {
        if channels != kernels.channels { kernels = ChannelwiseKernels(channels: channels) }
        self.parts = parts
        // The total behind the parts.
        let count = 2 * kernels.period * parts + 2 * channels
        if memory.count < count { memory = AlignedBuffer(count) }
        memory.base.update(repeating: 0, count: count)
    }

    /// The two periods of sums of a part.
    func part(_ index: Int) -> UnsafeMutablePointer<Double> { memory.base + 2 * kernels.period * index }

    /// Adds Σ x and Σ x² over a rectangle of pixels to a part.
    func addMoments(_ pixels: PixelRows, to index: Int) { kernels.addMoments(pixels, to: part(index)) }

    /// Σ x and Σ x² of each channel of a contiguous activation.
    package func takeMoments(_ input: TensorView, team: ThreadTeam) {
        let blocks = ChannelBlocks(input)
        begin(channels: input.channels, parts: blocks.count)
        team.forEach(blocks.count, moving: 4 * input.shape.count) { _, block in
            let range = blocks[block]
            addMoments(
                PixelRows(base: input.base + range.lowerBound, rowStride: range.count, rows: 1, count: range.count),
                to: block)
        }
    }

    /// Adds up the parts: the first sums of all channels, then the second ones.
    func total() -> UnsafePointer<Double> {
        let (period, channels) = (kernels.period, kernels.channels)
        let total = memory.base + 2 * period * parts
        for index in 0..<parts {
            kernels.addPlaces(part(index), to: total)
            kernels.addPlaces(part(index) + period, to: total + channels)
        }
        return UnsafePointer(total)
    }
}

/// A contiguous activation cut into runs of values: a function of its size alone.
struct ChannelBlocks {
    private let channels: Int
    private let pixels: Int
    private let blockPixels: Int

    init(_ input: TensorView) {
        channels = input.channels
        pixels = input.shape.pixels
        // What a pass reads of a block stays in the second-level cache; whole vectors, but for the last block.
        blockPixels = max(64, 8192 / channels / 16 * 16)
    }

    var count: Int { (pixels + blockPixels - 1) / blockPixels }

    /// The values of a block.
    subscript(block: Int) -> Range<Int> {
        block * blockPixels * channels..<min((block + 1) * blockPixels, pixels) * channels
    }
}
