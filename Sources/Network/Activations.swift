import Kernels

/// The maps that one forward pass leaves behind for its backward pass, for one input size.
final class Activations {
    /// Two convolutions' outputs; the second of an encoder level is also the skip.
    struct Block {
        let conv1: Tensor
        let conv2: Tensor
    }

    let input: ImageShape
    /// Levels 0 to depth.
    let encoder: [Block]
    /// What pooling makes of levels 0 to depth − 1.
    let pooled: [Tensor]
    /// What up-convolution gives levels 0 to depth − 1.
    let up: [Tensor]
    /// Levels 0 to depth − 1.
    let decoder: [Block]
    let logits: Tensor
    /// Made by the first backward pass.
    private(set) lazy var gradients = Gradients(self)

    init(_ architecture: UNetArchitecture, input: ImageShape) {
        let shrink = architecture.padding == .same ? 0 : 2
        func block(_ height: Int, _ width: Int, _ channels: Int) -> Block {
            Block(
                conv1: Tensor(height - shrink, width - shrink, channels),
                conv2: Tensor(height - 2 * shrink, width - 2 * shrink, channels))
        }
        let depth = architecture.depth
        var encoder: [Block] = []
        var pooled: [Tensor] = []
        var (height, width) = (input.height, input.width)
        for level in 0...depth {
            let channels = architecture.channels(atLevel: level)
            encoder.append(block(height, width, channels))
            (height, width) = (encoder[level].conv2.height, encoder[level].conv2.width)
            if level < depth {
                (height, width) = (height / 2, width / 2)
                pooled.append(Tensor(height, width, channels))
            }
        }
        var up: [Tensor] = []
        var decoder: [Block] = []
        for level in (0..<depth).reversed() {
            let channels = architecture.channels(atLevel: level)
            (height, width) = (2 * height, 2 * width)
            up.append(Tensor(height, width, channels))
            let block = block(height, width, channels)
            decoder.append(block)
            (height, width) = (block.conv2.height, block.conv2.width)
        }
        self.input = input
        self.encoder = encoder
        self.pooled = pooled
        self.up = up.reversed()
        self.decoder = decoder.reversed()
        logits = Tensor(height, width, architecture.classes)
    }

    /// Where the backward pass works: one gradient for each skip, which waits from the decoder's side to the encoder's,
    /// and two buffers that all other gradients take turns in.
    final class Gradients {
        let logits: Tensor
        let skips: [Tensor]
        private let turns: [UnsafeMutablePointer<Float>]
        private var next = 0

        init(_ activations: Activations) {
            logits = Tensor(activations.logits.shape)
            skips = activations.encoder.dropLast().map { Tensor($0.conv2.shape) }
            let maps =
                activations.encoder.flatMap { [$0.conv1, $0.conv2] }
                + activations.decoder.flatMap { [$0.conv1, $0.conv2] }
                + activations.pooled + activations.up
            let largest = maps.map(\.count).max() ?? 0
            turns = [allocateFloats(largest), allocateFloats(largest)]
        }

        deinit { for buffer in turns { buffer.deallocate() } }

        /// The buffer whose turn it is, for a map of this shape; the one handed out before stays valid.
        func take(_ shape: ImageShape) -> TensorView {
            next = 1 - next
            return TensorView(base: turns[next], shape: shape, rowStride: shape.width * shape.channels)
        }
    }
}
